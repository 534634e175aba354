#include "sinks/redis/go_live_script.h"

namespace foldline::redis {

// The old generation and the new one get another owner in every checkpoint: from here on no commit of either passes its compare (G1), and
// open() finds neither `live` nor `building`. A partition that was opened since the places were read would keep its owner: then again.
// KEYS: generations, switch, the index of partitions of the old generation, that of the new one, a checkpoint for each place of both.
// ARGV: new generation, old generation, new owner, first phase, places of both.
const std::string_view kBeginSwitchScript = R"LUA(
local to, from = ARGV[1], ARGV[2]
local state = redis.call('HGET', KEYS[1], to)
if state == 'switching' or state == 'live' then return {'done'} end
if state ~= 'building' then return {'not', to, state or 'gone'} end
local old = redis.call('HGET', KEYS[1], from)
if old ~= 'live' then return {'not', from, old or 'gone'} end
local known = {}
for i = 5, #KEYS do known[KEYS[i]] = true end
for i = 3, 4 do
  local prefix = string.sub(KEYS[i], 1, -#'partitions' - 1) .. 'checkpoint:'
  for _, place in ipairs(redis.call('SMEMBERS', KEYS[i])) do
    if not known[prefix .. place] then return {'again'} end
  end
end
redis.call('HSET', KEYS[2], 'to', to, 'from', from, 'phase', ARGV[4], 'moved', '0')
redis.call('HSET', KEYS[1], to, 'switching', from, 'retiring')
for i = 5, #KEYS do redis.call('HSET', KEYS[i], 'owner', ARGV[3]) end
return {'done'}
)LUA";

// Moves some rows, as the phase says. The same names again find nothing to do. The phase is compared, so a call that was held up
// somewhere while the switch went on moves nothing: in `away` it would take new rows for old ones. RENAME keeps times to live, and never
// fails on a key that is there; time stands still in a script, so none expires between the look and the move.
// A new row that has a time to live may expire before it takes its place; the old one would then stay for ever. So its name is noted in
// `pending` until the move.
// KEYS: switch, pending; then for each name: where readers look, the old generation's place, the new one's.
// ARGV: new generation, old generation, phase; in `away` for each name the type that the view's keys have. Answers in `in` how many rows
// have moved by now, if any did.
const std::string_view kMoveScript = R"LUA(
local call = redis.call
local at = call('HMGET', KEYS[1], 'to', 'from', 'phase')
local phase = ARGV[3]
if at[1] ~= ARGV[1] or at[2] ~= ARGV[2] or at[3] ~= phase then return {'elsewhere'} end
local pending, moved = KEYS[2], 0
local doubts = call('EXISTS', pending) == 1
for i = 3, #KEYS, 3 do
  local name, old, new = KEYS[i], KEYS[i + 1], KEYS[i + 2]
  if phase == 'away' then
    if call('TYPE', name).ok == ARGV[3 + i / 3] then
      local expires = call('PEXPIRETIME', new)  -- -2: there is none, -1: it never does
      if expires == -2 then call('RENAME', name, old)
      elseif expires >= 0 then call('SADD', pending, name) end
    end
  elseif phase == 'in' then
    if call('EXISTS', new) == 1 then
      if call('EXISTS', name) == 1 then call('RENAME', name, old) end
      call('RENAME', new, name)
      if doubts then call('SREM', pending, name) end
      moved = moved + 1
    end
  else
    if call('EXISTS', new) == 0 and call('EXISTS', name) == 1 then call('RENAME', name, old) end
    call('SREM', pending, name)
  end
end
if moved > 0 then moved = call('HINCRBY', KEYS[1], 'moved', moved) end
return {'done', moved}
)LUA";

// KEYS: switch. ARGV: new generation, old generation, phase, the one after it.
const std::string_view kNextPhaseScript = R"LUA(
local at = redis.call('HMGET', KEYS[1], 'to', 'from', 'phase')
if at[1] ~= ARGV[1] or at[2] ~= ARGV[2] or at[3] ~= ARGV[3] then return {'elsewhere'} end
redis.call('HSET', KEYS[1], 'phase', ARGV[4])
return {'done'}
)LUA";

// The new generation is live; what its views keep takes the place of what the old one's kept.
// KEYS: generations, switch, pending, the views. ARGV: new generation, old generation, last phase, number of patterns to forget, these;
// then pattern and definition of each view.
const std::string_view kEndSwitchScript = R"LUA(
local to, from, forgotten = ARGV[1], ARGV[2], tonumber(ARGV[4])
local at = redis.call('HMGET', KEYS[2], 'to', 'from', 'phase')
if at[1] ~= to or at[2] ~= from or at[3] ~= ARGV[3] or redis.call('EXISTS', KEYS[3]) == 1 then return {'elsewhere'} end
redis.call('HSET', KEYS[1], to, 'live', from, 'retired')
for i = 5, 4 + forgotten do redis.call('HDEL', KEYS[4], ARGV[i]) end
for i = 5 + forgotten, #ARGV, 2 do redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1]) end
redis.call('DEL', KEYS[2])
return {'done'}
)LUA";

}  // namespace foldline::redis
