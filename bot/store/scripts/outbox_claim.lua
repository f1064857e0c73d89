-- Take the chat of one messenger whose next bubble is due.
-- ARGV: now, messenger, lease ms
-- Gives nil, or: chat, token, bubble id, draft id, text, index, total, state, tries
local now, messenger = tonumber(ARGV[1]), ARGV[2]
local outbox = key('outbox', messenger)
while true do
  local chat = redis.call('ZRANGEBYSCORE', outbox, '-inf', now, 'LIMIT', 0, 1)[1]
  if not chat then
    bring_back(now, outbox, tonumber(ARGV[3]))
    return nil
  end
  local id = redis.call('LINDEX', key('out', chat), 0)
  if not id then
    redis.call('ZREM', outbox, chat)
  else
    redis.call('ZADD', outbox, now + tonumber(ARGV[3]), chat)
    local token = redis.call('HINCRBY', key('chat', chat), 'send_token', 1)
    local bubble = redis.call('HMGET', key('bubble', id), 'draft', 'text', 'index', 'total', 'state', 'tries')
    return { chat, token, id, bubble[1], bubble[2], tonumber(bubble[3]), tonumber(bubble[4]), bubble[5],
      tonumber(bubble[6]) }
  end
end
