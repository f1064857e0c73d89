-- Forget a card. ARGV: now, draft id, token. Who has lost it meanwhile forgets nothing.
local id, name = ARGV[2], key('card', ARGV[2])
if redis.call('HGET', name, 'token') ~= ARGV[3] then return end
redis.call('DEL', name)
redis.call('SREM', key('cards'), id)
