-- Give the head bubble of a chat back untouched, due at a time. ARGV: now, chat, token, due
if redis.call('HGET', key('chat', ARGV[2]), 'send_token') ~= ARGV[3] then return 'lost' end
redis.call('ZADD', key('outbox', messenger_of(ARGV[2])), 'XX', tonumber(ARGV[4]), ARGV[2])
return 'released'
