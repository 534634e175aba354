#include "sinks/redis/verdict.h"

#include <fmt/format.h>

#include "sinks/redis/commit_script.h"
#include "sinks/redis/errors.h"

namespace foldline::redis {

namespace {

Error fenced_error_of(const PartitionCommit& wanted, const Uuid& owner, std::string_view stored_owner, std::string_view stored_offset) {
  const std::string name = wanted.topic_partition->to_string();
  if (stored_owner.empty()) return {ErrorCode::fenced, fmt::format("the checkpoint of {} is gone", name), "the lane opens it again", false};
  if (stored_owner != owner.to_string()) {
    return {ErrorCode::fenced, fmt::format("the checkpoint of {} belongs to {}, not to {}", name, shown(stored_owner), owner.to_string()),
            "another worker has taken the partition over; nothing of this batch was written", false};
  }
  const std::string expected = wanted.expected_missing ? "missing" : fmt::format("at {}", wanted.expected_offset);
  const std::string found = stored_offset.empty() ? "missing" : fmt::format("at {}", shown(stored_offset));
  return {ErrorCode::fenced, fmt::format("the checkpoint of {} is {}, not {}", name, found, expected),
          "the store went back or on without this lane, which reloads; nothing of this batch was written", false};
}

}  // namespace

Error fenced_error(const PartitionCommit& wanted, const Uuid& owner, const StoredState& stored) {
  return fenced_error_of(wanted, owner, stored.owned ? stored.checkpoint.owner.to_string() : std::string(),
                         stored.has_offset ? std::to_string(stored.checkpoint.next_offset) : std::string());
}

Ours standing_of(const CommitBatch& batch, const PartitionCommit& part, const StoredState& stored) {
  if (stored.owned && stored.has_offset && stored.checkpoint.owner == batch.owner && stored.checkpoint.batch_id == batch.batch_id &&
      stored.checkpoint.next_offset == part.after.next_offset) {
    return Ours::applied;
  }
  if (!stored.owned || stored.checkpoint.owner != batch.owner || stored.has_offset == part.expected_missing) return Ours::fenced;
  return part.expected_missing || stored.checkpoint.next_offset == part.expected_offset ? Ours::expected : Ours::fenced;
}

CommitResult verdict_of(const CommitBatch& batch, const Reply& reply) {
  const std::string_view verdict = reply.text(0);
  if (verdict == kCommitted || verdict == kChecked) return committed();
  if (verdict == kFenced && reply.size() == 4 && reply.at(1)->type == REDIS_REPLY_INTEGER) {
    const auto part = static_cast<std::size_t>(reply.at(1)->integer - 1);
    if (part < batch.partitions.size()) {
      return refused(CommitStatus::fenced, fenced_error_of(batch.partitions[part], batch.owner, reply.text(2), reply.text(3)));
    }
  }
  if (verdict == kRejected) {
    return refused(CommitStatus::rejected,
                   {ErrorCode::store_rejected, fmt::format("the key {} {}", shown(reply.text(1)), shown(reply.text(2))),
                    "another program keeps something else there, or the value can't stand in this field", false});
  }
  if (verdict == kSystem) {
    return refused(CommitStatus::retry,
                   {ErrorCode::store_unavailable, fmt::format("Foldline's own key {}: {}", shown(reply.text(1)), shown(reply.text(2))),
                    "another program has written there: restore it, or rebuild the projection", true});
  }
  return refused(CommitStatus::retry,
                 {ErrorCode::internal, fmt::format("the commit script answered `{}`, which it never should", shown(verdict)), "", true});
}

}  // namespace foldline::redis
