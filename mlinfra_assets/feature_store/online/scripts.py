"""What Redis does in one step, in Lua: everything that compares before it writes.

A view has one hash of state: `current`, the number of the push that is served; `last`, the number last given out; for
each push that is kept `push:<n>` (its record as JSON) and `document:<n>`; and the states of tails (`tail_scripts`). The
bases of push n are a hash of their own, `<state>:<n>`, by encoded entity key; a push that does not hold as many as its
record says is no whole one.

`preceding` is the number of the last push of the version before, which is kept; `pinned` says that a version was rolled
back to, by whom and why: pushes of others are then refused.

Pushes are ordered by the known-at time of their newest row, then by how far their watermark reaches, then by number.
The first two do not compare pushes that read different sources: there the number alone decides. Every number stays
below 2**53, since Lua's are doubles.
"""

from __future__ import annotations

from mlinfra_assets.feature_store.online.tail_scripts import WHOLE

_NEWER = """
local function newer(a, b)
  if a.sources == b.sources then
    for _, part in ipairs({'epoch', 'reach_high', 'reach_low'}) do
      if a[part] ~= b[part] then return a[part] > b[part] end
    end
  end
  return a.number > b.number
end
local function pinned_to_another(version)
  local pin = redis.call('HGET', KEYS[1], 'pinned')
  return pin and cjson.decode(pin).version ~= version
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
if pinned_to_another(mine.version) then return {'pinned', redis.call('HGET', KEYS[1], 'pinned')} end
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
if pinned_to_another(cjson.decode(mine).version) then return {'pinned', redis.call('HGET', KEYS[1], 'pinned')} end
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
redis.call('HSET', KEYS[2], unpack(ARGV, 5))
redis.call('EXPIRE', KEYS[2], ARGV[4])
return {'ok'}
"""
)

SWITCH = (
    _CHECK
    + """
-- KEYS: state, bases. ARGV: number, token, bases. Serves the push, and deletes those that it is newer than, but for the
-- last one of another version, to which it can be rolled back; and the tails of versions that have no push any more.
if redis.call('HGET', KEYS[1], 'current') == number then return {'ok'} end
if redis.call('HLEN', KEYS[2]) ~= tonumber(ARGV[3]) then return {'lost'} end
redis.call('PERSIST', KEYS[2])
local before, kept = redis.call('HGET', KEYS[1], 'current'), redis.call('HGET', KEYS[1], 'preceding')
local text = before and redis.call('HGET', KEYS[1], 'push:' .. before)
if text and cjson.decode(text).version ~= cjson.decode(mine).version then
  kept = before
  redis.call('HSET', KEYS[1], 'preceding', kept)
end
redis.call('HSET', KEYS[1], 'current', number)
local versions = {}
local fields = redis.call('HKEYS', KEYS[1])
for _, field in ipairs(fields) do
  local other = string.match(field, '^push:(%d+)$')
  local push = other and cjson.decode(redis.call('HGET', KEYS[1], field))
  if push and other ~= number and other ~= kept and newer(cjson.decode(mine), push) then
    redis.call('HDEL', KEYS[1], field, 'document:' .. other)
    redis.call('UNLINK', KEYS[1] .. ':' .. other)
  elseif push then
    versions[push.version] = true
  end
end
for _, field in ipairs(fields) do
  local version = string.match(field, '^tail:(.+)$')
  if version and not versions[version] then
    redis.call('HDEL', KEYS[1], field)
    redis.call('UNLINK', KEYS[1] .. ':' .. field)
  end
end
return {'ok'}
"""
)

READ = (
    WHOLE
    + """
-- KEYS: breakers, state ... ARGV: for each state the version whose document the reader has, the number of entity keys,
-- these. Returns {breakers, then for each state {record, document or nothing, {base or nothing ...}, state of the tail
-- or nothing, {records or nothing ...}}, or {} if no whole push is there}.
local function held(hash, first, last)
  if first > last then return {} end
  if last - first < 1000 then return redis.call('HMGET', hash, unpack(ARGV, first, last)) end
  local found = {}
  for i = first, last, 1000 do
    for _, value in ipairs(redis.call('HMGET', hash, unpack(ARGV, i, math.min(i + 999, last)))) do
      found[#found + 1] = value
    end
  end
  return found
end
local function of_view(state, version, first, last)
  local number = redis.call('HGET', state, 'current')
  local text = number and redis.call('HGET', state, 'push:' .. number)
  if not text then return {} end
  local bases, record = state .. ':' .. number, cjson.decode(text)
  if redis.call('HLEN', bases) ~= record.entities then return {} end
  local document = record.version ~= version and redis.call('HGET', state, 'document:' .. number)
  local records = state .. ':tail:' .. record.version
  local tail = whole_tail(record.version, records, state)
  return {text, document, held(bases, first, last), tail, tail and held(records, first, last) or {}}
end
local answer, at = {redis.call('HGETALL', KEYS[1])}, 1
for i = 2, #KEYS do
  local last = at + 1 + tonumber(ARGV[at + 1])
  answer[i] = of_view(KEYS[i], ARGV[at], at + 2, last)
  at = last + 1
end
return answer
"""
)

ROLL_BACK = """
-- KEYS: state. ARGV: by whom, why, when. Serves the last push of the version before, and pins it: no push of another
-- version is taken. Returns {'ok', pin}, {'pinned', pin}: it is already, or {'none'}: there is no whole push of
-- another.
local pin = redis.call('HGET', KEYS[1], 'pinned')
if pin then return {'pinned', pin} end
local current, kept = redis.call('HGET', KEYS[1], 'current'), redis.call('HGET', KEYS[1], 'preceding')
local text = kept and redis.call('HGET', KEYS[1], 'push:' .. kept)
if not text then return {'none'} end
local push = cjson.decode(text)
if redis.call('HLEN', KEYS[1] .. ':' .. kept) ~= push.entities then return {'none'} end
pin = cjson.encode({version = push.version, by = ARGV[1], why = ARGV[2], at = ARGV[3]})
redis.call('HSET', KEYS[1], 'current', kept, 'preceding', current, 'pinned', pin)
return {'ok', pin}
"""

RESUME = """
-- KEYS: state. Serves the push that it was rolled back from, and takes pushes of any version. Returns {'ok', version},
-- or {'none'}: nothing is pinned.
if not redis.call('HGET', KEYS[1], 'pinned') then return {'none'} end
local current, kept = redis.call('HGET', KEYS[1], 'current'), redis.call('HGET', KEYS[1], 'preceding')
redis.call('HDEL', KEYS[1], 'pinned')
redis.call('HSET', KEYS[1], 'current', kept, 'preceding', current)
return {'ok', cjson.decode(redis.call('HGET', KEYS[1], 'push:' .. kept)).version}
"""

PROMOTE = """
-- KEYS: model. ARGV: state as JSON, ONNX file. Returns {'ok'}, or {'stale', state served}.
local current = redis.call('HGET', KEYS[1], 'state')
if current and cjson.decode(current).promoted_at > cjson.decode(ARGV[1]).promoted_at then return {'stale', current} end
redis.call('HSET', KEYS[1], 'state', ARGV[1], 'onnx', ARGV[2])
return {'ok'}
"""
