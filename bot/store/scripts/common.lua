-- What every script begins with. KEYS[1] is the partition's prefix ("understudy:{3}:"): all keys of one chat
-- share its hash tag, so a script touches one slot, on Redis Cluster as on one server.
local prefix = KEYS[1]
local function key(kind, id)
  if id then return prefix .. kind .. ':' .. id end
  return prefix .. kind
end

local JOURNAL_LENGTH = 100000
-- Decided drafts and their bubbles are kept that long, for people and for a later training, and then go by themselves.
local KEPT_MS = 90 * 86400000

-- One entry of the journal, its facts written as a JSON object outside: cjson would make an empty list an object.
local function journal_json(now, kind, chat, facts)
  redis.call('XADD', key('journal'), 'MAXLEN', '~', JOURNAL_LENGTH, '*',
    'at', now, 'kind', kind, 'chat', chat, 'facts', facts)
end

-- One entry of the journal. `facts` is a table; a value that is nil is left out.
local function journal(now, kind, chat, facts) journal_json(now, kind, chat, cjson.encode(facts)) end

-- A JSON object with what a table holds added to it.
local function with_more(object, more)
  local added = cjson.encode(more)
  if object == '{}' then return added end
  return string.sub(object, 1, -2) .. ',' .. string.sub(added, 2)
end

local function messenger_of(chat) return string.match(chat, '^([^/]+)/') end

-- The scopes whose kill silences a chat, widest first. A part of another chat, such as a thread, is silent with it: the
-- kill of a chat is written in every partition, since its parts may lie anywhere.
local function scopes_of(chat)
  local scopes = { 'everywhere', 'account:' .. messenger_of(chat), 'chat:' .. chat }
  local whole = redis.call('HGET', key('chat', chat), 'parent')
  if whole then table.insert(scopes, 3, 'chat:' .. whole) end
  return scopes
end

-- The chat's kill epoch: the sum over the scopes that cover it. It only grows.
local function epoch_of(chat)
  local sum = 0
  for _, scope in ipairs(scopes_of(chat)) do
    sum = sum + tonumber(redis.call('HGET', key('kill'), 'epoch|' .. scope) or '0')
  end
  return sum
end

-- What Redis holds of kills begins with a mark, made when the store was. Without it the record of kills was lost
-- (flushed, evicted, restored in part), and with it perhaps a kill: nothing leaves until an owner resumes everywhere.
local LOST = '{"scope":"everywhere","by":"understudy","at":0,"reason":"Redis lost its record of kills"}'
local function record_lost() return redis.call('HEXISTS', key('kill'), 'since') == 0 end

-- The kill in force for a chat as JSON, or false.
local function standing_kill(chat)
  if record_lost() then return LOST end
  for _, scope in ipairs(scopes_of(chat)) do
    local kill = redis.call('HGET', key('kill'), 'standing|' .. scope)
    if kill then return kill end
  end
  return false
end

-- A chat's mode as it counts now: without a sign of the owner nothing is sent that nobody has approved.
local function mode_of(chat)
  local mode = redis.call('HGET', key('chat', chat), 'mode') or 'off'
  if mode == 'auto' and redis.call('HEXISTS', key('owner'), 'absent_since') == 1 then return 'manual' end
  return mode
end

-- Why a chat in auto mode is as one in manual mode now, or false.
local function ownerless(chat)
  return redis.call('HGET', key('chat', chat), 'mode') == 'auto' and mode_of(chat) == 'manual'
    and 'without a sign of the owner a moderator decides'
end

local function outcome(chat, ids, what, reason, turn, draft)
  for _, id in ipairs(ids) do
    redis.call('HSET', key('outcome', chat), id,
      cjson.encode({ outcome = what, reason = reason, turn = turn, draft = draft }))
  end
end

-- The journal's entry of a turn. The texts of its messages stand beside the facts, and where they stand is kept: whoever
-- deletes a message takes its text out again. `said` is a JSON list of { id, author, text }.
local function decided(now, chat, facts, said)
  local entry = redis.call('XADD', key('journal'), 'MAXLEN', '~', JOURNAL_LENGTH, '*',
    'at', now, 'kind', 'turn.decided', 'chat', chat, 'facts', facts, 'said', said)
  for _, line in ipairs(cjson.decode(said)) do
    if not line.deleted then redis.call('HSET', key('said', chat), line.id, entry) end
  end
end

