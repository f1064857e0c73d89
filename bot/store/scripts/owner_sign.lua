-- A sign of the owner. ARGV: when, whether it is seen right now (1) or written after another partition (0), by whom,
--   write it in the journal (0|1)
-- Gives 1 when the owner had been thought absent and is not any more.
local at = tonumber(ARGV[1])
local owner = redis.call('HMGET', key('owner'), 'seen', 'absent_since')
if ARGV[2] == '1' or at > tonumber(owner[1] or '0') then redis.call('HSET', key('owner'), 'seen', at) end
-- What is only written after another partition may be a clock that went back, and no sign at all.
if not owner[2] or (ARGV[2] ~= '1' and at <= tonumber(owner[2])) then return 0 end
redis.call('HDEL', key('owner'), 'absent_since')
if ARGV[4] == '1' then journal(at, 'owner.back', '', { by = ARGV[3] }) end
wake('owner')
return 1
