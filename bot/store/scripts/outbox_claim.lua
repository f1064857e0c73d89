-- Take the chat of one messenger whose next bubble is due.
-- ARGV: now, messenger, lease ms, whether announcements are made (0|1), and for a sender that serves some chats only:
--   the one that it takes, '' for none
-- Gives nil, or: chat, token, bubble id, draft id, text, index, total, state, tries, notice or '', marked (0|1),
--   when it was handed over last or 0, the chat that this one is a part of or ''
-- The first bubble that would leave into a chat since it was enabled is preceded by an announcement, planned here.
local now, messenger = tonumber(ARGV[1]), ARGV[2]
local outbox = key('outbox', messenger)
while true do
  local chat = ARGV[5]
  if not chat then
    chat = redis.call('ZRANGEBYSCORE', outbox, '-inf', now, 'LIMIT', 0, 1)[1]
  elseif tonumber(redis.call('ZSCORE', outbox, chat) or 'inf') > now then
    -- Another has taken it since it was looked for.
    chat = nil
  end
  if not chat then
    bring_back(now, outbox, tonumber(ARGV[3]))
    return nil
  end
  local id = redis.call('LINDEX', key('out', chat), 0)
  if not id then
    redis.call('ZREM', outbox, chat)
  else
    redis.call('ZADD', outbox, now + tonumber(ARGV[3]), chat)
    redis.call('SREM', key('postponed'), chat)
    local token = redis.call('HINCRBY', key('chat', chat), 'send_token', 1)
    if ARGV[4] == '1' and unannounced(chat, id) and redis.call('HGET', key('bubble', id), 'state') == 'planned' then
      local head = redis.call('HMGET', key('bubble', id), 'draft', 'epoch', 'total')
      id = head[1] .. '.' .. redis.call('HGET', key('draft', head[1]), 'attempt') .. '.0'
      redis.call('HSET', key('bubble', id), 'draft', head[1], 'chat', chat, 'text', '', 'index', 0, 'total', head[3],
        'state', 'planned', 'epoch', head[2], 'tries', 0, 'notice', 'announcement')
      redis.call('LPUSH', key('out', chat), id)
      redis.call('ZADD', key('bubbles', chat), now, id)
    end
    local bubble = redis.call('HMGET', key('bubble', id), 'draft', 'text', 'index', 'total', 'state', 'tries', 'notice', 'sending_at')
    return { chat, token, id, bubble[1], bubble[2], tonumber(bubble[3]), tonumber(bubble[4]), bubble[5],
      tonumber(bubble[6]), bubble[7] or '', told(chat, 'marked') and 1 or 0, tonumber(bubble[8] or '0'),
      redis.call('HGET', key('chat', chat), 'parent') or '' }
  end
end
