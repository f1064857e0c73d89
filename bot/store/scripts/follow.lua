-- Let the stand-in into a part of a chat that it is in, as it is there. ARGV: now, chat, the chat that it is a part of,
-- title, settings JSON {field: text}, that chat's ledger JSON {field: entry JSON}
-- Gives 'known' where an owner has decided on this chat alone, else 'followed'.
local now, chat, parent, title = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local settings, ledger, entries = key('chat', chat), key('consent', chat), cjson.decode(ARGV[6])
local entry = redis.call('HGET', ledger, 'chat')
if entry then
  entry = cjson.decode(entry)
  -- What was disabled with the whole is enabled with it.
  if entry.agreed or entry.with ~= parent then return 'known' end
end
local whole = cjson.decode(entries.chat)
local by = whole.by
entries.chat = cjson.encode({ agreed = true, how = 'owner', by = by, at = now, with = parent, since = whole.at })
redis.call('HSET', ledger, 'chat', entries.chat)
-- What somebody said here counts more than what they said there.
for field, said in pairs(entries) do redis.call('HSETNX', ledger, field, said) end
redis.call('HDEL', settings, 'announced_at')
redis.call('HSET', settings, 'title', title, 'place', title, 'parent', parent)
local taken = cjson.decode(ARGV[5])
for field, value in pairs(taken) do redis.call('HSET', settings, field, value) end
redis.call('SADD', key('chats'), chat)
taken.title = title
journal(now, 'consent.changed', chat, { purpose = 'chat', agreed = true, how = 'owner', by = by, with = parent })
journal(now, 'chat.followed', chat, { by = by, parent = parent, after = taken })
redis.call('PUBLISH', 'understudy:chats', chat)
wake(chat)
return 'followed'
