-- Whom a bubble speaks to, as the chat stands now. ARGV: chat, bubble id
-- Gives { the message that it refers to or '', names and ids of the people it may name as a JSON object or '' }
--   It refers to what it answers where it is the first of an answer and somebody else has written since. People are those
--   who have written lately and whose name stands in the text with an @, each by a name that nobody else there has; they
--   are kept, so that another try names the same.
local chat, id = ARGV[1], ARGV[2]
local bubble = redis.call('HMGET', key('bubble', id), 'draft', 'index', 'text', 'people')
local answers = bubble[2] == '1' and redis.call('HGET', key('draft', bubble[1]), 'refers_to')
local naming = bubble[3] and not bubble[4] and string.find(bubble[3], '@', 1, true)
if not answers and not naming then return { '', bubble[4] or '' } end
local refers, others, people, known = '', {}, {}, false
local said = redis.call('LRANGE', key('transcript', chat), 0, -1)
for at = #said, 1, -1 do
  local author, message = author_of(said[at])
  if answers and message == answers then
    others[author] = nil
    if next(others) then refers = message end
    answers = nil
  end
  if author then others[author] = true end
  if author and naming then
    local who = cjson.decode(said[at]).author
    if not who.is_bot and string.find(bubble[3], '@' .. who.name, 1, true) then
      local taken = people[who.name]
      people[who.name] = (not taken or taken == who.id) and who.id or ''
      known = true
    end
  elseif not answers and not naming then
    break
  end
end
if not naming then return { refers, bubble[4] or '' } end
local named = known and cjson.encode(people) or '{}'
redis.call('HSET', key('bubble', id), 'people', named)
return { refers, named }
