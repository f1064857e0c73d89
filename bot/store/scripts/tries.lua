-- Count a try in sliding windows, in all or in none. ARGV: now, member, length ms, then name, limit of each window
-- Gives 0, or in how many ms the window that is full has room.
local now, member, length = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
for at = 4, #ARGV, 2 do
  local name = key('tries', ARGV[at])
  redis.call('ZREMRANGEBYSCORE', name, '-inf', now - length)
  -- A clock that was set back must not lock anybody out for longer than the window.
  redis.call('ZREMRANGEBYSCORE', name, '(' .. now + length, '+inf')
  if redis.call('ZCARD', name) >= tonumber(ARGV[at + 1]) then
    return math.max(1, tonumber(redis.call('ZRANGE', name, 0, 0, 'WITHSCORES')[2]) + length - now)
  end
end
for at = 4, #ARGV, 2 do
  redis.call('ZADD', key('tries', ARGV[at]), now, member)
  redis.call('PEXPIRE', key('tries', ARGV[at]), length)
end
return 0
