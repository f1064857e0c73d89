-- Keep a program's token. ARGV: now, token's id, person's id, role, hash, ms, by
local now, id, person, role, hash, ms, by =
  tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7]
local name = redis.call('HGET', key('person', person), 'name')
if not name then return 'missing' end
redis.call('SET', key('token', hash), cjson.encode({ person = person, role = role, id = id }), 'PX', ms)
redis.call('HSET', key('tokens'), id,
  cjson.encode({ person = person, name = name, role = role, hash = hash, made_at = now, expires_at = now + ms }))
journal(now, 'token.made', 'people', { person = name, token = id, role = role, by = by })
return 'made'
