-- Take a person's access away, with all tokens; sessions and links end because nobody has them. ARGV: now, id, by
local now, id, by = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local name = redis.call('HGET', key('person', id), 'name')
if not name then return 'missing' end
local tokens = redis.call('HGETALL', key('tokens'))
for at = 1, #tokens, 2 do
  local token = cjson.decode(tokens[at + 1])
  if token.person == id then
    redis.call('HDEL', key('tokens'), tokens[at])
    redis.call('DEL', key('token', token.hash))
  end
end
redis.call('DEL', key('person', id))
redis.call('SREM', key('people'), id)
journal(now, 'person.removed', 'people', { person = name, by = by })
-- Open pages look again who may see them.
wake('people')
return 'removed'
