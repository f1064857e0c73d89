-- Approve a draft: compare-and-set on its state, so that two approvals send once, and on its text's version, so that
-- nothing leaves that nobody has looked at.
-- ARGV: now, draft id, by, new bubbles JSON or '', candidate or 0, version or 0, moved limit, when stale, most rewrites,
-- what rules would have held it for or ''
-- Gives { answer, state, who }; answer is 'approved', 'missing', 'decided', 'claimed', 'rewriting', 'changed',
-- 'candidate', 'refused', 'partly_sent', 'killed', 'off', 'shadow', 'expired', 'moved' or 'stale'.
local now, id, by, edited = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local candidate, version = tonumber(ARGV[5]), tonumber(ARGV[6])
local name = key('draft', id)
local chat, state = redis.call('HGET', name, 'chat'), redis.call('HGET', name, 'state')
if not chat then return { 'missing', '', '' } end
if not is_open(state) then return { 'decided', state, redis.call('HGET', name, 'decided_by') or '' } end
local other = taken_by_other(now, id, by)
if other then return { 'claimed', state, other } end
if state == 'rewriting' then return { 'rewriting', state, redis.call('HGET', name, 'asked_by') } end
if version > 0 and version ~= tonumber(redis.call('HGET', name, 'version') or '1') then return { 'changed', state, '' } end
if standing_kill(chat) then return { 'killed', state, '' } end
local mode = mode_of(chat)
-- `shadow` promises that nothing is sent, so there a draft from before waits for another mode.
if mode == 'off' or mode == 'shadow' then return { mode, state, '' } end
if tonumber(redis.call('HGET', name, 'expires_at')) <= now then
  move_draft(now, id, 'expired', 'expired', 'nobody approved it in time', 'clock')
  return { 'expired', 'expired', '' }
end
if moved_by(chat, id) >= tonumber(ARGV[7]) then
  -- Whoever approves it may have it taken: that does not keep it from being past.
  redis.call('HDEL', name, 'taken_by', 'taken_until')
  local answer = past(now, id, ARGV[8], ARGV[9])
  return { answer, answer, '' }
end
local picked
if candidate > 0 and (candidate ~= tonumber(redis.call('HGET', name, 'chosen') or '1')
    or redis.call('HEXISTS', name, 'original') == 1) then
  for _, one in ipairs(cjson.decode(redis.call('HGET', name, 'candidates') or '[]')) do
    if one.number == candidate then
      if one.refusal ~= '' and edited == '' then return { 'refused', state, '' } end
      picked = one.bubbles
    end
  end
  if not picked then return { 'candidate', state, '' } end
  if redis.call('HGET', name, 'sent') ~= '0' then return { 'partly_sent', state, '' } end
end
-- Read before anything is written: a step that fails half-way would leave half an approval.
local bubbles = cjson.decode(redis.call('HGET', name, 'bubbles'))
local texts = edited ~= '' and cjson.decode(edited) or {}
local sent, attempt = tonumber(redis.call('HGET', name, 'sent')), tonumber(redis.call('HGET', name, 'attempt'))
if state == 'frozen' or sent > 0 then
  attempt = redis.call('HINCRBY', name, 'attempt', 1)
end
if picked then
  bubbles = picked
  redis.call('HSET', name, 'bubbles', cjson.encode(bubbles), 'chosen', candidate)
  redis.call('HDEL', name, 'original', 'edited_by', 'edited_at')
end
local first = sent + 1
if edited ~= '' then
  -- Both texts are kept: the edit is what a later training run learns from.
  redis.call('HSETNX', name, 'original', redis.call('HGET', name, 'bubbles'))
  local kept = {}
  for index = 1, sent do kept[index] = bubbles[index] end
  for _, text in ipairs(texts) do kept[#kept + 1] = text end
  bubbles = kept
  redis.call('HSET', name, 'bubbles', cjson.encode(bubbles), 'edited_by', by, 'edited_at', now)
end
-- From here on it is as fresh as the approval, and it gets as long to leave as it had to be approved.
redis.call('HSET', name, 'expires_at', now + tonumber(redis.call('HGET', name, 'lifetime')),
  'position', redis.call('HGET', key('chat', chat), 'heard') or '0')
redis.call('HDEL', name, 'auto', 'doubted')
local reason = edited ~= '' and 'approved with an edit' or 'approved'
-- Whoever reads the journal sees what a person let pass, a text that no classifier could judge included.
if ARGV[10] ~= '' then reason = reason .. ', over what was held: ' .. ARGV[10] end
move_draft(now, id, 'approved', 'approved', reason, by)
plan(now, chat, id, bubbles, first, attempt)
-- The chat's next turn waits until this answer has left.
if not redis.call('HGET', key('chat', chat), 'claim') then make_ready(chat, now) end
return { 'approved', 'approved', by }
