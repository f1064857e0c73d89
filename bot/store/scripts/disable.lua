-- An owner takes the stand-in out of a chat: the entry in the ledger is withdrawn, and what was stored of the chat goes,
-- in one step. What is left is the ledger itself: who said no stays a no should the chat be enabled again.
-- The journal is too long for one step; `erasing` says that it is still to be gone through.
-- ARGV: now, chat, by, the chat that it is disabled with or ''
-- Gives 'unknown' or 'disabled'.
local now, chat, by = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local settings = key('chat', chat)
if not enabled(chat) and redis.call('EXISTS', settings) == 0 then return 'unknown' end
redis.call('HSET', key('consent', chat), 'chat', cjson.encode({ agreed = false, how = 'owner', by = by, at = now,
  with = ARGV[4] ~= '' and ARGV[4] or nil }))
-- One that waits for an owner under a kill may be older than the list of all.
for _, list in ipairs({ redis.call('ZRANGE', key('drafts', 'all'), 0, -1), redis.call('SMEMBERS', key('open', chat)) }) do
  for _, id in ipairs(list) do
    if redis.call('HGET', key('draft', id), 'chat') == chat then
      for _, index in ipairs({ 'all', 'open' }) do redis.call('ZREM', key('drafts', index), id) end
      redis.call('ZREM', key('rewrites'), id)
      redis.call('DEL', key('draft', id))
    end
  end
end
for _, id in ipairs(redis.call('ZRANGE', key('bubbles', chat), 0, -1)) do
  redis.call('DEL', key('bubble', id))
  redis.call('SREM', key('in_flight'), id)
end
for _, kind in ipairs({ 'transcript', 'box', 'outcome', 'seen', 'out', 'open', 'bubbles', 'awaited', 'said' }) do
  redis.call('DEL', key(kind, chat))
end
redis.call('ZREM', key('ready'), chat)
redis.call('ZREM', key('outbox', messenger_of(chat)), chat)
redis.call('SREM', key('chats'), chat)
-- The counters stay, one further: whoever still holds the chat has lost it, also when it is enabled again. And what it
-- is a part of, so that no kill of that one misses it.
local whole = redis.call('HGET', settings, 'parent')
local generation = redis.call('HINCRBY', settings, 'generation', 1)
local token = redis.call('HINCRBY', settings, 'send_token', 1)
redis.call('DEL', settings)
redis.call('HSET', settings, 'generation', generation, 'send_token', token)
if whole then redis.call('HSET', settings, 'parent', whole) end
redis.call('PUBLISH', 'understudy:taken-back', chat)
journal(now, 'consent.changed', chat, { purpose = 'chat', agreed = false, how = 'owner', by = by })
redis.call('HSET', key('erasing'), chat, redis.call('XREVRANGE', key('journal'), '+', '-', 'COUNT', 1)[1][1])
wake(chat)
return 'disabled'
