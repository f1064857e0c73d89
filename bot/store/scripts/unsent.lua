-- A bubble did not leave this time: try again later, or give up.
-- ARGV: now, chat, token, bubble id, wait ms, most tries, reason, it may have left (0|1: handed over before, or now),
--   postponed (0|1: the messenger asks to wait, which is no failed try), passed the fence this time (0|1)
-- Gives 'lost', 'planned', 'sending', 'failed' or 'unknown'.
local now, chat, id = tonumber(ARGV[1]), ARGV[2], ARGV[4]
if redis.call('HGET', key('chat', chat), 'send_token') ~= ARGV[3] or redis.call('LINDEX', key('out', chat), 0) ~= id then
  return 'lost'
end
local bubble = key('bubble', id)
local draft = redis.call('HGET', bubble, 'draft')
-- That this try came to nothing says nothing of one before it: such a bubble is never planned anew, for a kill would
-- freeze it, and an approval after that would send it under another id.
local before, postponed = ARGV[8] == '1', ARGV[9] == '1'
journal(now, postponed and 'bubble.postponed' or 'bubble.unsent', chat, { bubble = id, draft = draft,
  reason = ARGV[7], wait_seconds = postponed and math.ceil(tonumber(ARGV[5]) / 1000) or nil })
if postponed then
  if ARGV[10] == '1' then redis.call('HINCRBY', bubble, 'tries', -1) end
  redis.call('SADD', key('postponed'), chat)
  wake(chat)
elseif tonumber(redis.call('HGET', bubble, 'tries')) >= tonumber(ARGV[6]) then
  if before then
    redis.call('HSET', bubble, 'state', 'unknown')
    clear_out(now, chat, draft, 'void')
    move_draft(now, draft, 'unknown', 'unknown', 'a bubble may or may not have left; it is not repeated', 'sender')
    return 'unknown'
  end
  clear_out(now, chat, draft, 'failed')
  move_draft(now, draft, 'failed', 'failed', ARGV[7], 'sender')
  return 'failed'
end
redis.call('ZADD', key('outbox', messenger_of(chat)), now + tonumber(ARGV[5]), chat)
if before then return 'sending' end
redis.call('SREM', key('in_flight'), id)
redis.call('HDEL', key('awaited', chat), id)
redis.call('HSET', bubble, 'state', 'planned')
return 'planned'
