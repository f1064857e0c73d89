-- Take the chat that has waited longest, pin its turn, and read all that a decision needs.
-- ARGV: now, worker, lease ms, most messages a turn, most messages that may wait
-- Gives nil, or: chat, generation, epoch, settings (name, value, name, …), kill JSON, attempts, position, messages, transcript,
--   the ledger's entries (name, value, …)
local now, worker, lease, most = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

-- The overload guard: nobody is helped by answers to what was said a hundred messages ago, one after the other.
local function drop_to_newest(chat)
  local box, ids = key('box', chat), {}
  local many = redis.call('LLEN', box) - most
  for _, json in ipairs(redis.call('LRANGE', box, 0, many - 1)) do
    local readable, message = pcall(cjson.decode, json)
    if readable then ids[#ids + 1] = message.id end
  end
  redis.call('LTRIM', box, many, -1)
  local reason = 'too much came at once: only the newest turn is answered'
  outcome(chat, ids, 'ignored', reason)
  journal(now, 'turn.overloaded', chat, { messages = ids, reason = reason })
end

while true do
  local chat = redis.call('ZRANGEBYSCORE', key('ready'), '-inf', now, 'LIMIT', 0, 1)[1]
  if not chat then
    bring_back(now, key('ready'), lease)
    return nil
  end
  local settings = key('chat', chat)
  local waiting = redis.call('LLEN', key('box', chat))
  if waiting > tonumber(ARGV[5]) and not redis.call('HGET', settings, 'pinned') then
    drop_to_newest(chat)
    waiting = most
  end
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
      redis.call('HGETALL', key('consent', chat)),
    }
  end
end
