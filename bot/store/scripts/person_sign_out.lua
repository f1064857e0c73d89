-- End the sessions and open links of a person, or with the id '' of everybody. ARGV: now, id, by
local now, id, by = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local name = 'everybody'
local people = redis.call('SMEMBERS', key('people'))
if id ~= '' then
  people = { id }
  name = redis.call('HGET', key('person', id), 'name')
  if not name then return 'missing' end
end
for _, each in ipairs(people) do
  redis.call('HSET', key('person', each), 'generation', redis.call('INCR', key('generation')))
end
journal(now, 'person.signed_out', 'people', { person = name, by = by })
-- Open pages look again who may see them.
wake('people')
return 'signed_out'
