-- One sliding window, which the prefix names. ARGV: now, member, limit, length ms
-- The member (the turn's id) counts once however often it asks, so a retry after a crash does not count twice.
-- Gives { room: 0 none, 1 taken now, 2 was counted before; ms until there is room }.
local now, member, limit, length = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local window = key('window')
redis.call('ZREMRANGEBYSCORE', window, '-inf', now - length)
-- A clock that has gone back leaves members in the future; they would hold their place until it catches up.
redis.call('ZREMRANGEBYSCORE', window, now + length, '+inf')
if redis.call('ZSCORE', window, member) then return { 2, 0 } end
if redis.call('ZCARD', window) >= limit then
  local oldest = redis.call('ZRANGE', window, 0, 0, 'WITHSCORES')
  return { 0, math.max(1, tonumber(oldest[2]) + length - now) }
end
redis.call('ZADD', window, now, member)
redis.call('PEXPIRE', window, length)
return { 1, 0 }
