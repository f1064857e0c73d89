-- A bubble surely did not leave: try again later, or give up.
-- ARGV: now, chat, token, bubble id, wait ms, most tries, reason
local now, chat, id = tonumber(ARGV[1]), ARGV[2], ARGV[4]
if redis.call('HGET', key('chat', chat), 'send_token') ~= ARGV[3] or redis.call('LINDEX', key('out', chat), 0) ~= id then
  return 'lost'
end
local bubble = key('bubble', id)
local draft = redis.call('HGET', bubble, 'draft')
redis.call('SREM', key('in_flight'), id)
journal(now, 'bubble.unsent', chat, { bubble = id, draft = draft, reason = ARGV[7] })
if tonumber(redis.call('HGET', bubble, 'tries')) >= tonumber(ARGV[6]) then
  clear_out(now, chat, 'failed')
  move_draft(now, draft, 'failed', 'failed', ARGV[7], 'sender')
  return 'failed'
end
redis.call('HSET', bubble, 'state', 'planned')
redis.call('ZADD', key('outbox', messenger_of(chat)), now + tonumber(ARGV[5]), chat)
return 'planned'
