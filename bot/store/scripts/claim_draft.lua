-- Take a draft to decide on it: until then, nobody else may. ARGV: now, draft id, by, until, take over (0|1)
-- Gives { answer, state, who }; answer is 'taken', 'missing', 'decided' or 'claimed'.
local now, id, by = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local name = key('draft', id)
local draft = redis.call('HMGET', name, 'state', 'chat', 'turn', 'decided_by', 'taken_by')
if not draft[1] then return { 'missing', '', '' } end
if not is_open(draft[1]) then return { 'decided', draft[1], draft[4] or '' } end
local other = taken_by_other(now, id, by)
if other and ARGV[5] ~= '1' then return { 'claimed', draft[1], other } end
-- Who has it already has it longer; that is no new decision.
local again = draft[5] == by and not other
redis.call('HSET', name, 'taken_by', by, 'taken_until', ARGV[4])
if not again then
  journal(now, 'draft.taken', draft[2], { draft = id, turn = draft[3], by = by, ['until'] = tonumber(ARGV[4]),
    reason = other and 'taken over from ' .. other or 'taken to decide on it' })
end
wake(draft[2])
return { 'taken', draft[1], by }
