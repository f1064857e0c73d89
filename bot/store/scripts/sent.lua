-- Write down that a bubble has left. What is true is written even if the claim was lost meanwhile; only of a chat that
-- was disabled meanwhile nothing is kept.
-- ARGV: now, chat, bubble id, message id (the receipt), message JSON, transcript length
local now, chat, id, receipt = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local bubble = key('bubble', id)
local state = redis.call('HGET', bubble, 'state')
if state == 'sent' then return 'known' end
local draft = redis.call('HGET', bubble, 'draft')
if not draft then return 'forgotten' end
redis.call('HSET', bubble, 'state', 'sent', 'receipt', receipt, 'sent_at', now)
redis.call('PEXPIRE', bubble, KEPT_MS)
redis.call('SREM', key('in_flight'), id)
redis.call('HDEL', key('awaited', chat), id)
local notice = redis.call('HGET', bubble, 'notice')
local announcement = notice == 'announcement'
if announcement then
  redis.call('HSET', key('chat', chat), 'announced_at', now)
else
  redis.call('HINCRBY', key('draft', draft), 'sent', 1)
end
-- The messenger may have echoed it before this was written.
if redis.call('ZADD', key('seen', chat), 'NX', now, receipt) == 1 then
  -- What is said of the stand-in is not for the model to learn to say.
  if not notice then redis.call('RPUSH', key('transcript', chat), ARGV[5]) end
  redis.call('LTRIM', key('transcript', chat), -tonumber(ARGV[6]), -1)
  outcome(chat, { receipt }, 'own', 'sent by the stand-in')
elseif redis.call('HGET', key('chat', chat), 'owner_by') == receipt then
  -- Its echo came first, in other words than it was sent in, and was taken for the owner: they were not there.
  redis.call('HSET', key('chat', chat), 'owner_at', redis.call('HGET', key('chat', chat), 'owner_before'))
  redis.call('HDEL', key('chat', chat), 'owner_by', 'owner_before')
  outcome(chat, { receipt }, 'own', 'sent by the stand-in')
  local said = redis.call('LRANGE', key('transcript', chat), 0, -1)
  for at = #said, 1, -1 do
    local fine, message = pcall(cjson.decode, said[at])
    if fine and message.id == receipt then
      redis.call('LSET', key('transcript', chat), at - 1, ARGV[5])
      break
    end
  end
end
journal(now, 'bubble.sent', chat, { bubble = id, draft = draft, receipt = receipt })
if redis.call('LINDEX', key('out', chat), 0) == id then
  redis.call('LPOP', key('out', chat))
  local next = redis.call('LINDEX', key('out', chat), 0)
  if next and redis.call('HGET', key('bubble', next), 'draft') == draft then
    redis.call('ZADD', key('outbox', messenger_of(chat)), now, chat)
    wake(chat)
    return 'sent'
  end
  if next then
    redis.call('ZADD', key('outbox', messenger_of(chat)), now, chat)
  else
    redis.call('ZREM', key('outbox', messenger_of(chat)), chat)
    if not redis.call('HGET', key('chat', chat), 'claim') then make_ready(chat, now) end
  end
end
local sent, total = redis.call('HGET', key('draft', draft), 'sent'), redis.call('HGET', bubble, 'total')
if sent == total and not announcement then
  move_draft(now, draft, 'sent', 'answered', 'the answer was sent',
    redis.call('HGET', key('draft', draft), 'decided_by') or 'auto')
end
return 'sent'
