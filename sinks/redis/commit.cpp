// commit(): encode, read what must be read, run the script, and conclude from its answer.
//
// Crash, at each step (G5, G21):
//   before the script's bytes are complete at the server   nothing of the batch is written
//   while the script runs (the server dies)                with appendfsync always all or nothing; else the server comes back without its
//                                                          last writes, rows and checkpoints of a batch together (G3)
//   after it ran, the answer lost                          all is written; the same batch again finds its ID stored and is committed
// A script that an old connection still holds in its buffers may run later than the one that was sent again: it compares the same
// checkpoint, finds it moved, and writes nothing.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "common/fault_point.h"
#include "sinks/redis/commit_script.h"
#include "sinks/redis/errors.h"
#include "sinks/redis/sink.h"
#include "sinks/redis/verdict.h"

namespace foldline::redis {

CommitResult RedisSink::commit(const CommitBatch& batch) {
  // Nothing has left this process yet. What can't be encoded is refused without a round trip.
  if (auto ok = encode(batch); !ok) return refused(CommitStatus::rejected, ok.error());
  for (int attempt = 1; attempt <= kReadAttempts; ++attempt) {
    compared_input_.clear();
    if (!compared_.empty()) {
      if (auto result = read_and_encode(batch)) return std::move(*result);
    }
    if (auto result = run_script(batch)) return std::move(*result);
  }
  return refused(CommitStatus::retry, {ErrorCode::store_unavailable, "rows change between being read and being written, again and again",
                                       "another program writes into this projection's keys: stop it; the worker tries again", true});
}

Result<void> RedisSink::encode(const CommitBatch& batch) {
  if (batch.partitions.empty()) return fail(ErrorCode::internal, "a batch without partitions can't be fenced");
  partitions_.clear();
  encode_partitions(batch, store_->keys, partitions_);
  encoded_ = dynamic_cast<EncodedBatch*>(batch.encoded);
  if (encoded_ == nullptr) {
    encoded_ = &own_;
    if (auto ok = own_.encode(store_->layouts, batch.views, known_counters_); !ok) return ok;
  }
  compared_.begin(store_->layouts, batch);
  return {};
}

// While the batch before is being committed, so without what that will say: its checkpoint and its IDs come at the commit, and which
// counters are known is a hint (known_counters.h). What is folded again (G29) is not what was encoded here, and comes without. A value that
// does not fit is for commit() to refuse.
bool RedisSink::encode_ahead(std::span<const ViewRows> views, std::unique_ptr<EncodedRows>& into) const {
  return encoded_as<EncodedBatch>(into).encode(store_->layouts, views, known_counters_).has_value();
}

// Nothing: the script can be run. The checkpoints are read behind the rows: while they are ours nobody else has changed the rows, so what
// was computed from them may become a letter; and a batch that was applied by an earlier attempt is not applied to its own rows (G5).
std::optional<CommitResult> RedisSink::read_and_encode(const CommitBatch& batch) {
  request_.clear();
  compared_.add_reads(request_);
  const std::size_t rows = request_.commands();
  for (const PartitionCommit& part : batch.partitions) {
    request_.begin(2 + kCheckpointFields.size()).add("HMGET").add(store_->keys.checkpoint(*part.topic_partition));
    for (const std::string_view field : kCheckpointFields) request_.add(field);
  }
  const auto replies = ask(request_);
  FOLDLINE_FAULT_POINT("redis.rows_read");
  if (!replies) return refused(CommitStatus::retry, replies.error());
  std::size_t applied = 0;
  for (std::size_t i = 0; i < batch.partitions.size(); ++i) {
    const PartitionCommit& part = batch.partitions[i];
    const Reply& reply = (*replies)[rows + i];
    if (reply.is_error()) return refused(CommitStatus::retry, refusal("reading the checkpoints", reply.text()));
    const auto stored = read_checkpoint(reply, store_->keys.checkpoint(*part.topic_partition));
    if (!stored) return refused(CommitStatus::retry, stored.error());
    const Ours standing = standing_of(batch, part, *stored);
    applied += standing == Ours::applied ? 1U : 0U;
    if (standing != Ours::fenced) continue;
    return refused(CommitStatus::fenced, fenced_error(part, batch.owner, *stored));
  }
  if (applied == batch.partitions.size()) return committed();
  for (std::size_t i = 0; i < rows; ++i) {
    const Reply& reply = (*replies)[i];
    if (reply.is_error() && code_of(reply.text()) != "WRONGTYPE") {
      return refused(CommitStatus::retry, refusal("reading rows", reply.text()));
    }
  }
  if (auto ok = compared_.encode(std::span(*replies).first(rows), compared_input_); !ok) return refused(CommitStatus::rejected, ok.error());
  return std::nullopt;
}

Result<std::string> RedisSink::script_sha1() {
  if (!script_sha1_.empty()) return script_sha1_;
  Request load;
  load.command({"SCRIPT", "LOAD", kCommitScript});
  const auto replies = ask(load);
  if (!replies) return fail(replies.error());
  if (replies->front().is_error()) return fail(refusal("loading the commit script", replies->front().text()));
  script_sha1_ = replies->front().text();
  return script_sha1_;
}

// Nothing: rows that were read have changed since.
std::optional<CommitResult> RedisSink::run_script(const CommitBatch& batch) {
  Error error;
  for (int attempt = 1; attempt <= kCommitAttempts; ++attempt) {
    const auto sha1 = script_sha1();
    if (!sha1) return refused(CommitStatus::retry, sha1.error());
    auto connected = connection();
    if (!connected) return refused(CommitStatus::retry, connected.error());
    FOLDLINE_FAULT_POINT("redis.before_script");
    request_.clear();
    write_script(request_, *sha1, {&partitions_, &encoded_->rows(), &compared_input_});
    const auto replies = (*connected)->round_trip(request_);
    FOLDLINE_FAULT_POINT("redis.script_answered");
    if (!replies) {  // carried out or not: the same again tells (G5)
      error = replies.error();
      continue;
    }
    const Reply& reply = replies->front();
    if (!reply.is_error()) return conclude(batch, reply);
    if (code_of(reply.text()) == "NOSCRIPT") {  // a restart, a failover, SCRIPT FLUSH
      script_sha1_.clear();
      error = refusal("committing", reply.text());
      continue;
    }
    if (needs_other_server(reply.text())) (*connected)->close();
    return refused(CommitStatus::retry, refusal("committing", reply.text()));
  }
  return refused(CommitStatus::retry, std::move(error));
}

std::optional<CommitResult> RedisSink::conclude(const CommitBatch& batch, const Reply& reply) {
  if (reply.text(0) == kCommitted) {
    known_counters_.settle(encoded_->notes());
    std::size_t rows = 0;
    for (const ViewRows& view : batch.views) rows += view.rows.size();
    if (session_) pace_.note(rows, session_->connection.waited());
  }
  if (reply.text(0) != kChanged) return verdict_of(batch, reply);
  spdlog::info("redis: {} was changed by another program between being read and being written; reading it again", shown(reply.text(1)));
  return std::nullopt;
}

}  // namespace foldline::redis
