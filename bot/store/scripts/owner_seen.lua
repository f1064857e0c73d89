-- The owner was seen in a chat without a message, or says that they have left.
-- ARGV: now, chat, by, here (0|1), how long they count as there in ms (0: not at all). Gives 'off', 'here' or 'gone'.
local now, chat = tonumber(ARGV[1]), ARGV[2]
local mode = redis.call('HGET', key('chat', chat), 'mode')
if not enabled(chat) or not mode or mode == 'off' then return 'off' end
if ARGV[4] == '1' then
  owner_here(now, chat, ARGV[3], tonumber(ARGV[5]))
  return 'here'
end
redis.call('HDEL', key('chat', chat), 'owner_at', 'owner_by', 'owner_before')
journal(now, 'owner.gone', chat, { by = ARGV[3] })
wake(chat)
return 'gone'
