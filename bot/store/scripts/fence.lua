-- The fence: the last question before a bubble is handed to a messenger, and the record of the intent, in one step.
-- ARGV: now, chat, token, bubble id, lease ms, may repeat (0|1: the messenger knows an idempotency key), moved limit,
--   plain text, how long the owner counts as there in ms, whether announcements are made (0|1), marked (0|1)
-- Gives 'go', or why not: 'lost', 'killed', 'off', 'owner', 'mode', 'expired', 'moved', 'unknown', 'void'. Whatever the
-- answer, the states are already written.
local now, chat, id = tonumber(ARGV[1]), ARGV[2], ARGV[4]
-- Messengers remember an idempotency key for a while only; this is well within what ours promise.
local REPEAT_MS = 3600000
local settings = key('chat', chat)
if redis.call('HGET', settings, 'send_token') ~= ARGV[3] or redis.call('LINDEX', key('out', chat), 0) ~= id then
  return 'lost'
end
local bubble = key('bubble', id)
-- The chat may be told otherwise since the bubble was claimed: it is claimed anew, with its announcement and mark.
if redis.call('HGET', bubble, 'state') == 'planned'
  and ((ARGV[10] == '1' and unannounced(chat, id)) or (told(chat, 'marked') and '1' or '0') ~= ARGV[11]) then
  redis.call('ZADD', key('outbox', messenger_of(chat)), now, chat)
  return 'lost'
end
local state, draft = redis.call('HGET', bubble, 'state'), redis.call('HGET', bubble, 'draft')
local mode = mode_of(chat)
local by_rules = redis.call('HGET', key('draft', draft), 'auto')
-- In shadow mode nothing is sent, whoever approved it; in manual mode nothing that only the rules approved.
-- What an owner reveals leaves in any mode, for it is no answer; under a kill it does not, and is to be ordered anew.
local notice = redis.call('HGET', key('draft', draft), 'notice')
local unwanted = not notice and (mode == 'shadow' or (by_rules and mode ~= 'auto'))
local off = not notice and mode == 'off'

-- A bubble found `sending` was handed over by somebody who died before writing down what came of it. It may be
-- handed over again only where the messenger knows its id, and only while it might be sent for the first time.
local approved = redis.call('HGET', key('draft', draft), 'state') == 'approved'
local killed = standing_kill(chat) or tonumber(redis.call('HGET', bubble, 'epoch')) ~= epoch_of(chat)
-- Whoever wrote in person since this was approved has said it themselves, or does not want it said.
local seen, stay = tonumber(redis.call('HGET', settings, 'owner_at') or '0'), tonumber(ARGV[9])
local here = not notice and math.abs(now - seen) < stay
  and seen > tonumber(redis.call('HGET', key('draft', draft), 'decided_at') or '0')
local old = now - tonumber(redis.call('HGET', bubble, 'sending_at') or now) > REPEAT_MS
if state == 'sending' and (killed or not approved or here or old or off or unwanted or ARGV[6] ~= '1') then
  redis.call('HSET', bubble, 'state', 'unknown')
  clear_out(now, chat, draft, 'void')
  move_draft(now, draft, 'unknown', 'unknown', 'a bubble may or may not have left; it is not repeated', 'fence')
  return 'unknown'
end
if not approved then
  clear_out(now, chat, draft, 'void')
  return 'void'
end
if killed then
  stopped_by_kill(now, chat, draft, 'fence')
  return 'killed'
end
if off then
  clear_out(now, chat, draft, 'void')
  move_draft(now, draft, 'void', 'ignored', 'the chat was switched off', 'fence')
  return 'off'
end
if here then
  clear_out(now, chat, draft, 'void')
  move_draft(now, draft, 'void', 'ignored', 'the owner is here', 'fence')
  return 'owner'
end
if unwanted then
  clear_out(now, chat, draft, 'void')
  move_draft(now, draft, 'held', 'held', ownerless(chat) or 'the chat is in ' .. mode .. ' mode now', 'fence')
  return 'mode'
end
-- Time stands still for nobody's bubbles: what waited while the service was away is asked about like a held draft.
if state == 'planned' and tonumber(redis.call('HGET', key('draft', draft), 'expires_at')) <= now then
  clear_out(now, chat, draft, 'void')
  move_draft(now, draft, 'expired', 'expired', 'it could not be sent in time', 'fence')
  return 'expired'
end
if state == 'planned' and not notice and moved_by(chat, draft) >= tonumber(ARGV[7]) then
  clear_out(now, chat, draft, 'void')
  move_draft(now, draft, 'stale', 'stale', 'the chat has moved past it', 'fence')
  return 'moved'
end

redis.call('HSET', bubble, 'state', 'sending')
-- Of several times of which nobody knows what came, the first one counts: from then on it may stand in the chat.
if state ~= 'sending' then redis.call('HSET', bubble, 'sending_at', now) end
await_echo(chat, id, ARGV[8])
redis.call('HINCRBY', bubble, 'tries', 1)
redis.call('SADD', key('in_flight'), id)
redis.call('ZADD', key('outbox', messenger_of(chat)), now + tonumber(ARGV[5]), chat)
journal(now, 'bubble.sending', chat, { bubble = id, draft = draft, repeated = state == 'sending' })
return 'go'
