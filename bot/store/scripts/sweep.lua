-- Close the open drafts whose time has come, and close or rewrite those that their chat has moved past. Moderators'
-- claims that have lapsed go, too. ARGV: now, moved limit, when stale ('void'|'regenerate'), most rewrites
-- Gives how many. Under a kill nothing expires and nothing is stale; what was frozen or held waits for the owner.
local now, limit, closed = tonumber(ARGV[1]), tonumber(ARGV[2]), 0
for _, id in ipairs(redis.call('ZRANGE', key('drafts', 'open'), 0, 999)) do
  local name = key('draft', id)
  local draft = redis.call('HMGET', name, 'chat', 'state', 'expires_at', 'taken_by', 'taken_until', 'turn')
  local chat, state = draft[1], draft[2]
  if draft[4] and tonumber(draft[5]) <= now then
    redis.call('HDEL', name, 'taken_by', 'taken_until')
    journal(now, 'draft.released', chat, { draft = id, turn = draft[6], by = 'clock',
      reason = draft[4] .. ' did not decide in time' })
    wake(chat)
  end
  if not chat then
    -- Its draft is gone: damaged, or evicted by a Redis that may.
    redis.call('ZREM', key('drafts', 'open'), id)
  elseif state == 'rewriting' and rewrite_killed(id) then
    freeze_rewrite(now, id)
    closed = closed + 1
  elseif standing_kill(chat) then
    -- It waits for the owner.
  elseif tonumber(draft[3]) <= now then
    move_draft(now, id, 'expired', 'expired', 'nobody approved it in time', 'clock')
    closed = closed + 1
  elseif state == 'held' and moved_by(chat, id) >= limit then
    if past(now, id, ARGV[3], ARGV[4]) ~= 'taken' then closed = closed + 1 end
  end
end
-- A bubble that a messenger asked to wait with comes to the fence late; whom a kill has stopped is told before.
for _, chat in ipairs(redis.call('SMEMBERS', key('postponed'))) do
  local id = redis.call('LINDEX', key('out', chat), 0)
  local bubble = id and redis.call('HMGET', key('bubble', id), 'state', 'draft', 'epoch')
  if not bubble or bubble[1] ~= 'planned' then
    redis.call('SREM', key('postponed'), chat)
  elseif standing_kill(chat) or tonumber(bubble[3]) ~= epoch_of(chat) then
    redis.call('SREM', key('postponed'), chat)
    stopped_by_kill(now, chat, bubble[2], 'sweep')
    closed = closed + 1
  end
end
return closed
