-- Sliding windows of a chat, all or none. ARGV: now, member, chat, then name, limit, length ms of each window
-- The member (the turn's id) counts once however often it asks, so a retry after a crash does not count twice.
-- Gives { taken (0|1), full window's name or '', ms until it has room }.
local now, member, chat = tonumber(ARGV[1]), ARGV[2], ARGV[3]
for at = 4, #ARGV, 3 do
  local name, limit, length = key('rate', chat .. '|' .. ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  redis.call('ZREMRANGEBYSCORE', name, '-inf', now - length)
  if not redis.call('ZSCORE', name, member) and redis.call('ZCARD', name) >= limit then
    local oldest = redis.call('ZRANGE', name, 0, 0, 'WITHSCORES')
    local wait = length
    if oldest[2] then wait = tonumber(oldest[2]) + length - now end
    return { 0, ARGV[at], wait }
  end
end
for at = 4, #ARGV, 3 do
  redis.call('ZADD', key('rate', chat .. '|' .. ARGV[at]), 'NX', now, member)
  redis.call('PEXPIRE', key('rate', chat .. '|' .. ARGV[at]), tonumber(ARGV[at + 2]))
end
return { 1, '', 0 }
