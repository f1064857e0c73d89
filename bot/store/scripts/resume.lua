-- Lift a kill. ARGV: now, scope, by, the scope's epoch as the caller has read it.
-- Gives 1; 0 when none was in force, or a newer one is.
-- A resume that was stuck on its way must not lift a kill that came after it was given.
if (redis.call('HGET', key('kill'), 'epoch|' .. ARGV[2]) or '0') ~= ARGV[4] then return 0 end
if redis.call('HDEL', key('kill'), 'standing|' .. ARGV[2]) == 0 then return 0 end
-- What was planned before must not wake up: resuming is an epoch of its own.
redis.call('HINCRBY', key('kill'), 'epoch|' .. ARGV[2], 1)
journal(ARGV[1], 'resume', ARGV[2], { scope = ARGV[2], by = ARGV[3] })
wake(ARGV[2])
return 1
