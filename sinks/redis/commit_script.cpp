#include "sinks/redis/commit_script.h"

namespace foldline::redis {

// Redis does not roll back, so nothing may fail once something was written (G21). Phase one only reads; it answers a verdict or knows
// every write. Phase two writes, the checkpoint first (but for group A, see there): out of memory, read-only and disk errors are refused at
// a script's first write.
// (redis.io/docs/interact/programmability: a script's later writes are let through.)
//
// Numbers in Lua are doubles, so whole numbers travel as digits. Those of up to 15 digits are computed as doubles, which is exact; longer
// ones in two parts, high * 10^9 + low with low in [0, 10^9).
const std::string_view kCommitScript = R"LUA(
local keys, argv = KEYS, ARGV
local call, try = redis.call, redis.pcall
local byte, sub, find, format = string.byte, string.sub, string.find, string.format
local chunk_size = 1000
local partitions, owner, batch_id = tonumber(argv[1]), argv[2], argv[3]
local words = 11

-- high, low of digits of any length
local function split(digits)
  local negative = byte(digits, 1) == 45
  local plain = negative and sub(digits, 2) or digits
  local high, low = 0, 0
  if #plain > 9 then high, low = tonumber(sub(plain, 1, -10)), tonumber(sub(plain, -9)) else low = tonumber(plain) end
  if negative then
    high, low = -high, -low
    if low < 0 then high, low = high - 1, low + 1e9 end
  end
  return high, low
end

local function join(high, low)
  if high >= 0 then
    if high == 0 then return format('%d', low) end
    return format('%d%09d', high, low)
  end
  if low > 0 then high, low = high + 1, 1e9 - low end
  if high == 0 then return format('-%d', low) end
  return format('-%d%09d', -high, low)
end

local function less(a, b)
  if #a < 16 and #b < 16 then return tonumber(a) < tonumber(b) end
  local ah, al = split(a)
  local bh, bl = split(b)
  return ah < bh or (ah == bh and al < bl)
end

-- nil: outside of least and greatest. Sums of short digits are far inside of 64 bits.
local function sum(a, b, least, greatest)
  if #a < 16 and #b < 16 then
    local n = tonumber(a) + tonumber(b)
    if #greatest < 19 and (n < tonumber(least) or n > tonumber(greatest)) then return nil end
    return format('%d', n)
  end
  local ah, al = split(a)
  local bh, bl = split(b)
  local high, low = ah + bh, al + bl
  if low >= 1e9 then high, low = high + 1, low - 1e9 end
  local out = join(high, low)
  if less(out, least) or less(greatest, out) then return nil end
  return out
end

-- Lua's own < follows the server's locale
local function bytes_less(a, b)
  local n = #a < #b and #a or #b
  for i = 1, n do
    local x, y = byte(a, i), byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- As Redis itself writes them: no sign but -, no zero in front.
local function is_whole(text) return text == '0' or #text <= 20 and find(text, '^%-?[1-9]%d*$') ~= nil end

local function too_far(stored, value) return 'holds ' .. stored .. ', and adding ' .. value .. ' leaves the range of its type' end

-- What the operation leaves: a text, true (nothing to write), or nil and why not.
local function merged(op, stored, value, least, greatest)
  if not stored then return value end
  if op == 'M' then return bytes_less(value, stored) and value or true end
  if op == 'X' then return bytes_less(stored, value) and value or true end
  if not is_whole(stored) then return nil, 'holds a text that is no whole number' end
  if op == 'm' then return less(value, stored) and value or true end
  if op == 'x' then return less(stored, value) and value or true end
  local out = sum(stored, value, least, greatest)
  if not out then return nil, too_far(stored, value) end
  return out
end

local function wrong_type(key, wanted)
  return {'rejected', key, 'is a ' .. call('TYPE', key).ok .. ', and the view keeps a ' .. wanted .. ' there'}
end

-- Phase one: checkpoints (G1). All that this batch left: an earlier attempt arrived, and its answer was lost (G5).
local applied = 0
for i = 1, partitions do
  local at = 3 + (i - 1) * words
  local stored = try('HMGET', keys[i], 'owner', 'next_offset', 'batch_id')
  if stored.err then return {'system', keys[i], stored.err} end
  if stored[1] == owner and stored[3] == batch_id and stored[2] == argv[at + 2] then
    applied = applied + 1
  elseif stored[1] ~= owner or (stored[2] or '') ~= argv[at + 1] then
    return {'fenced', i, stored[1] or '', stored[2] or ''}
  end
  local ids = try('HLEN', keys[partitions + i])
  if type(ids) == 'table' then return {'system', keys[partitions + i], ids.err} end
end
if applied == partitions then return {'committed'} end
if applied > 0 then return {'fenced', 1, '', ''} end

-- Phase one: rows. `plan` holds, in order, what phase two writes.
local plan, planned, is_new, known = {}, 0, {}, {}  -- by place in the plan; by key
local groups, at, k = {}, 3 + partitions * words, 2 * partitions

local function counters(g)
  local op, width = g.op, (g.op == 'd' and 0 or 1) + (g.expiry == 'n' and 0 or 1)
  for first = 1, g.rows, chunk_size do
    local last = math.min(first + chunk_size - 1, g.rows)
    local stored = call('MGET', unpack(keys, k + first, k + last))
    local missing, misses = {}, 0
    for j = first, last do
      local was, to = stored[j - first + 1], false
      planned = planned + 1
      if not was then
        misses = misses + 1
        missing[misses] = keys[k + j]
        is_new[planned] = true
      elseif op ~= 'd' and not is_whole(was) then
        return {'rejected', keys[k + j], 'holds a text that is no whole number'}
      end
      if op ~= 'd' then
        local value = argv[at + 1]
        if op == 'e' then
          to = was and true or value ~= '' and value
        elseif op == 's' or op == 'S' then
          to = value
        elseif op == 'a' and was then
          to = sum(was, value, '-9223372036854775808', '9223372036854775807')
          if not to then return {'rejected', keys[k + j], too_far(was, value)} end
        else
          local why
          to, why = merged(op, was or g.start, value, '-9223372036854775808', '9223372036854775807')
          if not to then return {'rejected', keys[k + j], why} end
        end
      end
      plan[planned] = to
      at = at + width
    end
    -- MGET answers nil for a key of another type, too
    if misses > 0 and call('EXISTS', unpack(missing)) > 0 then
      for _, key in ipairs(missing) do
        if call('EXISTS', key) > 0 then return wrong_type(key, 'counter') end
      end
    end
  end
  k = k + g.rows
end

local function hashes(g)
  local width, asked = g.fields + (g.expiry == 'n' and 0 or 1) - g.nulls, {'HMGET', ''}
  if g.defaults > 0 then asked[3] = g.default_names[1] end  -- missing: the row is new
  for i = 1, g.fields do
    if g.merges[i] then asked[#asked + 1] = g.names[i] end
  end
  local reads = g.base == 'k' and #asked > 2
  local only = #asked == 3 and asked[3]  -- a table less for each row
  local first, none, fresh = {}, {}, false
  for j = 1, g.rows do
    local key, stored = keys[k + j], nil
    -- one look for many rows: where all are new there is nothing to read
    if (j - 1) % chunk_size == 0 then
      fresh = call('EXISTS', unpack(keys, k + j, k + math.min(j + chunk_size - 1, g.rows))) == 0
    end
    if fresh then
      stored = reads and none or 0
    elseif reads and only then
      stored = try('HGET', key, only)
      if type(stored) == 'table' then return wrong_type(key, 'hash') end
      first[1] = stored
      stored = first
    elseif reads then
      asked[2] = key
      stored = try(unpack(asked))
      if stored.err then return wrong_type(key, 'hash') end
    else
      stored = try('HLEN', key)
      if type(stored) == 'table' then return wrong_type(key, 'hash') end
    end
    if g.base == 'k' and g.defaults > 0 then
      planned = planned + 1
      plan[planned] = not stored[1]
    end
    if g.expiry == 'g' and (reads and stored[1] or not reads and stored > 0) then known[k + j] = true end
    local read, word = g.defaults > 0 and 2 or 1, at
    for i = 1, g.fields do
      if g.ops[i] ~= 'z' then
        word = word + 1
        local to = argv[word]
        if g.merges[i] then
          local why
          to, why = merged(g.ops[i], stored[read] or g.starts[i], to, g.least[i], g.greatest[i])
          read = read + 1
          if not to then return {'rejected', key, 'field ' .. g.names[i] .. ' ' .. why} end
        end
        planned = planned + 1
        plan[planned] = to
      end
    end
    at = at + width
  end
  k = k + g.rows
end

-- nothing of the text: missing; "=text"
local function same(stored, read) return (stored and '=' .. stored or '-') == read end

local function read_hashes(g)
  local asked, n = {'HMGET', '', unpack(g.names)}, #g.names
  local width = 1 + 2 * n + (g.expiry == 'n' and 0 or 1)
  for j = 1, g.rows do
    asked[2] = keys[k + j]
    local stored = try(unpack(asked))
    if stored.err then return wrong_type(keys[k + j], 'hash') end
    for i = 1, n do
      if not same(stored[i], argv[at + 2 * i]) then return {'changed', keys[k + j]} end
    end
    at = at + width
  end
  k = k + g.rows
end

local function read_strings(g)
  local width = g.expiry == 'n' and 3 or 4
  for j = 1, g.rows do
    local stored = try('GET', keys[k + j])
    if type(stored) == 'table' then return wrong_type(keys[k + j], 'json') end
    if not same(stored, argv[at + 2]) then return {'changed', keys[k + j]} end
    at = at + width
  end
  k = k + g.rows
end

local function scores(g)
  for j = 1, g.rows do
    local key, n = keys[k + j], tonumber(argv[at + 1])
    at = at + 1
    for first = 1, n, chunk_size do
      local last = math.min(first + chunk_size - 1, n)
      local members = {}
      for i = first, last do members[i - first + 1] = argv[at + 3 * i - 1] end
      local stored = try('ZMSCORE', key, unpack(members))
      if stored.err then return wrong_type(key, 'sorted_set') end
      for i = first, last do
        local op, value, was = argv[at + 3 * i - 2], argv[at + 3 * i], stored[i - first + 1]
        local to = value
        if op == 'd' then to = false
        elseif op == 'e' then to = was and true or value ~= '' and value
        elseif op ~= 's' then
          local why
          to, why = merged(op, was or g.start, value, '-9007199254740992', '9007199254740992')
          if not to then return {'rejected', key, 'member ' .. members[i - first + 1] .. ' ' .. why} end
        end
        planned = planned + 1
        plan[planned] = to
      end
    end
    at = at + 3 * n + (g.expiry == 'n' and 0 or 1)
  end
  k = k + g.rows
end

local function members(g)
  for j = 1, g.rows do
    local stored = try('SCARD', keys[k + j])
    if type(stored) == 'table' then return wrong_type(keys[k + j], 'set') end
    at = at + 1 + 2 * tonumber(argv[at + 1]) + (g.expiry == 'n' and 0 or 1)
  end
  k = k + g.rows
end

local function optional(word)
  if word == '-' then return nil end
  return sub(word, 2)
end

local function take(count)
  at = at + count
  return unpack(argv, at - count + 1, at)
end

local function known_counters(g) at, k = at + (g.what == 'A' and g.rows or 0), k + g.rows end

local checks = {A = known_counters, I = known_counters, C = counters, H = hashes, B = read_hashes, J = read_strings, Z = scores, S = members}
while argv[at + 1] do
  local g = {}
  g.what, g.rows, g.expiry = take(3)
  g.rows = tonumber(g.rows)
  if g.what == 'C' then
    g.op, g.start = take(2)
    g.start = optional(g.start) or false
  elseif g.what == 'H' then
    local fields, defaults
    g.base, fields, defaults = take(3)
    g.fields, g.defaults, g.nulls = tonumber(fields), tonumber(defaults), 0
    g.names, g.ops, g.merges, g.starts, g.least, g.greatest = {}, {}, {}, {}, {}, {}
    g.default_names, g.default_texts = {}, {}
    for i = 1, g.fields do
      local start
      g.names[i], g.ops[i], start, g.least[i], g.greatest[i] = take(5)
      g.starts[i] = optional(start) or false
      g.merges[i] = g.ops[i] ~= 's' and g.ops[i] ~= 'z'
      if g.ops[i] == 'z' then g.nulls = g.nulls + 1 end
    end
    for i = 1, g.defaults do g.default_names[i], g.default_texts[i] = take(2) end
  elseif g.what == 'B' then
    g.names = {}
    for i = 1, tonumber((take(1))) do g.names[i] = take(1) end
  elseif g.what == 'Z' then
    g.start = optional((take(1))) or false
  end
  g.at, g.k = at, k
  local verdict = checks[g.what](g)
  if verdict then return verdict end
  groups[#groups + 1] = g
end

-- Phase two. Nothing below fails, but for the very first write.
local function drop_ids(key, from, below)
  local firsts = call('HKEYS', key)
  -- A chunk ends before the next one begins: of those that begin at or below, all but the last one are old. No sorting: a window has
  -- hundreds of chunks.
  local all, last = below == '9223372036854775807', ''
  if below ~= '' and not all then
    for _, first in ipairs(firsts) do
      if first <= below and first > last then last = first end
    end
  end
  local gone, n = {}, 0
  for _, first in ipairs(firsts) do
    if all or first < last or (from ~= '' and first >= from) then
      n = n + 1
      gone[n] = first
    end
  end
  for first = 1, n, chunk_size do call('HDEL', key, unpack(gone, first, math.min(first + chunk_size - 1, n))) end
end

-- The one thing that may be refused in the middle: adding to a key that was not looked at, because another program has made it something
-- else. So it comes before all else, and what it had added is taken back: exactly, since the values have an opposite. (A key that another
-- program had deleted stays, as 0.)
local function opposite(digits)
  if byte(digits, 1) == 45 then return sub(digits, 2) end
  return '-' .. digits
end

-- INCR says the same as INCRBY … 1 in a fifth less of the server's time.
local group, added = 0, 0  -- rows of groups[group]
local fine, why = pcall(function()
  for i, g in ipairs(groups) do
    local k, at = g.k, g.at
    group, added = i, 0
    if g.what == 'I' then
      for j = 1, g.rows do
        call('INCR', keys[k + j])
        added = j
      end
    elseif g.what == 'A' then
      for j = 1, g.rows do
        call('INCRBY', keys[k + j], argv[at + j])
        added = j
      end
    end
  end
end)
if not fine then
  local function value_of(g, j) return g.what == 'I' and '1' or argv[g.at + j] end
  local key, value = keys[groups[group].k + added + 1], value_of(groups[group], added + 1)
  for i = group, 1, -1 do
    local g = groups[i]
    if g.what == 'A' or g.what == 'I' then
      for j = 1, i == group and added or g.rows do call('INCRBY', keys[g.k + j], opposite(value_of(g, j))) end
    end
  end
  local text = type(why) == 'table' and why.err or tostring(why)
  if find(text, 'WRONGTYPE', 1, true) then return wrong_type(key, 'counter') end
  if find(text, 'not an integer', 1, true) then return {'rejected', key, 'holds a text that is no whole number'} end
  if find(text, 'overflow', 1, true) then return {'rejected', key, too_far(call('GET', key), value)} end
  return redis.error_reply(text)
end

for i = 1, partitions do
  local expected, next_offset, topic_id, epoch, anchor, anchor_hash, newest_us = unpack(argv, 3 + (i - 1) * words + 1, 3 + i * words)
  call('HSET', keys[i], 'owner', owner, 'next_offset', next_offset, 'batch_id', batch_id, 'topic_id', topic_id, 'leader_epoch', epoch,
       'anchor_offset', anchor, 'anchor_hash', anchor_hash, 'max_event_time_us', newest_us)
end
for i = 1, partitions do
  local key, ids, chunk, from, below = keys[partitions + i], unpack(argv, 3 + (i - 1) * words + 8, 3 + i * words)
  if from ~= '' or below ~= '' then drop_ids(key, from, below) end
  if ids ~= '' then
    local tail = byte(chunk, 1) == 43  -- "+": appended to the chunk that begins there
    chunk = sub(chunk, 2)
    call('HSET', key, chunk, tail and (call('HGET', key, chunk) or '') .. ids or ids)
  end
end

-- `known`: the key most likely has a time to live, so the cheap way comes first. GT never sets one where there is none.
local function expire(key, mode, at_ms, known)
  if mode == 'p' then
    if at_ms == '' then call('PERSIST', key) else call('PEXPIREAT', key, at_ms) end
    return
  end
  if known and at_ms ~= '' and call('PEXPIREAT', key, at_ms, 'GT') == 1 then return end
  local now = call('PEXPIRETIME', key)  -- -1: never, -2: no key
  if now ~= -2 and at_ms ~= '' and tonumber(at_ms) > now then call('PEXPIREAT', key, at_ms) end
end

planned = 0
local function next_planned()
  planned = planned + 1
  return plan[planned]
end

local writes = {A = function() end, I = function() end}  -- added already
function writes.C(g)
  local expires, op = g.expiry ~= 'n', g.op
  local word, width = g.at, (op == 'd' and 0 or 1) + (expires and 1 or 0)
  local sets, n = {}, 0
  for j = 1, g.rows do
    local key, to = keys[g.k + j], next_planned()
    word = word + width
    if to == false then
      call('DEL', key)
    elseif not expires then
      if to ~= true then
        sets[n + 1], sets[n + 2], n = key, to, n + 2
        if n == chunk_size then
          call('MSET', unpack(sets, 1, n))
          n = 0
        end
      end
    else
      local at_ms, there = argv[word], not is_new[planned]
      if to == true then
        expire(key, g.expiry, at_ms, there)
      elseif at_ms ~= '' and (not there or g.expiry == 'p' or op == 'S') then
        call('SET', key, to, 'PXAT', at_ms)
      elseif op == 'S' then
        call('SET', key, to)
      else
        call('SET', key, to, 'KEEPTTL')
        expire(key, g.expiry, at_ms, there)
      end
    end
  end
  if n > 0 then call('MSET', unpack(sets, 1, n)) end
end

function writes.H(g)
  local expires = g.expiry ~= 'n'
  local word, width = g.at, g.fields - g.nulls + (expires and 1 or 0)
  local cleared = {}
  for i = 1, g.fields do
    if g.ops[i] == 'z' then cleared[#cleared + 1] = g.names[i] end
  end
  local set = {'HSET'}
  for j = 1, g.rows do
    local key, n = keys[g.k + j], 2
    set[2] = key
    if g.base ~= 'k' then
      call('DEL', key)
    elseif g.defaults > 0 and next_planned() then
      for i = 1, g.defaults do set[n + 1], set[n + 2], n = g.default_names[i], g.default_texts[i], n + 2 end
    end
    for i = 1, g.fields do
      if g.ops[i] ~= 'z' then
        local to = next_planned()
        if to ~= true then set[n + 1], set[n + 2], n = g.names[i], to, n + 2 end
      end
    end
    if n > 2 then call(unpack(set, 1, n)) end
    if #cleared > 0 and g.base == 'k' then call('HDEL', key, unpack(cleared)) end
    word = word + width
    if expires and g.base ~= 'd' then expire(key, g.expiry, argv[word], g.base == 'k' and known[g.k + j]) end
  end
end

function writes.B(g)
  local expires, n = g.expiry ~= 'n', #g.names
  local word = g.at
  for j = 1, g.rows do
    local key, what = keys[g.k + j], argv[word + 1]
    if what ~= 'w' then call('DEL', key) end
    if what ~= 'd' then
      local set, sets, cleared = {'HSET', key}, 2, {}
      for i = 1, n do
        local was, to = argv[word + 2 * i], argv[word + 2 * i + 1]
        if to ~= '-' and (to ~= was or what == 'r') then
          set[sets + 1], set[sets + 2], sets = g.names[i], sub(to, 2), sets + 2
        elseif to == '-' and was ~= '-' and what == 'w' then
          cleared[#cleared + 1] = g.names[i]
        end
      end
      if sets > 2 then call(unpack(set, 1, sets)) end
      if #cleared > 0 then call('HDEL', key, unpack(cleared)) end
    end
    word = word + 1 + 2 * n
    if expires then
      word = word + 1
      if what ~= 'd' then expire(key, g.expiry, argv[word]) end
    end
  end
end

function writes.J(g)
  local expires = g.expiry ~= 'n'
  local word, width = g.at, expires and 4 or 3
  for j = 1, g.rows do
    local key, what, to = keys[g.k + j], argv[word + 1], argv[word + 3]
    if what == 'd' then call('DEL', key)
    elseif what == 'r' then call('SET', key, sub(to, 2))
    elseif to ~= argv[word + 2] then call('SET', key, sub(to, 2), 'KEEPTTL') end
    if expires and what ~= 'd' then expire(key, g.expiry, argv[word + 4]) end
    word = word + width
  end
end

-- What comes in goes first, so that a key does not vanish in between, and its time to live with it.
local function in_and_out(key, in_command, ins, in_count, out_command, outs, out_count)
  for first = 1, in_count, chunk_size do call(in_command, key, unpack(ins, first, math.min(first + chunk_size - 1, in_count))) end
  for first = 1, out_count, chunk_size do call(out_command, key, unpack(outs, first, math.min(first + chunk_size - 1, out_count))) end
end

function writes.Z(g)
  local word = g.at
  for j = 1, g.rows do
    local key, n = keys[g.k + j], tonumber(argv[word + 1])
    local ins, in_count, outs, out_count = {}, 0, {}, 0
    word = word + 1
    for i = 1, n do
      local to, member = next_planned(), argv[word + 3 * i - 1]
      if to == false then
        out_count = out_count + 1
        outs[out_count] = member
      elseif to ~= true then
        ins[in_count + 1], ins[in_count + 2], in_count = to, member, in_count + 2
      end
    end
    in_and_out(key, 'ZADD', ins, in_count, 'ZREM', outs, out_count)
    word = word + 3 * n
    if g.expiry ~= 'n' then
      word = word + 1
      expire(key, g.expiry, argv[word])
    end
  end
end

function writes.S(g)
  local word = g.at
  for j = 1, g.rows do
    local key, n = keys[g.k + j], tonumber(argv[word + 1])
    local ins, in_count, outs, out_count = {}, 0, {}, 0
    word = word + 1
    for i = 1, n do
      if argv[word + 2 * i - 1] == 'd' then
        out_count = out_count + 1
        outs[out_count] = argv[word + 2 * i]
      else
        in_count = in_count + 1
        ins[in_count] = argv[word + 2 * i]
      end
    end
    in_and_out(key, 'SADD', ins, in_count, 'SREM', outs, out_count)
    word = word + 2 * n
    if g.expiry ~= 'n' then
      word = word + 1
      expire(key, g.expiry, argv[word])
    end
  end
end

for _, g in ipairs(groups) do writes[g.what](g) end
return {'committed'}
)LUA";

std::string_view check_script() {
  static const std::string script =
      std::string(kCommitScript.substr(0, kCommitScript.find("-- Phase two. Nothing below fails"))) + "return {'checked'}\n";
  return script;
}

}  // namespace foldline::redis
