-- Lift a kill. ARGV: now, scope, by, the tally of kills as their lifter has seen it in every partition.
-- Gives 1; 0 when none was in force; -1 when a newer one is: that one nobody has seen yet, so it stands.
local field = '|' .. ARGV[2]
if redis.call('HEXISTS', key('kill'), 'standing' .. field) == 0 then return 0 end
if redis.call('HGET', key('kill'), 'latest' .. field) ~= ARGV[4] then return -1 end
redis.call('HDEL', key('kill'), 'standing' .. field, 'latest' .. field)
-- What was planned before must not wake up: resuming is an epoch of its own.
redis.call('HINCRBY', key('kill'), 'epoch' .. field, 1)
-- Nobody could decide meanwhile, so what waits gets its whole time again.
for _, id in ipairs(redis.call('ZRANGE', key('drafts', 'open'), 0, -1)) do
  local draft = redis.call('HMGET', key('draft', id), 'chat', 'expires_at', 'lifetime')
  for _, scope in ipairs(scopes_of(draft[1])) do
    if scope == ARGV[2] then
      redis.call('HSET', key('draft', id), 'expires_at', math.max(tonumber(draft[2]), ARGV[1] + tonumber(draft[3])))
    end
  end
end
journal(ARGV[1], 'resume', ARGV[2], { scope = ARGV[2], by = ARGV[3] })
wake(ARGV[2])
return 1
