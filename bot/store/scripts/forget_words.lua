-- Take what waits with somebody's name or words in it out of a chat: messages in the box, and drafts that are not decided
-- or not yet handed over. Whatever a worker is making of it is lost. ARGV: now, chat, by, how many messages, their ids,
-- ids of drafts. A bubble that is being handed over cannot be called back.
local now, chat, by, count = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local reason = 'it has somebody in it who was forgotten'
local messages, drafts = {}, {}
for index = 5, #ARGV do
  if index < 5 + count then messages[ARGV[index]] = true else drafts[key('draft', ARGV[index])] = true end
end
take_from_box(chat, 'ignored', reason, function(_, id) return messages[id] end)
void_drafts(now, chat, 'ignored', reason, by, function(name) return drafts[name] == true end)
take_back(now, chat)
