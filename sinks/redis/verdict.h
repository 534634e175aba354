// What a commit's answers mean to the engine.
//
//   if (reply.text(0) != kChanged) return verdict_of(batch, reply);
#pragma once

#include "common/error.h"
#include "sinks/redis/checkpoints.h"
#include "sinks/redis/resp.h"
#include "sinks/sink.h"

namespace foldline::redis {

inline CommitResult refused(CommitStatus status, Error error) { return {status, std::move(error), {}}; }
inline CommitResult committed() { return {CommitStatus::committed, {}, {}}; }

// What the script's own compare would say of a partition's checkpoint.
enum class Ours {
  expected,
  applied,
  fenced,
};
Ours standing_of(const CommitBatch& batch, const PartitionCommit& part, const StoredState& stored);
Error fenced_error(const PartitionCommit& wanted, const Uuid& owner, const StoredState& stored);

// Of an answer of kCommitScript that is neither an error nor kChanged. kChecked counts as committed: ask for that word first.
CommitResult verdict_of(const CommitBatch& batch, const Reply& reply);

}  // namespace foldline::redis
