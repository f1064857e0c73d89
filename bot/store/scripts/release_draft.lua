-- Give a draft that was taken back. ARGV: now, draft id, by, also somebody else's (0|1)
-- Gives { answer, state, who }; answer is 'released', 'missing', 'decided' or 'claimed'.
local now, id, by = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local name = key('draft', id)
local draft = redis.call('HMGET', name, 'state', 'chat', 'turn', 'decided_by', 'taken_by')
if not draft[1] then return { 'missing', '', '' } end
if not is_open(draft[1]) then return { 'decided', draft[1], draft[4] or '' } end
local other = taken_by_other(now, id, by)
if other and ARGV[4] ~= '1' then return { 'claimed', draft[1], other } end
if draft[5] then
  redis.call('HDEL', name, 'taken_by', 'taken_until')
  journal(now, 'draft.released', draft[2], { draft = id, turn = draft[3], by = by,
    reason = other and 'taken from ' .. other or 'given back' })
  wake(draft[2])
end
return { 'released', draft[1], by }
