"""What Redis does in one step, in Lua: everything that compares before it writes.

A view has one hash of state: `current`, the number of the push that is served; `last`, the number last given out; and
for each push that is kept `push:<n>` (its record as JSON) and `document:<n>`. The bases of push n are a hash of their
own, `<state>:<n>`, by encoded entity key; a push that does not hold as many as its record says is no whole one.

Pushes are ordered by the known-at time of their newest row, then by how far their watermark reaches, then by number.
The first two do not compare pushes that read different sources: there the number alone decides. Every number stays
below 2**53, since Lua's are doubles.
"""

from __future__ import annotations

_NEWER = """
local function newer(a, b)
  if a.sources == b.sources then
    for _, part in ipairs({'epoch', 'reach_high', 'reach_low'}) do
      if a[part] ~= b[part] then return a[part] > b[part] end
    end
  end
  return a.number > b.number
end
local function served()
  local number = redis.call('HGET', KEYS[1], 'current')
  return number and redis.call('HGET', KEYS[1], 'push:' .. number)
end
"""

BEGIN = (
    _NEWER
    + """
-- KEYS: state. ARGV: record without its number, document. Returns {'ok', number} or {'stale', record served}.
local mine = cjson.decode(ARGV[1])
mine.number = tonumber(redis.call('HGET', KEYS[1], 'last') or '0') + 1
local current = served()
if current and newer(cjson.decode(current), mine) then return {'stale', current} end
local number = string.format('%d', mine.number)
local record = string.sub(ARGV[1], 1, -2) .. ',"number":' .. number .. '}'
redis.call('UNLINK', KEYS[1] .. ':' .. number)
redis.call('HSET', KEYS[1], 'last', number, 'push:' .. number, record, 'document:' .. number, ARGV[2])
return {'ok', number}
"""
)

_CHECK = (
    _NEWER
    + """
local number, token = ARGV[1], ARGV[2]
local mine = redis.call('HGET', KEYS[1], 'push:' .. number)
local current = served()
if current and (not mine or newer(cjson.decode(current), cjson.decode(mine))) then return {'stale', current} end
if not mine or cjson.decode(mine).token ~= token then return {'lost'} end
"""
)

WRITE = (
    _CHECK
    + """
-- KEYS: state, bases. ARGV: number, token, bases written before, seconds that an abandoned push is kept, key, base ...
local before, size = tonumber(ARGV[3]), (#ARGV - 4) / 2
local written = redis.call('HLEN', KEYS[2])
-- A connection that broke after the step and before the answer has the client send it again.
if written == before + size then return {'ok'} end
if written ~= before then return {'lost'} end
for i = 5, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[2], ARGV[4])
return {'ok'}
"""
)

SWITCH = (
    _CHECK
    + """
-- KEYS: state, bases. ARGV: number, token, bases. Serves the push, and deletes those that it is newer than.
if redis.call('HGET', KEYS[1], 'current') == number then return {'ok'} end
if redis.call('HLEN', KEYS[2]) ~= tonumber(ARGV[3]) then return {'lost'} end
redis.call('PERSIST', KEYS[2])
redis.call('HSET', KEYS[1], 'current', number)
local fields = redis.call('HKEYS', KEYS[1])
for _, field in ipairs(fields) do
  local other = string.match(field, '^push:(%d+)$')
  if other and other ~= number and newer(cjson.decode(mine), cjson.decode(redis.call('HGET', KEYS[1], field))) then
    redis.call('HDEL', KEYS[1], field, 'document:' .. other)
    redis.call('UNLINK', KEYS[1] .. ':' .. other)
  end
end
return {'ok'}
"""
)

READ = """
-- KEYS: state. ARGV: version whose document the reader has, entity keys.
-- Returns {record, document or nothing, {base or nothing ...}}; {} if no whole push is there.
local number = redis.call('HGET', KEYS[1], 'current')
local text = number and redis.call('HGET', KEYS[1], 'push:' .. number)
if not text then return {} end
local bases, record = KEYS[1] .. ':' .. number, cjson.decode(text)
if redis.call('HLEN', bases) ~= record.entities then return {} end
local document = record.version ~= ARGV[1] and redis.call('HGET', KEYS[1], 'document:' .. number)
return {text, document, #ARGV > 1 and redis.call('HMGET', bases, unpack(ARGV, 2)) or {}}
"""

PROMOTE = """
-- KEYS: model. ARGV: state as JSON, ONNX file. Returns {'ok'}, or {'stale', state served}.
local current = redis.call('HGET', KEYS[1], 'state')
if current and cjson.decode(current).promoted_at > cjson.decode(ARGV[1]).promoted_at then return {'stale', current} end
redis.call('HSET', KEYS[1], 'state', ARGV[1], 'onnx', ARGV[2])
return {'ok'}
"""
