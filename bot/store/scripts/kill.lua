-- Kill: one atomic write a partition. ARGV: now, scope, by, reason, the kill's id (the same in every partition)
-- Gives how many bubbles were already handed to a messenger and cannot be called back.
local now, scope = ARGV[1], ARGV[2]
redis.call('HINCRBY', key('kill'), 'epoch|' .. scope, 1)
redis.call('HSETNX', key('kill'), 'standing|' .. scope,
  cjson.encode({ scope = scope, by = ARGV[3], at = tonumber(now), reason = ARGV[4] }))
redis.call('HSET', key('kill'), 'latest|' .. scope, ARGV[5])
local in_flight = 0
for _, id in ipairs(redis.call('SMEMBERS', key('in_flight'))) do
  for _, covering in ipairs(scopes_of(redis.call('HGET', key('bubble', id), 'chat'))) do
    if covering == scope then in_flight = in_flight + 1 end
  end
end
journal(now, 'kill', scope, { scope = scope, by = ARGV[3], reason = ARGV[4], in_flight = in_flight })
redis.call('PUBLISH', 'understudy:kill', scope)
wake(scope)
return in_flight
