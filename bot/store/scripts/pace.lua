-- What a messenger has asked to wait with, for every process of the account. KEYS[1] names whom it is about.
-- ARGV: wait ms (0: only look), reason
-- A longer wait stays. Redis's own clock counts, and forgets it in time. Gives { ms left, reason }.
local name, wait = key('pause'), tonumber(ARGV[1])
if wait > 0 and redis.call('PTTL', name) < wait then redis.call('SET', name, ARGV[2], 'PX', wait) end
return { math.max(0, redis.call('PTTL', name)), redis.call('GET', name) or '' }
