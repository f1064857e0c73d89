-- Take a program's token away. ARGV: now, token's id, by
local now, id, by = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local found = redis.call('HGET', key('tokens'), id)
if not found then return 'missing' end
local token = cjson.decode(found)
redis.call('DEL', key('token', token.hash))
redis.call('HDEL', key('tokens'), id)
journal(now, 'token.revoked', 'people', { person = token.name, token = id, by = by })
return 'revoked'
