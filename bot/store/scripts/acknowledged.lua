-- What came of an acknowledgement. ARGV: now, chat, the kill's id, 'sent'|'refused'|'unknown', message id or ''
local now, chat, receipt = tonumber(ARGV[1]), ARGV[2], ARGV[5]
local name = key('acknowledgement', ARGV[3])
-- What is true is written also where somebody who asked meanwhile could only say that nobody knows.
local state = redis.call('GET', name)
if state ~= 'sending' and state ~= 'unknown' then return 'known' end
redis.call('SET', name, ARGV[4], 'KEEPTTL')
-- The messenger may have given it back before this was written; of a chat that was disabled meanwhile nothing is kept.
-- What is said of the stand-in is not for the model to learn to say: it stands in no transcript.
if receipt ~= '' and enabled(chat) and redis.call('ZADD', key('seen', chat), 'NX', now, receipt) == 1 then
  outcome(chat, { receipt }, 'own', 'the acknowledgement of a kill')
end
if ARGV[4] ~= 'unknown' then redis.call('HDEL', key('awaited', chat), 'acknowledgement.' .. ARGV[3]) end
journal(now, 'acknowledgement.' .. ARGV[4], chat, { kill = ARGV[3] })
wake(chat)
return 'written'
