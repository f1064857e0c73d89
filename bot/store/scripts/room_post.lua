-- The local messenger: post to a room, once for each idempotency key. KEYS[1] is the room's prefix.
-- ARGV: idempotency key or '', author id, author name, own (0|1), text, reply to or '', at, room length
if ARGV[1] ~= '' then
  local known = redis.call('GET', key('send', ARGV[1]))
  if known then return known end
end
local id = redis.call('XADD', key('room'), 'MAXLEN', '~', tonumber(ARGV[8]), '*', 'author', ARGV[2], 'name', ARGV[3],
  'own', ARGV[4], 'text', ARGV[5], 'reply_to', ARGV[6], 'at', ARGV[7])
-- As other messengers do, it remembers a key for a while; ours are repeated within minutes.
if ARGV[1] ~= '' then redis.call('SET', key('send', ARGV[1]), id, 'PX', 7 * 86400000) end
redis.call('PUBLISH', 'understudy:wake', 'room')
return id
