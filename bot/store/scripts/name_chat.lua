-- Call a chat what its messenger calls it, unless an owner called it something else.
-- ARGV: now, chat, its id on the messenger, title. Gives 'unknown' where the stand-in is not in it, else 'known'.
local now, chat, title = tonumber(ARGV[1]), ARGV[2], ARGV[4]
local settings = key('chat', chat)
if redis.call('HEXISTS', settings, 'mode') == 0 then return 'unknown' end
local called = redis.call('HMGET', settings, 'title', 'place')
if called[2] ~= title then redis.call('HSET', settings, 'place', title) end
if called[1] ~= title and (called[1] == ARGV[3] or called[1] == called[2]) then
  redis.call('HSET', settings, 'title', title)
  journal(now, 'chat.changed', chat, { by = messenger_of(chat), before = { title = called[1] }, after = { title = title } })
  wake(chat)
end
return 'known'
