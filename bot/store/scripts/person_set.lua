-- Add a person, or change the role of one. ARGV: now, id, name, role, by
-- The generation comes from one counter, so that whoever is added again has none of the sessions there once were.
local now, id, name, role, by = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local person = key('person', id)
local before = redis.call('HGET', person, 'role')
if before == role then return 'same' end
redis.call('HSET', person, 'role', role)
if not before then
  redis.call('HSET', person, 'name', name, 'added_at', now, 'generation', redis.call('INCR', key('generation')))
  redis.call('SADD', key('people'), id)
end
journal(now, before and 'person.changed' or 'person.added', 'people',
  { person = redis.call('HGET', person, 'name'), role = role, before = before or nil, by = by })
return 'set'
