-- End a turn in one step: its outcome, its draft and bubbles, the journal, and the chat's way back.
-- ARGV: now, chat, generation, epoch, decision JSON, facts JSON (an object, for the journal), what was said JSON
--   decision: turn, messages [ids], kind 'ignored'|'failed'|'draft', reason,
--             for a draft: draft (id), bubbles [texts], hold (bool), expires_at, position, authors [ids], fields {},
--             alone (bool: only bots wrote in the turn)
-- Gives 'lost' (somebody else holds the chat; nothing was changed) or the outcome.
local now, chat = tonumber(ARGV[1]), ARGV[2]
local settings = key('chat', chat)
if redis.call('HGET', settings, 'generation') ~= ARGV[3] or not redis.call('HGET', settings, 'claim') then
  return 'lost'
end
-- Read before anything is written: a step that fails half-way would leave messages without an outcome.
local decision, facts = cjson.decode(ARGV[5]), cjson.decode(ARGV[6])
local what, reason = decision.kind, decision.reason
local mode = mode_of(chat)
-- A text that was finished when the kill came is kept, for the owner to see.
local frozen = what == 'draft' and mode ~= 'off' and mode ~= 'shadow'
  and (epoch_of(chat) ~= tonumber(ARGV[4]) or standing_kill(chat))

if frozen then
  reason = 'killed while the answer was being written'
elseif what == 'draft' and mode == 'off' then
  what, reason = 'ignored', 'the chat was switched off while the answer was being written'
end

redis.call('LTRIM', key('box', chat), tonumber(redis.call('HGET', settings, 'pinned')), -1)
redis.call('HDEL', settings, 'pinned', 'claim', 'attempts')
redis.call('HSET', settings, 'waiting_since', now)

if what == 'draft' and not decision.hold and not frozen then
  if mode == 'shadow' then reason = 'the chat is in shadow mode'
  elseif mode == 'auto' then reason = 'every rule allowed it, and the chat is in auto mode'
  else reason = ownerless(chat) or 'the chat is in manual mode' end
end
count_verdicts(now, 'gate', facts.gate)
for _, answer in ipairs(facts.answers or {}) do count_verdicts(now, 'draft', answer.rules) end
decided(now, chat, with_more(ARGV[6], { turn = decision.turn, messages = decision.messages,
  outcome = what, reason = reason, draft = decision.draft }), ARGV[7])
outcome(chat, decision.messages, what, reason, decision.turn, nil)

if what == 'draft' then
  local id = decision.draft
  local name = key('draft', id)
  if decision.alone then redis.call('HINCRBY', settings, 'turns_alone', 1) end
  redis.call('HSET', name, 'chat', chat, 'turn', decision.turn, 'messages', cjson.encode(decision.messages),
    'bubbles', cjson.encode(decision.bubbles), 'created_at', now, 'expires_at', decision.expires_at,
    'lifetime', decision.expires_at - now,
    'position', decision.position, 'authors', cjson.encode(decision.authors), 'sent', 0, 'attempt', 1)
  for field, value in pairs(decision.fields) do redis.call('HSET', name, field, value) end
  redis.call('ZADD', key('drafts', 'all'), now, id)
  redis.call('ZREMRANGEBYSCORE', key('drafts', 'all'), '-inf', now - KEPT_MS)
  if frozen then
    move_draft(now, id, 'frozen', 'frozen', reason, 'fence')
  elseif mode == 'shadow' then
    move_draft(now, id, 'shadow', 'shadow', reason, 'shadow')
  elseif mode == 'auto' and not decision.hold then
    move_draft(now, id, 'approved', 'approved', reason, 'auto')
    redis.call('HSET', name, 'auto', 1)
    plan(now, chat, id, decision.bubbles, 1, 1)
  else
    move_draft(now, id, 'held', 'held', reason, 'rules')
  end
end
make_ready(chat, now)
wake(chat)
return what
