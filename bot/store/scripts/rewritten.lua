-- End the writing of another text in one step.
-- ARGV: now, draft id, token, kind ('written'|'kept'|'cancelled'), reason, bubbles JSON, position or '', fields JSON
--   {name: text}, facts JSON (an object, for the journal)
-- Gives 'lost' (the claim is; nothing was changed), 'written', 'kept' or 'frozen'.
local now, id, kind, reason = tonumber(ARGV[1]), ARGV[2], ARGV[4], ARGV[5]
local name = key('draft', id)
if redis.call('HGET', name, 'rewrite_token') ~= ARGV[3] or redis.call('HGET', name, 'state') ~= 'rewriting' then
  return 'lost'
end
local draft = redis.call('HMGET', name, 'chat', 'turn', 'bubbles', 'versions', 'asked_by', 'version', 'lifetime')
if kind == 'cancelled' or rewrite_killed(id) then
  freeze_rewrite(now, id)
  return 'frozen'
end
local version = tonumber(draft[6] or '1')
if kind == 'written' then
  version = version + 1
  local versions = cjson.decode(draft[4] or '[]')
  versions[#versions + 1] = { bubbles = cjson.decode(draft[3]), at = now, by = draft[5] }
  redis.call('HSET', name, 'bubbles', ARGV[6], 'versions', cjson.encode(versions), 'version', version)
  redis.call('HDEL', name, 'original', 'edited_by', 'edited_at', 'auto', 'doubted')
  for field, value in pairs(cjson.decode(ARGV[8])) do redis.call('HSET', name, field, value) end
  if ARGV[7] ~= '' then redis.call('HSET', name, 'position', ARGV[7]) end
end
if redis.call('HEXISTS', name, 'doubted') == 1 then reason = reason .. '; ' .. DOUBT end
redis.call('HSET', name, 'expires_at', now + tonumber(draft[7]))
journal_json(now, 'draft.rewritten', draft[1], with_more(ARGV[9], { draft = id, turn = draft[2], version = version,
  by = draft[5], reason = reason, came_to = kind }))
move_draft(now, id, 'held', 'held', reason, 'rules')
return kind
