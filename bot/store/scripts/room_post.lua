-- The local messenger: post to a room, once for each idempotency key. KEYS[1] is the room's prefix.
-- ARGV: idempotency key or '', author id, author name, own (0|1), text, reply to or '', at, room length
if ARGV[1] ~= '' then
  local known = redis.call('HGET', key('sends'), ARGV[1])
  if known then return known end
end
local id = redis.call('XADD', key('room'), 'MAXLEN', '~', tonumber(ARGV[8]), '*', 'author', ARGV[2], 'name', ARGV[3],
  'own', ARGV[4], 'text', ARGV[5], 'reply_to', ARGV[6], 'at', ARGV[7])
if ARGV[1] ~= '' then redis.call('HSET', key('sends'), ARGV[1], id) end
redis.call('PUBLISH', 'understudy:wake', 'room')
return id
