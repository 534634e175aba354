#include "sinks/redis/commit_script.h"

namespace foldline::redis {

// Takes partitions over (G1): afterwards no commit of another owner passes its compare. A partition seen for the first time gets an owner
// and no next_offset, so the very first commit is fenced like all others. Processed IDs at or past the checkpoint are from before somebody
// moved it back: they go. Phase one looks at every key's type, so nothing fails after the first write.
// The generation must still be what the store was opened for. Where no generation is known at all (a store that was flushed), the live
// one says again that it is: what is lost shows in its checkpoints (G22).
// KEYS: a checkpoint for each partition, its processed IDs for each partition, the index of partitions, the generations.
// ARGV: number of partitions, owner, generation, the state that it must have; a name for each partition in the index. Answers each
// checkpoint as it was.
const std::string_view kOpenScript = R"LUA(
local partitions, owner, generation, wanted = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local generations = KEYS[2 * partitions + 2]
local states = redis.pcall('HGETALL', generations)
if states.err then return {'system', generations, states.err} end
local state
for i = 1, #states, 2 do
  if states[i] == generation then state = states[i + 1] end
end
local forgotten = #states == 0 and wanted == 'live'
if not forgotten and state ~= wanted then return {'superseded', state or 'gone'} end
local found = {}
for i = 1, partitions do
  local stored = redis.pcall('HMGET', KEYS[i], 'owner', 'next_offset', 'batch_id', 'topic_id', 'leader_epoch', 'anchor_offset',
                             'anchor_hash', 'max_event_time_us')
  if stored.err then return {'system', KEYS[i], stored.err} end
  found[i] = stored
  local ids = redis.pcall('HLEN', KEYS[partitions + i])
  if type(ids) == 'table' then return {'system', KEYS[partitions + i], ids.err} end
end
local index = redis.pcall('SCARD', KEYS[2 * partitions + 1])
if type(index) == 'table' then return {'system', KEYS[2 * partitions + 1], index.err} end
if forgotten then redis.call('HSET', generations, generation, wanted) end
for i = 1, partitions do
  redis.call('HSET', KEYS[i], 'owner', owner)
  redis.call('SADD', KEYS[2 * partitions + 1], ARGV[4 + i])
  local next_offset = found[i][2] or '0'
  next_offset = string.rep('0', 19 - #next_offset) .. next_offset
  for _, first in ipairs(redis.call('HKEYS', KEYS[partitions + i])) do
    if first >= next_offset then redis.call('HDEL', KEYS[partitions + i], first) end
  end
end
return {'opened', found}
)LUA";

}  // namespace foldline::redis
