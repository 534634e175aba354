// Foldline's own keys in Redis, and what stands in them (G1, G15).
//
//   foldline:{PROJECTION:gN:bM}:checkpoint:PARTITION:TOPIC   hash: owner, next_offset, batch_id, ... ; without next_offset nothing was
//                                                             committed yet
//   foldline:{PROJECTION:gN:bM}:ids:PARTITION:TOPIC          hash: first offset of a chunk, 19 digits → its packed IDs (engine/id_chunk.h)
//   foldline:{PROJECTION:gN:bM}:partitions                   set of PARTITION:TOPIC: which checkpoints there are
//
//   foldline:{PROJECTION:gN:bM}:first_topics                 string: the topics and partitions when the generation began (G6)
//   foldline:{PROJECTION:gN:bM}:row:NAME                     a row of a generation that is not live; readers know it as NAME
//   foldline:{PROJECTION:gN:bM}:views                        hash: which keys a generation in the making will keep
//   foldline:views                                            hash: which projection keeps which keys (definition.h)
//   foldline:{PROJECTION}:generations                         hash: number → state (generations.h)
//   foldline:{PROJECTION}:switch                              hash, while a generation goes live: how far it is (go_live.h)
//   foldline:{PROJECTION}:switch:pending                      set: names that are in doubt meanwhile
//
// N is the generation. A Redis that stands alone has bucket 0 only. In a cluster the bucket is the atomic domain (G4, G23), and the braces
// are the hash tag that puts all of its keys into one slot, those of every generation:
//
//   foldline:{PROJECTION:bM}:gN:checkpoint:PARTITION:TOPIC   and so on; IDs and first_topics stand in bucket 0 only
//   foldline:{PROJECTION:bM}:generations                      hash: number → state, as this bucket's open script compares it
//   foldline:{PROJECTION:bM}:never                            a key that is never there (cluster.h)
//   foldline:{PROJECTION}:cluster                             hash: how many buckets there are, and what the generations are
//   foldline:{PROJECTION}:views                               hash: which keys the projection keeps (definition.h)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "sinks/redis/resp.h"
#include "sinks/sink.h"

namespace foldline::redis {

class SystemKeys {
 public:
  explicit SystemKeys(const ProjectionId& id);
  // In a cluster.
  static SystemKeys of_bucket(const ProjectionId& id, std::uint32_t bucket);
  [[nodiscard]] std::string checkpoint(const TopicPartition& partition) const;
  [[nodiscard]] std::string checkpoint_at(const std::string& place) const { return prefix_ + "checkpoint:" + place; }
  [[nodiscard]] std::string ids(const TopicPartition& partition) const;
  [[nodiscard]] std::string partitions() const { return prefix_ + "partitions"; }
  [[nodiscard]] std::string first_topics() const { return prefix_ + "first_topics"; }
  [[nodiscard]] std::string scratch() const { return prefix_ + "scratch"; }
  [[nodiscard]] std::string views() const { return prefix_ + "views"; }
  [[nodiscard]] std::string rows() const { return prefix_ + "row:"; }
  // Of a cluster's bucket.
  [[nodiscard]] std::string generations() const { return bucket_ + "generations"; }
  [[nodiscard]] std::string never() const { return bucket_ + "never"; }
  // What all of these begin with.
  [[nodiscard]] const std::string& prefix() const { return prefix_; }
  // In the set of partitions: "3:orders.events". The partition first, for a topic's name may hold anything.
  static std::string place(const TopicPartition& partition);
  static std::optional<TopicPartition> parse_place(std::string_view text);

 private:
  SystemKeys() = default;
  std::string prefix_;
  std::string bucket_;  // in a cluster: without the generation
};

// Of a projection, whatever its generation.
std::string generations_key(std::string_view projection);
// Of a projection in a cluster.
std::string cluster_key(std::string_view projection);
std::string cluster_views_key(std::string_view projection);
std::string switch_key(std::string_view projection);
std::string pending_key(std::string_view projection);

// In this order HMGET and the open script answer a checkpoint's fields.
extern const std::vector<std::string_view> kCheckpointFields;

struct StoredState {
  bool owned = false;       // there is an owner
  bool has_offset = false;  // else nothing was committed yet
  Checkpoint checkpoint;
};

// From an answer to HMGET of kCheckpointFields. Errors (code store_unavailable): somebody else wrote there.
Result<StoredState> read_checkpoint(const redisReply* reply, const std::string& key);
inline Result<StoredState> read_checkpoint(const Reply& reply, const std::string& key) { return read_checkpoint(reply.get(), key); }

OpenedPartition opened_of(const StoredState& stored);

// 19 digits, so that text order is number order.
std::string padded(std::int64_t offset);

// What of an answer to HGETALL reaches into [next_offset - window, end_offset), oldest first (G15). `end_offset`: the checkpoint that the
// chunks stand with; in a cluster other buckets may be behind it.
std::vector<IdChunk> read_ids(const Reply& reply, std::int64_t next_offset, std::int64_t end_offset, std::int64_t window);

}  // namespace foldline::redis
