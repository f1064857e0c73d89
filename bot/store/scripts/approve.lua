-- Approve a draft: compare-and-set on its state, so that two approvals send once.
-- ARGV: now, draft id, by, new bubbles JSON or '', moved limit
-- Gives { answer, state, decided by }; answer is 'approved', 'missing', 'decided', 'killed', 'off', 'shadow', 'expired' or
-- 'stale'.
local now, id, by, edited = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local name = key('draft', id)
local chat, state = redis.call('HGET', name, 'chat'), redis.call('HGET', name, 'state')
if not chat then return { 'missing', '', '' } end
if state ~= 'held' and state ~= 'frozen' then
  return { 'decided', state, redis.call('HGET', name, 'decided_by') or '' }
end
if standing_kill(chat) then return { 'killed', state, '' } end
local mode = redis.call('HGET', key('chat', chat), 'mode') or 'off'
-- `shadow` promises that nothing is sent, so there a draft from before waits for another mode.
if mode == 'off' or mode == 'shadow' then return { mode, state, '' } end
if tonumber(redis.call('HGET', name, 'expires_at')) <= now then
  move_draft(now, id, 'expired', 'expired', 'nobody approved it in time', 'clock')
  return { 'expired', 'expired', '' }
end
if moved_by(chat, id) >= tonumber(ARGV[5]) then
  move_draft(now, id, 'stale', 'stale', 'the chat has moved past it', 'clock')
  return { 'stale', 'stale', '' }
end
local sent, attempt = tonumber(redis.call('HGET', name, 'sent')), tonumber(redis.call('HGET', name, 'attempt'))
if state == 'frozen' or sent > 0 then
  attempt = redis.call('HINCRBY', name, 'attempt', 1)
end
local bubbles = cjson.decode(redis.call('HGET', name, 'bubbles'))
local first = sent + 1
if edited ~= '' then
  -- Both texts are kept: the edit is what a later training run learns from.
  redis.call('HSETNX', name, 'original', redis.call('HGET', name, 'bubbles'))
  local kept = {}
  for index = 1, sent do kept[index] = bubbles[index] end
  for _, text in ipairs(cjson.decode(edited)) do kept[#kept + 1] = text end
  bubbles = kept
  redis.call('HSET', name, 'bubbles', cjson.encode(bubbles))
end
-- From here on it is as fresh as the approval, and it gets as long to leave as it had to be approved.
redis.call('HSET', name, 'expires_at', now + tonumber(redis.call('HGET', name, 'lifetime')),
  'position', redis.call('HGET', key('chat', chat), 'heard') or '0')
redis.call('HDEL', name, 'auto')
move_draft(now, id, 'approved', 'approved', edited ~= '' and 'approved with an edit' or 'approved', by)
plan(now, chat, id, bubbles, first, attempt)
-- The chat's next turn waits until this answer has left.
if not redis.call('HGET', key('chat', chat), 'claim') then make_ready(chat, now) end
return { 'approved', 'approved', by }