-- How often each rule said what, by day, for people who look at the chain. It says nothing of whom or what.
local function count_verdicts(now, chain, trail)
  local counts = key('verdicts', math.floor(now / 86400000))
  for _, verdict in ipairs(trail or {}) do
    redis.call('HINCRBY', counts, chain .. '|' .. verdict.rule .. '|' .. verdict.outcome, 1)
  end
  redis.call('PEXPIRE', counts, 32 * 86400000)
end

-- Whether an owner's entry in the ledger lets the stand-in into a chat.
local function enabled(chat)
  local entry = redis.call('HGET', key('consent', chat), 'chat')
  return entry and cjson.decode(entry).agreed
end

-- Whether a person's messages may be kept and answered; `people` is how silence is read: 'opt_out' or 'opt_in'.
local function may_answer(chat, person, people)
  local entry = redis.call('HGET', key('consent', chat), 'answered|' .. person)
  if not entry then return people == 'opt_out' end
  return cjson.decode(entry).agreed
end

-- A chat's watermark: the newest message that stands here or was decided on here, for messengers whose ids are numbers
-- that grow. What came after it is asked for when nobody has listened for a while. Moves it to a message; gives whether
-- that lay beyond it. Ids have too many digits for Lua's numbers.
local function move_watermark(chat, id)
  if not string.find(id, '^%d+$') then return true end
  local mark = redis.call('HGET', key('chat', chat), 'watermark') or ''
  if #id < #mark or (#id == #mark and id <= mark) then return false end
  redis.call('HSET', key('chat', chat), 'watermark', id)
  return true
end

-- Dashboards listen; a lost wake-up costs a second, never correctness.
local function wake(chat) redis.call('PUBLISH', 'understudy:wake', chat) end

-- A chat waits for a worker only when nobody holds it and its last answer has left completely: what arrives
-- while a chat is being answered is gathered into the next turn.
local function make_ready(chat, due)
  if redis.call('LLEN', key('box', chat)) == 0 or redis.call('LLEN', key('out', chat)) > 0 then
    redis.call('ZREM', key('ready'), chat)
    return
  end
  -- Who has just written may not have finished: the pause after the newest message holds here, too.
  local quiet = tonumber(redis.call('HGET', key('chat', chat), 'due') or '0')
  redis.call('ZADD', key('ready'), math.max(due, quiet), chat)
end

-- Whoever holds a chat has lost it, and is told so: what they are writing is not wanted any more.
local function take_back(now, chat)
  local settings = key('chat', chat)
  if redis.call('HDEL', settings, 'claim') == 1 then
    redis.call('HINCRBY', settings, 'generation', 1)
    -- That it came to nothing was not the turn's fault.
    if redis.call('HEXISTS', settings, 'attempts') == 1 then redis.call('HINCRBY', settings, 'attempts', -1) end
    redis.call('PUBLISH', 'understudy:taken-back', chat)
  end
  make_ready(chat, now)
end

-- Whether the people in a chat are told in a way: 'announced', 'marked' or 'revealed'.
local function told(chat, way)
  return string.find(redis.call('HGET', key('chat', chat), 'disclosure') or 'announced', way, 1, true) ~= nil
end

-- Whether an announcement must leave before a bubble may: the owner's own notices need none.
local function unannounced(chat, bubble)
  return told(chat, 'announced') and not redis.call('HGET', key('chat', chat), 'announced_at')
    and not redis.call('HGET', key('bubble', bubble), 'notice')
end

