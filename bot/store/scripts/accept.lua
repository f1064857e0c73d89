-- Take one message in: deduplicate, put it into the transcript and the chat's box, and make the chat ready. One that was
-- missed, or said before the stand-in was in the chat, keeps its place; where it is not answered, it is only context.
-- ARGV: now, chat, message id, message JSON, own (0|1, 2: the stand-in's), pause ms, longest pause ms, transcript length,
--   retention ms, edited (0|1), an own message's JSON as the stand-in's, author id, how silence is read
--   ('opt_out'|'opt_in'), plain text, how long the owner counts as there in ms, how it came ('live'|'missed'|'history'),
--   why it is not answered or '', when it was said in ms, why its kill word does not count or '', the chat that this one
--   is a part of or ''
-- Gives 'off', 'opted_out', 'duplicate', 'edited', 'echo', 'own', 'context' or 'accepted'.
local now, chat, id, json = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local own, pause, longest = ARGV[5] ~= '0', tonumber(ARGV[6]), tonumber(ARGV[7])
local settings = key('chat', chat)
local how, why_not, said = ARGV[16], ARGV[17], tonumber(ARGV[18])

-- Nothing of a chat that nobody let it into or switched on is kept, nor of a person who said no.
if not enabled(chat) then return 'off' end
local seen = key('seen', chat)
local beyond = ARGV[10] == '1' or move_watermark(chat, id)
-- What lies behind the watermark was decided on before: it would stand in the wrong place, and twice.
if how ~= 'live' and not beyond then return 'duplicate' end
local mode = redis.call('HGET', settings, 'mode')
if not mode or mode == 'off' then return 'off' end
if not own and not may_answer(chat, ARGV[12], ARGV[13]) then return 'opted_out' end

-- Known with the first message, so that no turn and no draft is ever outside of a kill that covers it.
if ARGV[20] ~= '' and redis.call('HGET', settings, 'parent') ~= ARGV[20] then
  redis.call('HSET', settings, 'parent', ARGV[20])
end
if ARGV[19] ~= '' then journal(now, 'kill_word.lifted', chat, { message = id, reason = ARGV[19] }) end
if ARGV[10] == '1' then
  -- The changed text takes the place of the old one. A turn that is pinned stays as it is: whoever follows a dead worker
  -- must see the same. An edit of what never arrived is none of ours: messengers also tell of last year's.
  if not redis.call('ZSCORE', seen, id) then return 'edited' end
  local function replace(list, first)
    for index, text in ipairs(redis.call('LRANGE', list, first, -1)) do
      local known, message = pcall(cjson.decode, text)
      if known and message.id == id then
        redis.call('LSET', list, first + index - 1, message.stand_in and own and ARGV[11] or json)
        return true
      end
    end
    return false
  end
  if replace(key('transcript', chat), 0) then
    local waits = replace(key('box', chat), tonumber(redis.call('HGET', settings, 'pinned') or '0'))
    journal(now, 'message.edited', chat, { message = id, waits = waits })
    wake(chat)
  end
  return 'edited'
end
if redis.call('ZSCORE', seen, id) then return 'duplicate' end
redis.call('ZADD', seen, now, id)
local old = redis.call('ZRANGEBYSCORE', seen, '-inf', now - tonumber(ARGV[9]), 'LIMIT', 0, 100)
for _, stale in ipairs(old) do
  redis.call('ZREM', seen, stale)
  redis.call('HDEL', key('outcome', chat), stale)
  redis.call('HDEL', key('said', chat), stale)
end

-- An own message that is no echo of a bubble was written by the owner in person.
local echo = own and (echo_of(chat, ARGV[14]) or ARGV[5] == '2')
if echo then
  if ARGV[5] == '1' then redis.call('HDEL', key('awaited', chat), echo) end
  json = ARGV[11]
end
-- What is said of the stand-in is not for the model to learn to say.
local notice = echo and echo ~= true
  and (string.match(echo, '^acknowledgement%.') or redis.call('HGET', key('bubble', echo), 'notice'))
if not notice then redis.call('RPUSH', key('transcript', chat), json) end
redis.call('LTRIM', key('transcript', chat), -tonumber(ARGV[8]), -1)
-- A person wrote: from here on bots among themselves begin anew.
if how ~= 'history' and not echo and not cjson.decode(json).author.is_bot then
  redis.call('HDEL', settings, 'turns_alone')
end
if own then
  outcome(chat, { id }, 'own', echo and 'sent by the stand-in' or 'written by the owner')
  local stay, at = tonumber(ARGV[15]), how == 'live' and now or math.min(now, said)
  -- They were there when they wrote; what they did since counts more.
  local is_sign = how == 'live' or (how == 'missed' and now - at < stay
    and at > tonumber(redis.call('HGET', settings, 'owner_at') or '0'))
  if not echo and is_sign then owner_here(now, chat, id, stay, at) end
  wake(chat)
  return echo and 'echo' or 'own'
end

redis.call('HINCRBY', settings, 'heard', 1)
if why_not ~= '' then
  outcome(chat, { id }, 'ignored', why_not)
  journal(now, 'message.context', chat, { message = id, reason = why_not })
  wake(chat)
  return 'context'
end
if redis.call('RPUSH', key('box', chat), json) == 1 then
  redis.call('HSET', settings, 'waiting_since', now)
end
outcome(chat, { id }, 'waiting', 'waits for the next turn')
journal(now, 'message.accepted', chat, { message = id, missed = how == 'missed' or nil })
local due = now + pause
local pinned = redis.call('HGET', settings, 'pinned')
if not pinned then
  due = math.min(due, tonumber(redis.call('HGET', settings, 'waiting_since') or now) + longest)
end
redis.call('HSET', settings, 'due', due)
if not pinned then make_ready(chat, due) end
wake(chat)
return 'accepted'
