-- Read a chat that a part of it would follow. ARGV: now, chat
-- Gives nil where it may not be followed, or: settings (name, value, …), the ledger's entries (name, value, …)
local chat = ARGV[2]
local mode = redis.call('HGET', key('chat', chat), 'mode')
if not enabled(chat) or not mode or mode == 'off' then return nil end
return { redis.call('HGETALL', key('chat', chat)), redis.call('HGETALL', key('consent', chat)) }