-- Write the bubbles of a draft, from number `first`, into the chat's outbox under ids that follow from the draft.
local function plan(now, chat, draft, bubbles, first, attempt)
  local epoch = epoch_of(chat)
  for index = first, #bubbles do
    local id = draft .. '.' .. attempt .. '.' .. index
    redis.call('HSET', key('bubble', id), 'draft', draft, 'chat', chat, 'text', bubbles[index],
      'index', index, 'total', #bubbles, 'state', 'planned', 'epoch', epoch, 'tries', 0)
    local notice = redis.call('HGET', key('draft', draft), 'notice')
    if notice then redis.call('HSET', key('bubble', id), 'notice', notice) end
    redis.call('RPUSH', key('out', chat), id)
    redis.call('ZADD', key('bubbles', chat), now, id)
  end
  redis.call('ZREMRANGEBYSCORE', key('bubbles', chat), '-inf', now - KEPT_MS)
  redis.call('ZADD', key('outbox', messenger_of(chat)), 'NX', now, chat)
end

-- Take one draft's bubbles that have not been handed over out of the chat's outbox; when none is left, the chat
-- goes back to the workers. Other drafts' bubbles stay: each draft is judged at the fence under its own name, or
-- its messages would never get an outcome.
--
-- With `flying`, a bubble that is just being handed over stays where it is, for whoever does that to write down what
-- came of it: if that is nobody any more, the fence calls it unknown.
local function clear_out(now, chat, draft, state, flying)
  for _, id in ipairs(redis.call('LRANGE', key('out', chat), 0, -1)) do
    local bubble = key('bubble', id)
    if redis.call('HGET', bubble, 'draft') == draft
      and not (flying and redis.call('HGET', bubble, 'state') == 'sending') then
      if redis.call('HGET', bubble, 'state') ~= 'unknown' then redis.call('HSET', bubble, 'state', state) end
      redis.call('PEXPIRE', bubble, KEPT_MS)
      redis.call('SREM', key('in_flight'), id)
      redis.call('LREM', key('out', chat), 1, id)
    end
  end
  local head = redis.call('LINDEX', key('out', chat), 0)
  if head then
    if not (flying and redis.call('HGET', key('bubble', head), 'state') == 'sending') then
      redis.call('ZADD', key('outbox', messenger_of(chat)), now, chat)
    end
  else
    redis.call('ZREM', key('outbox', messenger_of(chat)), chat)
    if not redis.call('HGET', key('chat', chat), 'claim') then make_ready(chat, now) end
  end
end

-- Chats whose time lies so far ahead that only a clock which has since gone back can have set it: they are due one
-- claim's length from now. Whoever does hold one loses nothing but the head start: every step checks its token.
local FARTHEST = 600000
local function bring_back(now, waiting, lease)
  for _, chat in ipairs(redis.call('ZRANGEBYSCORE', waiting, '(' .. now + FARTHEST + lease, '+inf', 'LIMIT', 0, 100)) do
    redis.call('ZADD', waiting, now + lease, chat)
  end
end

-- Whether a draft waits for a moderator, or for another text to be put before one.
local function is_open(state) return state == 'held' or state == 'frozen' or state == 'rewriting' end

-- Which other moderator has taken a draft to decide on it, or false. A claim that has lapsed is none.
local function taken_by_other(now, draft, by)
  local claim = redis.call('HMGET', key('draft', draft), 'taken_by', 'taken_until')
  return claim[1] and claim[1] ~= by and tonumber(claim[2]) > now and claim[1]
end

-- What lay under a kill is as fresh as the moment: no clock runs against it, and nothing that was said meanwhile.
local function refresh(now, name, chat)
  local draft = redis.call('HMGET', name, 'expires_at', 'lifetime')
  redis.call('HSET', name, 'expires_at', math.max(tonumber(draft[1]), now + tonumber(draft[2])),
    'position', redis.call('HGET', key('chat', chat), 'heard') or '0')
end

-- Move a draft to a state, with the outcome of its messages, and the line in the journal.
local function move_draft(now, id, state, what, reason, by)
  local name = key('draft', id)
  local chat = redis.call('HGET', name, 'chat')
  if state == 'frozen' then refresh(now, name, chat) end
  redis.call('HSET', name, 'state', state, 'reason', reason, 'decided_by', by, 'decided_at', now)
  if state ~= 'rewriting' then redis.call('ZREM', key('rewrites'), id) end
  if is_open(state) then
    redis.call('ZADD', key('drafts', 'open'), 'NX', redis.call('HGET', name, 'created_at'), id)
    redis.call('SADD', key('open', chat), id)
  else
    redis.call('SREM', key('open', chat), id)
    redis.call('ZREM', key('drafts', 'open'), id)
    redis.call('HDEL', name, 'taken_by', 'taken_until')
  end
  if is_open(state) or state == 'approved' then
    redis.call('PERSIST', name)
  else
    redis.call('PEXPIRE', name, KEPT_MS)
  end
  outcome(chat, cjson.decode(redis.call('HGET', name, 'messages')), what, reason,
    redis.call('HGET', name, 'turn'), id)
  journal(now, 'draft.' .. state, chat,
    { draft = id, turn = redis.call('HGET', name, 'turn'), reason = reason, by = by })
  wake(chat)
end

-- A kill has stopped a draft on its way. What an owner reveals is to be ordered anew; all else waits for them.
local function stopped_by_kill(now, chat, draft, by)
  clear_out(now, chat, draft, 'void')
  local notice = redis.call('HGET', key('draft', draft), 'notice')
  move_draft(now, draft, notice and 'void' or 'frozen', 'frozen', 'a kill stopped it', by)
end

-- Have another text written for an open draft, by whichever worker comes first. What it has meanwhile stays.
local function order_rewrite(now, id, newest, reason, by)
  local name = key('draft', id)
  redis.call('HINCRBY', name, 'orders', 1)
  -- Its bubbles get new ids, whatever became of those that it had.
  redis.call('HINCRBY', name, 'attempt', 1)
  redis.call('HSET', name, 'asked_by', by, 'newest', newest, 'tries', 0,
    'order_epoch', epoch_of(redis.call('HGET', name, 'chat')),
    'expires_at', now + tonumber(redis.call('HGET', name, 'lifetime')))
  move_draft(now, id, 'rewriting', 'rewriting', reason, by)
  redis.call('ZADD', key('rewrites'), now, id)
end

-- Whether a kill covers a draft's chat, or has since another text was ordered for it: then none is written any more.
local function rewrite_killed(id)
  local fields = redis.call('HMGET', key('draft', id), 'chat', 'order_epoch')
  return standing_kill(fields[1]) or epoch_of(fields[1]) ~= tonumber(fields[2])
end

local function freeze_rewrite(now, id)
  move_draft(now, id, 'frozen', 'frozen', 'a kill came before another text was written', 'kill')
end

-- How many messages of others the chat has had since the turn that a draft answers.
local function moved_by(chat, draft)
  return tonumber(redis.call('HGET', key('chat', chat), 'heard') or '0')
    - tonumber(redis.call('HGET', key('draft', draft), 'position'))
end

-- A held draft that its chat has moved past: rewritten, where that is wanted and the chat is in manual mode, or closed.
-- A moderator who has taken it to work on it is not disturbed by another text. Gives what came of it.
local function past(now, id, when_stale, most)
  local name = key('draft', id)
  local chat = redis.call('HGET', name, 'chat')
  local may = when_stale == 'regenerate' and mode_of(chat) == 'manual'
    and redis.call('HGET', name, 'sent') == '0'
    and tonumber(redis.call('HGET', name, 'stale_orders') or '0') < tonumber(most)
  if may and taken_by_other(now, id, '') then return 'taken' end
  if may then
    redis.call('HINCRBY', name, 'stale_orders', 1)
    order_rewrite(now, id, 1, 'the chat has moved past it: another text is being written', 'clock')
    return 'moved'
  end
  move_draft(now, id, 'stale', 'stale', 'the chat has moved past it', 'clock')
  return 'stale'
end

-- A chat's open and approved drafts, by id, each with its state.
local function pending_drafts(chat)
  local ids, known, pending = redis.call('SMEMBERS', key('open', chat)), {}, {}
  for _, bubble in ipairs(redis.call('LRANGE', key('out', chat), 0, -1)) do
    ids[#ids + 1] = redis.call('HGET', key('bubble', bubble), 'draft') or nil
  end
  table.sort(ids)
  for _, id in ipairs(ids) do
    local state = redis.call('HGET', key('draft', id), 'state')
    -- One that is void already may have a bubble on its way: why it was voided stays on record.
    if not known[id] and state and (is_open(state) or state == 'approved') then
      pending[#pending + 1] = { id = id, state = state }
    end
    known[id] = true
  end
  return pending
end

-- Void a draft; what is being handed over cannot be called back.
local function void_draft(now, chat, draft, what, reason, by)
  clear_out(now, chat, draft.id, 'void', true)
  move_draft(now, draft.id, 'void', what, reason, by)
  if draft.state == 'rewriting' then redis.call('PUBLISH', 'understudy:taken-back', chat) end
end

-- Void a chat's open and approved drafts that `wanted(name, state)` names.
local function void_drafts(now, chat, what, reason, by, wanted)
  for _, draft in ipairs(pending_drafts(chat)) do
    if wanted(key('draft', draft.id), draft.state) then void_draft(now, chat, draft, what, reason, by) end
  end
end

-- The messages that a draft answers; another text may answer more than the first did.
local function answered_by(name)
  return cjson.decode(redis.call('HGET', name, 'answers') or redis.call('HGET', name, 'messages'))
end

-- A text that was written with words before it that are gone now may repeat them: nobody's yes to it counts any more,
-- and whoever decides is told. Of what has begun to leave the rest stays unsaid.
local DOUBT = 'it was written with a message that was deleted since'
local function doubt_draft(now, chat, draft, by)
  local name, state = key('draft', draft.id), draft.state
  if state == 'approved' then
    local leaving = redis.call('HGET', name, 'sent') ~= '0'
    for _, bubble in ipairs(redis.call('LRANGE', key('out', chat), 0, -1)) do
      local of, at = unpack(redis.call('HMGET', key('bubble', bubble), 'draft', 'state'))
      leaving = leaving or (of == draft.id and at == 'sending')
    end
    if leaving then return void_draft(now, chat, draft, 'ignored', DOUBT, by) end
    clear_out(now, chat, draft.id, 'void')
    -- Whoever has a bubble of it in hand must not find it planned again with another text.
    redis.call('HINCRBY', name, 'attempt', 1)
    state = 'held'
  end
  redis.call('HSET', name, 'doubted', 1)
  -- Of one that is being written anew, the new text has to say nothing of it.
  if state ~= 'rewriting' then move_draft(now, draft.id, state, state, DOUBT, by) end
end

-- Who wrote a stored message, or nil where its line is damaged.
local function author_of(json)
  local fine, message = pcall(cjson.decode, json)
  if fine and type(message) == 'table' and type(message.author) == 'table' and not message.own then
    return message.author.id, message.id
  end
end

-- Take the messages that `wanted(author, id)` names out of a chat's box.
local function take_from_box(chat, what, reason, wanted)
  local settings, ids = key('chat', chat), {}
  local pinned = tonumber(redis.call('HGET', settings, 'pinned') or '0')
  local left = pinned
  for index, json in ipairs(redis.call('LRANGE', key('box', chat), 0, -1)) do
    local author, id = author_of(json)
    if author and wanted(author, id) then
      redis.call('LREM', key('box', chat), 1, json)
      ids[#ids + 1] = id
      if index <= pinned then left = left - 1 end
    end
  end
  if left > 0 then redis.call('HSET', settings, 'pinned', left)
  else redis.call('HDEL', settings, 'pinned', 'attempts') end
  outcome(chat, ids, what, reason)
end

-- Words are gone that whoever writes another text for a draft may have before them: it is written again without them.
local function rewrite_without(now, chat)
  for _, id in ipairs(redis.call('SMEMBERS', key('open', chat))) do
    if redis.call('HGET', key('draft', id), 'state') == 'rewriting' then
      redis.call('HINCRBY', key('draft', id), 'rewrite_token', 1)
      redis.call('ZADD', key('rewrites'), now, id)
      redis.call('PUBLISH', 'understudy:taken-back', chat)
    end
  end
end

-- Forget what a person said in a chat, and void what was to answer it.
local function forget_person(now, chat, person)
  for _, json in ipairs(redis.call('LRANGE', key('transcript', chat), 0, -1)) do
    if author_of(json) == person then redis.call('LREM', key('transcript', chat), 1, json) end
  end
  take_from_box(chat, 'opted_out', 'who wrote it does not want to be answered', function(author)
    return author == person
  end)
  void_drafts(now, chat, 'opted_out', 'who it answers does not want to be answered', 'consent', function(name)
    for _, author in ipairs(cjson.decode(redis.call('HGET', name, 'authors') or '[]')) do
      if author == person then return true end
    end
    return false
  end)
  rewrite_without(now, chat)
  take_back(now, chat)
end

-- The owner is in a chat as a person: the stand-in steps back at once. What a kill froze waits for the owner anyway,
-- and notices are the owner's own words. `stay` is how long they count as there, in ms; `at` is when they were seen, where
-- that is not now.
local function owner_here(now, chat, by, stay, at)
  local settings = key('chat', chat)
  local before = tonumber(redis.call('HGET', settings, 'owner_at') or '0')
  redis.call('HSET', settings, 'owner_at', at or now, 'owner_by', by, 'owner_before', before)
  if stay == 0 then return end
  if math.abs(now - before) >= stay then journal(now, 'owner.here', chat, { by = by }) end
  void_drafts(now, chat, 'ignored', 'the owner is here', 'owner', function(name, state)
    return state ~= 'frozen' and not redis.call('HGET', name, 'notice')
  end)
  take_back(now, chat)
  wake(chat)
end

-- An echo of this may come, before or after whoever sent it hears that it left. One that comes later is the owner's.
local AWAITED_MS = 86400000
local function await_echo(chat, id, plain)
  redis.call('HSET', key('awaited', chat), id, plain)
  redis.call('PEXPIRE', key('awaited', chat), AWAITED_MS)
end

-- The bubble that an own message is the echo of, or false: some messengers show it before they say that it was sent.
local function echo_of(chat, plain)
  local awaited = redis.call('HGETALL', key('awaited', chat))
  for at = 1, #awaited, 2 do
    if awaited[at + 1] == plain then return awaited[at] end
  end
  return false
end
