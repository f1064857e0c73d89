-- Tell a chat what was the stand-in's: a notice, approved by the owner, on its way through the outbox in one step.
-- ARGV: now, chat, by, draft id, texts JSON, ids of the bubbles that each text tells of JSON, lifetime in ms
-- Gives 'unknown', 'killed', 'changed' (somebody else reveals some of it) or 'approved'.
local now, chat, by, id = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
if not enabled(chat) then return 'unknown' end
if standing_kill(chat) then return 'killed' end
local texts, told = cjson.decode(ARGV[5]), cjson.decode(ARGV[6])
for _, ids in ipairs(told) do
  for _, said in ipairs(ids) do
    local telling = redis.call('HGET', key('bubble', said), 'revealing')
    local state = telling and redis.call('HGET', key('bubble', telling), 'state')
    if state and state ~= 'void' and state ~= 'failed' then return 'changed' end
  end
end
local name = key('draft', id)
redis.call('HSET', name, 'chat', chat, 'turn', 'reveal', 'messages', '[]', 'authors', '[]', 'bubbles', ARGV[5],
  'created_at', now, 'expires_at', now + tonumber(ARGV[7]), 'lifetime', ARGV[7], 'notice', 'reveal', 'sent', 0,
  'attempt', 1, 'position', redis.call('HGET', key('chat', chat), 'heard') or '0')
redis.call('ZADD', key('drafts', 'all'), now, id)
move_draft(now, id, 'approved', 'approved', 'the owner reveals what was the stand-in\'s', by)
plan(now, chat, id, texts, 1, 1)
for index, ids in ipairs(told) do
  for _, said in ipairs(ids) do
    redis.call('HSET', key('bubble', said), 'revealing', id .. '.1.' .. index)
  end
end
wake(chat)
return 'approved'
