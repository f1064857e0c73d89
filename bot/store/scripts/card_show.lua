-- Write down what a card shows, and give it back. ARGV: now, draft id, token, chat, channel, message, face, gone (0|1)
-- Who has lost it meanwhile may have put something older over what its new holder shows: what it shows is not known
-- then, and somebody looks after it, also where it was dropped as empty.
local id, name = ARGV[2], key('card', ARGV[2])
if redis.call('HGET', name, 'token') == ARGV[3] then
  redis.call('HSET', name, 'message', ARGV[6], 'face', ARGV[7], 'gone', ARGV[8])
  redis.call('HDEL', name, 'until')
  return
end
if ARGV[6] == '' then return end
redis.call('HSET', name, 'message', ARGV[6], 'face', '')
redis.call('HSETNX', name, 'chat', ARGV[4])
redis.call('HSETNX', name, 'channel', ARGV[5])
redis.call('HSETNX', name, 'began', ARGV[1])
redis.call('SADD', key('cards'), id)
