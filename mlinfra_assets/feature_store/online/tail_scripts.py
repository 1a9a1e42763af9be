"""What Redis does to a tail in one step, in Lua.

The state of a view's version v is the field `tail:<v>` of the view's state (`TailState`), its records are a hash of
their own, `<state>:tail:<v>`, by encoded entity key. A tail whose hash does not have as many entities as its state says
has lost some: it counts as none. Offsets are compared as texts, since Lua's numbers are doubles.
"""

from __future__ import annotations

WHOLE = """
local function whole_tail(version, records, state)
  local text = redis.call('HGET', state or KEYS[1], 'tail:' .. version)
  if text and redis.call('HLEN', records) == cjson.decode(text).entities then return text end
  return false
end
"""

PLACE = (
    WHOLE
    + """
-- KEYS: state, records. ARGV: version, number of the push that it was decided by, state held ('': none), state wanted.
-- Returns {'ok'}, or {'moved'}: something else is there. A tail that begins anew holds nothing.
if redis.call('HGET', KEYS[1], 'current') ~= ARGV[2] then return {'moved'} end
if (whole_tail(ARGV[1], KEYS[2]) or '') ~= ARGV[3] then return {'moved'} end
if cjson.decode(ARGV[4]).entities == 0 then redis.call('UNLINK', KEYS[2]) end
redis.call('HSET', KEYS[1], 'tail:' .. ARGV[1], ARGV[4])
return {'ok'}
"""
)

APPEND = (
    WHOLE
    + """
-- KEYS: state, records. ARGV: version, known-at time of the newest record, number of partitions, for each of them its
-- number, the offset that the chunk begins after and the one that it ends with; number of records, then key, record ...
-- Returns {'ok', state, number of the push served, bytes of the largest tail touched, its key}, all applied;
-- {'moved', state}: another chunk was first; {'lost'}: there is no whole tail.
local text = whole_tail(ARGV[1], KEYS[2])
if not text then return {'lost'} end
local tail = cjson.decode(text)
local count, first = tonumber(ARGV[3]), true
local again = count > 0
for i = 4, 3 * count + 3, 3 do
  local held = tail.at[ARGV[i]] or '-1'
  if held ~= ARGV[i + 1] then first = false end
  if held ~= ARGV[i + 2] then again = false end
end
local current = redis.call('HGET', KEYS[1], 'current')
-- A connection that broke after the step and before the answer has the client send it again.
if again then return {'ok', text, current, 0, ''} end
if not first then return {'moved', text} end
local largest, whose = 0, ''
for i = 3 * count + 5, #ARGV, 2 do
  local held = redis.call('HGET', KEYS[2], ARGV[i])
  local value = held and held .. ARGV[i + 1] or ARGV[i + 1]
  tail.entities = tail.entities + redis.call('HSET', KEYS[2], ARGV[i], value)
  if #value > largest then largest, whose = #value, ARGV[i] end
end
for i = 4, 3 * count + 3, 3 do tail.at[ARGV[i]] = ARGV[i + 2] end
tail.records = tail.records + tonumber(ARGV[3 * count + 4])
if tonumber(ARGV[2]) > tonumber(tail.epoch) then tail.epoch = ARGV[2] end
text = cjson.encode(tail)
redis.call('HSET', KEYS[1], 'tail:' .. ARGV[1], text)
return {'ok', text, current, largest, whose}
"""
)

REWRITE = (
    WHOLE
    + """
-- KEYS: state, records. ARGV: version, moment from which on all that matters is kept, number of partitions, for each of
-- them its number and the offset up to which records may be gone; then for each entity its key, the SHA-1 of its
-- records, how many are removed, and those that stay. What has changed meanwhile is left as it is. Returns how many are
-- gone.
local function less(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end
local text = whole_tail(ARGV[1], KEYS[2])
if not text then return 0 end
local tail, removed, count = cjson.decode(text), 0, tonumber(ARGV[3])
for i = 4, 2 * count + 3, 2 do
  local begin = tail.begin[ARGV[i]]
  if not begin or begin == '-1' or less(begin, ARGV[i + 1]) then tail.begin[ARGV[i]] = ARGV[i + 1] end
end
for i = 2 * count + 4, #ARGV, 4 do
  local held = redis.call('HGET', KEYS[2], ARGV[i])
  if held and redis.sha1hex(held) == ARGV[i + 1] then
    if ARGV[i + 3] == '' then
      tail.entities = tail.entities - redis.call('HDEL', KEYS[2], ARGV[i])
    else
      redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 3])
    end
    removed = removed + tonumber(ARGV[i + 2])
  end
end
tail.records = tail.records - removed
if tonumber(ARGV[2]) > tonumber(tail.complete_from) then tail.complete_from = ARGV[2] end
redis.call('HSET', KEYS[1], 'tail:' .. ARGV[1], cjson.encode(tail))
return removed
"""
)
