-- Have another text written for a draft because a moderator asks for it.
-- ARGV: now, draft id, by, with the newest messages (0|1), version or 0, how often at most
-- Gives { answer, state, who }; answer is 'ordered', 'missing', 'decided', 'claimed', 'rewriting', 'changed', 'killed',
-- 'off', 'shadow', 'expired', 'partly_sent' or 'limit'.
local now, id, by, version = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[5])
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
if mode == 'off' or mode == 'shadow' then return { mode, state, '' } end
if tonumber(redis.call('HGET', name, 'expires_at')) <= now then
  move_draft(now, id, 'expired', 'expired', 'nobody approved it in time', 'clock')
  return { 'expired', 'expired', '' }
end
-- Half of one text and half of another is neither.
if redis.call('HGET', name, 'sent') ~= '0' then return { 'partly_sent', state, '' } end
if tonumber(redis.call('HGET', name, 'regenerated') or '0') >= tonumber(ARGV[6]) then return { 'limit', state, '' } end
redis.call('HINCRBY', name, 'regenerated', 1)
order_rewrite(now, id, ARGV[4], 'another text was asked for', by)
return { 'ordered', 'rewriting', by }
