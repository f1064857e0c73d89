-- Nobody can say whether a bubble left: it is shown to a person, and never blindly repeated.
-- ARGV: now, chat, token, bubble id, reason
local now, chat, id = tonumber(ARGV[1]), ARGV[2], ARGV[4]
if redis.call('HGET', key('chat', chat), 'send_token') ~= ARGV[3] or redis.call('LINDEX', key('out', chat), 0) ~= id then
  return 'lost'
end
local draft = redis.call('HGET', key('bubble', id), 'draft')
redis.call('HSET', key('bubble', id), 'state', 'unknown')
clear_out(now, chat, draft, 'void')
move_draft(now, draft, 'unknown', 'unknown', ARGV[5], 'sender')
return 'unknown'
