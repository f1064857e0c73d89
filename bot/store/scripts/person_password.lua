-- Keep a password's hash, '' for none, and end the person's sessions. ARGV: now, id, hash, by, replaces
-- With `replaces` it is the same password, hashed anew: kept only over that hash, and the sessions stay.
local now, id, hash, by, replaces = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local person = key('person', id)
local name = redis.call('HGET', person, 'name')
if not name then return 'missing' end
if replaces ~= '' then
  if redis.call('HGET', person, 'password') == replaces then redis.call('HSET', person, 'password', hash) end
  return 'hashed'
end
if hash == '' then
  redis.call('HDEL', person, 'password')
else
  redis.call('HSET', person, 'password', hash)
end
redis.call('HSET', person, 'generation', redis.call('INCR', key('generation')))
journal(now, hash == '' and 'person.password_removed' or 'person.password_set', 'people', { person = name, by = by })
-- Open pages look again who may see them.
wake('people')
return 'set'
