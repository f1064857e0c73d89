-- Take the chat that has waited longest, pin its turn, and read all that a decision needs.
-- ARGV: now, worker, lease ms, most messages a turn
-- Gives nil, or: chat, generation, epoch, settings (name, value, name, …), kill JSON, attempts, position, messages, transcript
local now, worker, lease, most = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
while true do
  local chat = redis.call('ZRANGEBYSCORE', key('ready'), '-inf', now, 'LIMIT', 0, 1)[1]
  if not chat then
    bring_back(now, key('ready'), lease)
    return nil
  end
  local settings = key('chat', chat)
  local waiting = redis.call('LLEN', key('box', chat))
  if waiting == 0 then
    redis.call('ZREM', key('ready'), chat)
    redis.call('HDEL', settings, 'claim', 'pinned', 'attempts')
  else
    -- The score is when the claim lapses; a worker that died is followed by the next one to look.
    redis.call('ZADD', key('ready'), now + lease, chat)
    local generation = redis.call('HINCRBY', settings, 'generation', 1)
    redis.call('HSETNX', settings, 'pinned', math.min(waiting, most))
    redis.call('HSET', settings, 'claim', worker)
    local pinned = tonumber(redis.call('HGET', settings, 'pinned'))
    local attempts = redis.call('HINCRBY', settings, 'attempts', 1)
    local heard = tonumber(redis.call('HGET', settings, 'heard') or '0')
    return {
      chat, generation, epoch_of(chat),
      redis.call('HGETALL', settings),
      standing_kill(chat), attempts, heard - (waiting - pinned),
      redis.call('LRANGE', key('box', chat), 0, pinned - 1),
      redis.call('LRANGE', key('transcript', chat), 0, -1),
    }
  end
end
