-- Reject a draft. ARGV: now, draft id, by, reason
-- Gives { answer, state, decided by }; answer is 'rejected', 'missing' or 'decided'.
local now, id = tonumber(ARGV[1]), ARGV[2]
local name = key('draft', id)
local current = redis.call('HGET', name, 'state')
if not current then return { 'missing', '', '' } end
if current ~= 'held' and current ~= 'frozen' then
  return { 'decided', current, redis.call('HGET', name, 'decided_by') or '' }
end
move_draft(now, id, 'rejected', 'rejected', ARGV[4], ARGV[3])
return { 'rejected', 'rejected', ARGV[3] }
