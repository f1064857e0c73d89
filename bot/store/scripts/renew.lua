-- Keep a claim alive. ARGV: now, chat, generation, lease ms. Gives the chat's kill epoch, or -1 when the claim is lost.
local chat = ARGV[2]
local settings = key('chat', chat)
-- Also after its own settling the claim is gone: the chat may rest until its answer has left.
if redis.call('HGET', settings, 'generation') ~= ARGV[3] or not redis.call('HGET', settings, 'claim') then return -1 end
redis.call('ZADD', key('ready'), tonumber(ARGV[1]) + tonumber(ARGV[4]), chat)
return epoch_of(chat)
