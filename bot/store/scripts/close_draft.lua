-- Reject a draft. ARGV: now, draft id, state ('rejected'), by, reason
-- Gives { answer, state, decided by }; answer is 'closed', 'missing' or 'decided'.
local now, id, state = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local name = key('draft', id)
local current = redis.call('HGET', name, 'state')
if not current then return { 'missing', '', '' } end
if current ~= 'held' and current ~= 'frozen' then
  return { 'decided', current, redis.call('HGET', name, 'decided_by') or '' }
end
move_draft(now, id, state, state, ARGV[5], ARGV[4])
return { 'closed', state, ARGV[4] }
