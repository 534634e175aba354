// Checkpoints as documents of the index behind the alias `foldline-checkpoints` (G1), and the shards' histories in them (G26).
//
//   append_checkpoint(body, id, topic_partition, document);
//   CheckpointDocument d = *parse_checkpoint(stored);
//
// One document per (projection, generation, topic, partition). It is made when a worker first opens the partition, with an owner and no
// offset; the first commit gives it one. `histories` names, for each shard of each index, the history that the checkpoint stands on.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/error.h"
#include "sinks/elasticsearch/cluster.h"
#include "sinks/sink.h"

namespace foldline::elasticsearch {

inline constexpr std::string_view kCheckpointAlias = "foldline-checkpoints";
inline constexpr std::string_view kCheckpointIndex = "foldline-checkpoints-v1";
inline constexpr std::string_view kIdsAlias = "foldline-ids";
inline constexpr std::string_view kIdsIndex = "foldline-ids-v1";
inline constexpr int kMaxListed = 10'000;  // the servers' own bound of one search (index.max_result_window)

// What PUT /INDEX sends for the two.
std::string system_index_body(std::string_view alias);

// "orders-g1/0" → history_uuid of that shard's primary.
using Histories = std::map<std::string, std::string>;

struct CheckpointDocument {
  bool exists = false;
  bool has_offset = false;  // else owned, but nothing was committed yet
  Checkpoint checkpoint;
  Histories histories;
  std::int64_t seq_no = -1;
  std::int64_t primary_term = 0;
};

std::string checkpoint_id(const ProjectionId& id, const TopicPartition& topic_partition);
// The document of Store::first_topics().
std::string first_topics_id(const ProjectionId& id);
// The fields that say whose a system document is: `"projection":...,"generation":...,"topic":...,"partition":...`.
void append_place(std::string& out, const ProjectionId& id, const TopicPartition& topic_partition);
void append_checkpoint(std::string& out, const ProjectionId& id, const TopicPartition& topic_partition, const CheckpointDocument& document);
// An error (code internal): damaged, or written by somebody else.
Result<CheckpointDocument> parse_checkpoint(const StoredDocument& stored);

struct ListedCheckpoint {
  TopicPartition topic_partition;  // as the document itself names it
  CheckpointDocument document;     // without its seq_no
};
// All of one generation, by topic and partition, also those that nothing was committed to; none where the index is not there.
Result<std::vector<ListedCheckpoint>> list_checkpoints(Cluster& cluster, const ProjectionId& id);
// {"bool":...}: the system documents of one generation.
std::string generation_query(const ProjectionId& id);

// The histories of all started primaries of these indices. An error when one of them is not there, or has none started.
Result<Histories> read_histories(Cluster& cluster, std::span<const std::string> indices);
// Leaves what concerns the indices of `now`: views come and go with the projection file.
void forget_other_indices(Histories& recorded, const Histories& now);
// G26: an error, not to be tried again, when a shard that `recorded` names is another one now; one to be tried again when it is away.
Result<void> compare_histories(const Histories& recorded, const Histories& now);

}  // namespace foldline::elasticsearch
