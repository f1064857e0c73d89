-- Take a draft's card in hand: one process at a time posts it or changes it. ARGV: now, draft id, chat, channel, lease ms
-- Gives the card's fields, flat, or {}: somebody has it, or there is none and the draft waits for nobody.
local now, id, lease = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[5])
local name = key('card', id)
local held = tonumber(redis.call('HGET', name, 'until') or '0')
-- A lease further ahead than any can be was set by a clock that has gone back since.
if held > now and held <= now + lease then return {} end
if redis.call('EXISTS', name) == 0 then
  if not is_open(redis.call('HGET', key('draft', id), 'state')) then return {} end
  redis.call('HSET', name, 'chat', ARGV[3], 'channel', ARGV[4], 'began', now)
  redis.call('SADD', key('cards'), id)
end
redis.call('HINCRBY', name, 'token', 1)
redis.call('HSET', name, 'until', now + lease)
return redis.call('HGETALL', name)
