-- Keep a claim alive. ARGV: now, chat, generation, lease ms. Gives the chat's kill epoch, or -1 when the claim is lost.
local chat = ARGV[2]
if redis.call('HGET', key('chat', chat), 'generation') ~= ARGV[3] then return -1 end
redis.call('ZADD', key('ready'), tonumber(ARGV[1]) + tonumber(ARGV[4]), chat)
return epoch_of(chat)
