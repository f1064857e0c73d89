-- Take the draft that has waited longest for another text, and read all that writing it needs. ARGV: now, lease ms
-- Gives nil, or: draft id, token, epoch, draft (name, value, …), settings of the chat (name, value, …), transcript
local now, lease = tonumber(ARGV[1]), tonumber(ARGV[2])
local waiting = key('rewrites')
while true do
  local id = redis.call('ZRANGEBYSCORE', waiting, '-inf', now, 'LIMIT', 0, 1)[1]
  if not id then
    bring_back(now, waiting, lease)
    return nil
  end
  local name = key('draft', id)
  if rewrite_killed(id) then
    freeze_rewrite(now, id)
  else
    local chat = redis.call('HGET', name, 'chat')
    -- The score is when the claim lapses; a worker that died is followed by the next one to look.
    redis.call('ZADD', waiting, now + lease, id)
    local token = redis.call('HINCRBY', name, 'rewrite_token', 1)
    redis.call('HINCRBY', name, 'tries', 1)
    return { id, token, epoch_of(chat), redis.call('HGETALL', name), redis.call('HGETALL', key('chat', chat)),
      redis.call('LRANGE', key('transcript', chat), 0, -1) }
  end
end
