-- Go through a stretch of the journal and take out what it says of a chat that was disabled, up to that moment; the
-- ledger's own lines stay. ARGV: chat, where to begin, how many lines. Gives where to go on, or '' at the end.
local chat, count = ARGV[1], tonumber(ARGV[3])
local last = redis.call('HGET', key('erasing'), chat)
if not last then return '' end
local rows = redis.call('XRANGE', key('journal'), ARGV[2], last, 'COUNT', count)
for _, row in ipairs(rows) do
  local fields = {}
  for at = 1, #row[2], 2 do fields[row[2][at]] = row[2][at + 1] end
  if fields.chat == chat and fields.kind ~= 'consent.changed' then redis.call('XDEL', key('journal'), row[1]) end
end
if #rows == count then return '(' .. rows[#rows][1] end
redis.call('HDEL', key('erasing'), chat)
return ''
