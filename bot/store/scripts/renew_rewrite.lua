-- Keep the claim on a draft that is being rewritten, or give it back until then. ARGV: now, draft id, token, until
-- Gives the chat's kill epoch, or -1 when the claim is lost.
local id = ARGV[2]
local name = key('draft', id)
if redis.call('HGET', name, 'rewrite_token') ~= ARGV[3] or redis.call('HGET', name, 'state') ~= 'rewriting' then return -1 end
redis.call('ZADD', key('rewrites'), tonumber(ARGV[4]), id)
return epoch_of(redis.call('HGET', name, 'chat'))
