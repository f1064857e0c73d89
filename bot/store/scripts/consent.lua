-- Write an entry of the ledger. ARGV: now, chat, person, name, purpose, agreed (0|1), how, by, message id or ''
-- Who takes back that they are answered is forgotten in the same step: their messages, the answers to them, and
-- whatever a worker is making of them. Gives 'off' where nobody enabled the chat (nothing is kept), 'known' or 'changed'.
local now, chat, person, purpose, agreed = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[5], ARGV[6] == '1'
if not enabled(chat) then return 'off' end
if ARGV[9] ~= '' then
  move_watermark(chat, ARGV[9])
  redis.call('ZADD', key('seen', chat), now, ARGV[9])
  outcome(chat, { ARGV[9] }, agreed and 'obeyed' or 'opted_out', 'said to the stand-in, not to the model')
end
local field = purpose .. '|' .. person
local before = redis.call('HGET', key('consent', chat), field)
if before and cjson.decode(before).agreed == agreed then return 'known' end
redis.call('HSET', key('consent', chat), field,
  cjson.encode({ agreed = agreed, how = ARGV[7], by = ARGV[8], at = now, name = ARGV[4] }))
journal(now, 'consent.changed', chat, { person = person, purpose = purpose, agreed = agreed, how = ARGV[7], by = ARGV[8] })
if purpose == 'answered' and not agreed then forget_person(now, chat, person) end
if purpose == 'hosted' and not agreed then
  -- What a host is writing, it writes with their messages before it.
  rewrite_without(now, chat)
  take_back(now, chat)
end
wake(chat)
return 'changed'
