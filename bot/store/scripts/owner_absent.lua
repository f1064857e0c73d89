-- No sign of the owner for too long: from here on this partition's chats in auto mode are as in manual mode.
-- ARGV: now, how long is too long in ms, write it in the journal (0|1). Gives 1 when that has just come about.
local now = tonumber(ARGV[1])
local seen = tonumber(redis.call('HGET', key('owner'), 'seen') or now)
-- A clock that has gone back: the time is counted from here, and nothing else changes.
if seen >= now then
  redis.call('HSET', key('owner'), 'seen', now)
  return 0
end
if now - seen < tonumber(ARGV[2]) then return 0 end
if redis.call('HSETNX', key('owner'), 'absent_since', now) == 0 then return 0 end
if ARGV[3] == '1' then journal(now, 'owner.absent', '', { seen = seen }) end
wake('owner')
return 1
