-- Who a key belongs to. ARGV: kind ('session' or 'token'), hash
-- Gives { name, role, role that the token was given, token's id }, the last two '' for a session, or false.
local kind, hash = ARGV[1], ARGV[2]
local found = redis.call('GET', key(kind, hash))
if not found then return false end
found = cjson.decode(found)
local account = redis.call('HMGET', key('person', found.person), 'name', 'role', 'generation')
if not account[2] then return false end
-- A token outlives a sign-out: it is revoked by its id, or with the person.
if kind == 'session' and found.generation ~= account[3] then return false end
return { account[1], account[2], found.role or '', found.id or '' }
