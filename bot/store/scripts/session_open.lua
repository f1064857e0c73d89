-- Open a session, unless the person was removed or signed out since. ARGV: now, id, generation, hash, ms, way
local now, id, generation, hash, ms, way = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local person = key('person', id)
if redis.call('HGET', person, 'generation') ~= generation then return 'ended' end
redis.call('SET', key('session', hash), cjson.encode({ person = id, generation = generation }), 'PX', ms)
redis.call('HSET', person, 'seen_at', now)
journal(now, 'person.signed_in', 'people', { person = redis.call('HGET', person, 'name'), way = way })
return 'opened'
