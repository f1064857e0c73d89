-- Give a turn back to be tried again later, by whoever is there then. ARGV: now, chat, generation, wait ms, reason
local chat = ARGV[2]
local settings = key('chat', chat)
if redis.call('HGET', settings, 'generation') ~= ARGV[3] or not redis.call('HGET', settings, 'claim') then
  return 'lost'
end
redis.call('HDEL', settings, 'claim')
redis.call('ZADD', key('ready'), tonumber(ARGV[1]) + tonumber(ARGV[4]), chat)
journal(tonumber(ARGV[1]), 'turn.postponed', chat, { reason = ARGV[5] })
wake(chat)
return 'postponed'
