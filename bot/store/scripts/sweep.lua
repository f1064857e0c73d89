-- Close the open drafts whose time has come, and those that their chat has moved past. ARGV: now, moved limit
-- Gives how many. Under a kill nothing is stale: what was frozen waits for the owner.
local now, limit, closed = tonumber(ARGV[1]), tonumber(ARGV[2]), 0
for _, id in ipairs(redis.call('ZRANGE', key('drafts', 'open'), 0, 999)) do
  local name = key('draft', id)
  if tonumber(redis.call('HGET', name, 'expires_at')) <= now then
    move_draft(now, id, 'expired', 'expired', 'nobody approved it in time', 'clock')
    closed = closed + 1
  elseif not standing_kill(redis.call('HGET', name, 'chat')) and moved_by(redis.call('HGET', name, 'chat'), id) >= limit then
    move_draft(now, id, 'stale', 'stale', 'the chat has moved past it', 'clock')
    closed = closed + 1
  end
end
return closed
