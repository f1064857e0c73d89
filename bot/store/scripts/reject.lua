-- Reject a draft. ARGV: now, draft id, by, reason
-- Gives { answer, state, who }; answer is 'rejected', 'missing', 'decided' or 'claimed'.
local now, id, by = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local name = key('draft', id)
local current = redis.call('HGET', name, 'state')
if not current then return { 'missing', '', '' } end
if not is_open(current) then return { 'decided', current, redis.call('HGET', name, 'decided_by') or '' } end
local other = taken_by_other(now, id, by)
if other then return { 'claimed', current, other } end
move_draft(now, id, 'rejected', 'rejected', ARGV[4], by)
return { 'rejected', 'rejected', by }
