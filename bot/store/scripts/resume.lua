-- Lift a kill. ARGV: now, scope, by, the tally of kills as their lifter has seen it in every partition.
-- Gives 1; 0 when none was in force; -1 when a newer one is: that one nobody has seen yet, so it stands.
local now, scope = tonumber(ARGV[1]), ARGV[2]
local field = '|' .. scope
local lost = scope == 'everywhere' and record_lost()
local standing = redis.call('HEXISTS', key('kill'), 'standing' .. field) == 1
if not standing and not lost then return 0 end
if standing and redis.call('HGET', key('kill'), 'latest' .. field) ~= ARGV[4] then return -1 end
redis.call('HDEL', key('kill'), 'standing' .. field, 'latest' .. field)
-- What was planned before must not wake up: resuming is an epoch of its own, and after a loss of the counts one that
-- nothing from before can have.
redis.call('HINCRBY', key('kill'), 'epoch' .. field, lost and now or 1)
if lost then redis.call('HSET', key('kill'), 'since', now) end
-- Nobody could decide meanwhile, so what waits gets its whole time again.
for _, id in ipairs(redis.call('ZRANGE', key('drafts', 'open'), 0, -1)) do
  local chat = redis.call('HGET', key('draft', id), 'chat')
  for _, covering in ipairs(chat and scopes_of(chat) or {}) do
    if covering == scope then refresh(now, key('draft', id), chat) end
  end
end
-- A kill word that was said before this and is heard of only later was lifted with it.
redis.call('HSET', key('kill'), 'resumed' .. field, now)
journal(now, 'resume', scope, { scope = scope, by = ARGV[3] })
wake(scope)
return 1
