-- May the one message that may follow a kill be handed over? At most once for a kill, whoever asks and however often,
-- and once for all kill words that are said while it stands: two stand-ins must not kill each other for ever.
-- ARGV: now, chat in which the word was said, the kill's id, how old the kill may be in ms, may repeat (0|1: the
--   messenger knows an idempotency key), plain text
-- Gives 'go', or why not: 'lifted', 'said', 'late', 'mode', or what came of it before ('sending' only where it goes on).
local now, chat = tonumber(ARGV[1]), ARGV[2]
local name = key('acknowledgement', ARGV[3])
local state = redis.call('GET', name)
if state and state ~= 'sending' then return state end
if state and ARGV[5] ~= '1' then
  -- Handed over by somebody who died before writing down what came of it.
  redis.call('SET', name, 'unknown', 'KEEPTTL')
  journal(now, 'acknowledgement.unknown', chat, { kill = ARGV[3] })
  return 'unknown'
end
local heard
for _, scope in ipairs(scopes_of(chat)) do
  heard = heard or redis.call('ZSCORE', key('kills_heard'), scope .. '|' .. ARGV[3])
end
local kill = standing_kill(chat)
if not heard or record_lost() or not kill then return 'lifted' end
-- What stands stays as it was first written until it is resumed.
kill = redis.sha1hex(kill)
if not state and redis.call('HGET', key('chat', chat), 'acknowledged') == kill then return 'said' end
local age = now - tonumber(heard)
if age < 0 or age > tonumber(ARGV[4]) then return 'late' end
local mode = mode_of(chat)
if mode ~= 'manual' and mode ~= 'auto' then return 'mode' end
redis.call('SET', name, 'sending', 'PX', KEPT_MS)
redis.call('HSET', key('chat', chat), 'acknowledged', kill)
await_echo(chat, 'acknowledgement.' .. ARGV[3], ARGV[6])
journal(now, 'acknowledgement.sending', chat, { kill = ARGV[3] })
return 'go'
