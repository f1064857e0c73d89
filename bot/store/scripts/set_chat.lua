-- Change settings of a chat. ARGV: now, chat, by, settings JSON {field: text}
local chat = ARGV[2]
local changed = cjson.decode(ARGV[4])
local before = {}
for field, value in pairs(changed) do
  before[field] = redis.call('HGET', key('chat', chat), field) or ''
  redis.call('HSET', key('chat', chat), field, value)
end
redis.call('SADD', key('chats'), chat)
journal(ARGV[1], 'chat.changed', chat, { by = ARGV[3], before = before, after = changed })
redis.call('PUBLISH', 'understudy:chats', chat)
wake(chat)
return 'changed'
