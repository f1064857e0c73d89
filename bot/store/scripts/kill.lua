-- Kill: one atomic write a partition. One that was heard before changes nothing: messengers give a message again, and
-- several processes may find the same note on disk.
-- ARGV: when it was heard, scope, by, reason, the kill's id (the same in every partition), how long ids are remembered
--   in ms, finish (0|1: it brings partitions together that differ, so what it leaves must be the same in all)
-- Gives { new here (0|1), how many bubbles were already handed to a messenger and cannot be called back }
local IDS_REMEMBERED = 10000
local now, scope, id = tonumber(ARGV[1]), ARGV[2], ARGV[5]
local heard = key('kills_heard')
local in_flight = 0
for _, bubble in ipairs(redis.call('SMEMBERS', key('in_flight'))) do
  -- Whatever is the matter with what is only counted here, the kill does not hang on it.
  local chat = redis.call('HGET', key('bubble', bubble), 'chat')
  for _, covering in ipairs(chat and scopes_of(chat) or {}) do
    if covering == scope then in_flight = in_flight + 1 end
  end
end
if redis.call('ZADD', heard, 'NX', now, scope .. '|' .. id) == 0 then return { 0, in_flight } end
redis.call('ZREMRANGEBYSCORE', heard, '-inf', now - tonumber(ARGV[6]))
redis.call('ZREMRANGEBYRANK', heard, 0, -IDS_REMEMBERED - 1)

redis.call('HINCRBY', key('kill'), 'epoch|' .. scope, 1)
redis.call('HSETNX', key('kill'), 'standing|' .. scope,
  cjson.encode({ scope = scope, by = ARGV[3], at = now, reason = ARGV[4] }))
-- A number that follows from all kills that stand, in whatever order they came: the same in every partition once each
-- is written everywhere, and another one as soon as there is a kill that nobody has seen.
local tally = tonumber(string.sub(redis.sha1hex(id), 1, 12), 16)
if ARGV[7] ~= '1' then
  tally = (tally + tonumber(redis.call('HGET', key('kill'), 'latest|' .. scope) or '0')) % 2 ^ 48
end
redis.call('HSET', key('kill'), 'latest|' .. scope, string.format('%.0f', tally))
journal(now, 'kill', scope, { scope = scope, by = ARGV[3], reason = ARGV[4], in_flight = in_flight })
redis.call('PUBLISH', 'understudy:kill', scope)
wake(scope)
return { 1, in_flight }
