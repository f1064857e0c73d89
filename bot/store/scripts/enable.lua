-- An owner lets the stand-in into a chat: the entry in the ledger and the chat's settings, in one step.
-- ARGV: now, chat, by, title, settings JSON {field: text} for a chat that has none
local now, chat, by = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local settings = key('chat', chat)
if not enabled(chat) then
  redis.call('HDEL', settings, 'announced_at')
  redis.call('HSET', key('consent', chat), 'chat', cjson.encode({ agreed = true, how = 'owner', by = by, at = now }))
  journal(now, 'consent.changed', chat, { purpose = 'chat', agreed = true, how = 'owner', by = by })
end
local wanted = cjson.decode(ARGV[5])
if redis.call('HEXISTS', settings, 'mode') == 1 then wanted = {} end
wanted.title = ARGV[4]
local before, after, changed = {}, {}, false
for field, value in pairs(wanted) do
  local old = redis.call('HGET', settings, field) or ''
  if old ~= value then
    before[field], after[field], changed = old, value, true
    redis.call('HSET', settings, field, value)
  end
end
redis.call('SADD', key('chats'), chat)
if changed then journal(now, 'chat.changed', chat, { by = by, before = before, after = after }) end
wake(chat)
return 'enabled'
