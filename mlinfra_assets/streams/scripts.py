"""What has to happen in Redis in one piece, as Lua."""

from __future__ import annotations

APPEND = """
-- KEYS: stream. ARGV: per record its milliseconds ('*': now), the number of its field arguments, and those.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local last_ms, last_seq = 0, -1
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      local dash = string.find(info[i + 1], '-', 1, true)
      last_ms = tonumber(string.sub(info[i + 1], 1, dash - 1))
      last_seq = tonumber(string.sub(info[i + 1], dash + 1))
    end
  end
end
local ids = {}
local at = 1
while at <= #ARGV do
  local ms, count = tonumber(ARGV[at]) or now, tonumber(ARGV[at + 1])
  local seq = 0
  if ms <= last_ms then
    ms, seq = last_ms, last_seq + 1
    if seq > 1048575 then ms, seq = last_ms + 1, 0 end
  end
  if ms == 0 and seq == 0 then seq = 1 end
  local id = string.format('%.0f-%.0f', ms, seq)
  redis.call('XADD', KEYS[1], id, unpack(ARGV, at + 2, at + 1 + count))
  ids[#ids + 1] = id
  last_ms, last_seq = ms, seq
  at = at + 2 + count
end
return ids
"""
"""Appends records, all or (memory is full) none: each at the first free id that is neither before its moment nor before
the last one."""

PORTION = """
-- KEYS: stream, marker of what was trimmed. ARGV: first id, last id, number of entries.
local gone = redis.call('GET', KEYS[2]) or ''
local deleted = ''
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'max-deleted-entry-id' then deleted = info[i + 1] end
  end
end
return {gone, deleted, redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])}
"""
"""Entries together with the last ids that were removed, as of one moment. A transaction would not do: a full Redis
refuses any, and it has to be read to be emptied."""

TRIM = """
-- KEYS: stream, marker of what was trimmed. ARGV: last id to remove, first id to keep.
local gone = redis.call('XREVRANGE', KEYS[1], ARGV[1], '-', 'COUNT', 1)
if #gone == 0 then return 0 end
-- In this order: a Redis that is full refuses the marker unless the script has removed something before.
local count = redis.call('XTRIM', KEYS[1], 'MINID', ARGV[2])
redis.call('SET', KEYS[2], gone[1][1])
return count
"""
"""Removes the oldest records and remembers the last one removed."""

BEHIND = """
-- KEYS: stream. ARGV: last id held ('-': none), most to count. A portion at a time, so that little is held at once.
local from = ARGV[1]
local most = tonumber(ARGV[2])
local count = 0
if from ~= '-' then from = '(' .. from end
while count < most do
  local found = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', math.min(1000, most - count))
  if #found == 0 then return count end
  count = count + #found
  from = '(' .. found[#found][1]
end
return count
"""
"""Counts the entries past an id."""
