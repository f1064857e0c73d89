-- Change settings of a chat. ARGV: now, chat, by, settings JSON {field: text}. Gives 'unknown' or 'changed'.
local chat = ARGV[2]
if redis.call('HEXISTS', key('chat', chat), 'mode') == 0 then return 'unknown' end
local changed = cjson.decode(ARGV[4])
local before = {}
for field, value in pairs(changed) do
  before[field] = redis.call('HGET', key('chat', chat), field) or ''
  redis.call('HSET', key('chat', chat), field, value)
end
journal(ARGV[1], 'chat.changed', chat, { by = ARGV[3], before = before, after = changed })
redis.call('PUBLISH', 'understudy:chats', chat)
wake(chat)
return 'changed'
