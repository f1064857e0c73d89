-- Messages were deleted in a chat: they leave the transcript, the box and the journal, what was to answer them is void,
-- and what is being written with them before it is lost. One that comes only now was deleted before it came.
-- ARGV: now, chat, message ids JSON. Gives 'off' where nobody enabled the chat, else 'deleted'.
local DELETED = 'deleted'
local now, chat, ids = tonumber(ARGV[1]), ARGV[2], cjson.decode(ARGV[3])
if not enabled(chat) then return 'off' end
local gone, known, taken = {}, {}, {}
for _, id in ipairs(ids) do
  gone[id] = true
  if redis.call('ZADD', key('seen', chat), 'NX', now, id) == 1 then
    outcome(chat, { id }, DELETED, 'it was deleted before it came')
  else
    known[#known + 1] = id
  end
end
if #known == 0 then return DELETED end

-- What waits behind the turn in hand is not in its prompt.
local pinned, behind, shown = tonumber(redis.call('HGET', key('chat', chat), 'pinned') or '0'), {}, false
for index, json in ipairs(redis.call('LRANGE', key('box', chat), 0, -1)) do
  local _, id = author_of(json)
  if id and gone[id] then
    if index > pinned then behind[id] = true else shown = true end
    taken[id] = true
  end
end
local place, first = {}, math.huge
for at, json in ipairs(redis.call('LRANGE', key('transcript', chat), 0, -1)) do
  local fine, message = pcall(cjson.decode, json)
  if fine then place[message.id] = at end
  if fine and gone[message.id] then
    first = math.min(first, at)
    redis.call('LREM', key('transcript', chat), 1, json)
    shown = shown or not behind[message.id]
    taken[message.id] = true
  end
end
take_from_box(chat, DELETED, 'it was deleted', function(_, id) return gone[id] end)

local voided = {}
void_drafts(now, chat, DELETED, 'what it answers was deleted', 'deletion', function(name)
  for _, id in ipairs(answered_by(name)) do
    if gone[id] then
      voided[#voided + 1] = name
      return true
    end
  end
  return false
end)
for _, name in ipairs(voided) do
  local rest, draft = {}, redis.call('HMGET', name, 'messages', 'turn')
  for _, id in ipairs(cjson.decode(draft[1])) do
    if not gone[id] then rest[#rest + 1] = id end
  end
  outcome(chat, rest, 'ignored', 'it was to be answered together with a message that was deleted', draft[2])
end

-- What stood before the last message that a draft answers was before the model.
for _, draft in ipairs(pending_drafts(chat)) do
  local last = 0
  for _, id in ipairs(answered_by(key('draft', draft.id))) do last = math.max(last, place[id] or 0) end
  if first < last then doubt_draft(now, chat, draft, 'deletion') end
end

-- An entry of a stream cannot be changed: its place is taken by a copy that lacks the text.
for _, id in ipairs(known) do
  local entry = redis.call('HGET', key('said', chat), id)
  local row = entry and redis.call('XRANGE', key('journal'), entry, entry)[1]
  if row then
    local fields = {}
    for at = 1, #row[2], 2 do fields[row[2][at]] = row[2][at + 1] end
    local said = cjson.decode(fields.said)
    for _, line in ipairs(said) do
      if gone[line.id] then line.text, line.deleted = '', true end
    end
    redis.call('XDEL', key('journal'), entry)
    decided(fields.at, chat, fields.facts, cjson.encode(said))
    taken[id] = true
  end
  redis.call('HDEL', key('said', chat), id)
end
if next(taken) then
  local listed = {}
  for _, id in ipairs(known) do
    if taken[id] then listed[#listed + 1] = id end
  end
  journal(now, 'message.deleted', chat, { messages = listed })
  rewrite_without(now, chat)
end
if shown then take_back(now, chat) end
wake(chat)
return DELETED
