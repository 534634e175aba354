// commit(): encode, attempt, and conclude from how the attempt ended.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "sinks/postgres/exact_ids.h"
#include "sinks/postgres/expire.h"
#include "sinks/postgres/sink.h"

namespace foldline::postgres {

namespace {

std::vector<const TopicPartition*> places(const CommitBatch& batch) {
  std::vector<const TopicPartition*> out;
  for (const PartitionCommit& partition : batch.partitions) out.push_back(partition.topic_partition);
  return out;
}

CommitResult refused(CommitStatus status, Error error) { return {status, std::move(error)}; }

// G5: all checkpoints of a batch are moved by one transaction, so they tell the same story; but a stored batch ID counts only when all do.
bool is_stored(const CommitBatch& batch, const std::vector<StoredRow>& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Checkpoint& stored = rows[i].checkpoint;
    if (!rows[i].has_offset || stored.batch_id != batch.batch_id || stored.owner != batch.owner ||
        stored.next_offset != batch.partitions[i].after.next_offset) {
      return false;
    }
  }
  return !rows.empty();
}

bool is_as_expected(const CommitBatch& batch, const std::vector<StoredRow>& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const PartitionCommit& wanted = batch.partitions[i];
    if (!rows[i].exists || rows[i].checkpoint.owner != batch.owner || rows[i].has_offset == wanted.expected_missing) return false;
    if (rows[i].has_offset && rows[i].checkpoint.next_offset != wanted.expected_offset) return false;
  }
  return true;
}

Error fenced_error(const CommitBatch& batch, const std::vector<StoredRow>& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const PartitionCommit& wanted = batch.partitions[i];
    const std::string name = wanted.topic_partition->to_string();
    if (!rows[i].exists) return {ErrorCode::fenced, fmt::format("the checkpoint of {} is gone", name), "the lane opens it again", false};
    const Checkpoint& stored = rows[i].checkpoint;
    if (stored.owner != batch.owner) {
      return {ErrorCode::fenced,
              fmt::format("the checkpoint of {} belongs to {}, not to {}", name, stored.owner.to_string(), batch.owner.to_string()),
              "another worker has taken the partition over; nothing of this batch was written", false};
    }
    if (rows[i].has_offset == wanted.expected_missing || (rows[i].has_offset && stored.next_offset != wanted.expected_offset)) {
      const std::string found = rows[i].has_offset ? fmt::format("at {}", stored.next_offset) : "missing";
      const std::string expected = wanted.expected_missing ? "missing" : fmt::format("at {}", wanted.expected_offset);
      return {ErrorCode::fenced, fmt::format("the checkpoint of {} is {}, not {}", name, found, expected),
              "the store went back or on without this lane, which reloads; nothing of this batch was written", false};
    }
  }
  return {ErrorCode::fenced, "a checkpoint changed while the batch was being committed", "the lane reloads", false};
}

}  // namespace

CommitResult PostgresSink::commit(const CommitBatch& batch) {
  // Nothing has left this process yet: a crash while encoding leaves nothing. What can't be encoded is refused without a round trip.
  if (auto ok = stage(batch); !ok) return refused(CommitStatus::rejected, ok.error());
  const RowWays before = written_;
  CommitResult out = commit_staged(batch);
  out.ways = {written_.copied - before.copied, written_.updated - before.updated, written_.upserted - before.upserted,
              written_.refused - before.refused};
  return out;
}

CommitResult PostgresSink::commit_staged(const CommitBatch& batch) {
  // What is copied straight must not hold locks that nobody can end (G18), and exact IDs come before rows (G16).
  bool straight = store_->straight.enabled && batch.exact_ids.empty();
  for (int attempt_number = 1;; ++attempt_number) {
    auto connected = session();
    if (!connected) return refused(CommitStatus::retry, connected.error());
    const Attempt attempt = this->attempt(**connected, batch, straight);
    if (attempt.end == End::committed) return committed(**connected, batch, attempt);
    // A copy met a row that is there, or copy or update a rule of the table. It was rolled back and decides nothing: whatever is refused
    // now, letters, waits or is fine, the upsert says so. Not counted: it happens once a batch.
    if (attempt.end == End::refused && attempt.went_straight && !attempt.lock_timeout_on_checkpoints) {
      note_straight(attempt);
      straight = false;
      --attempt_number;
      continue;
    }
    if (auto result = conclude(attempt, batch, attempt_number == kCommitAttempts)) return std::move(*result);
  }
}

Attempt PostgresSink::attempt(Session& session, const CommitBatch& batch, bool straight) {
  const bool may_copy = straight && !session.statements.prepared_name(kCompareKey).empty() && session.is_recorded(batch.partitions);
  if (laid_out_ != may_copy) lay_out(may_copy ? &straight_policy_ : nullptr);
  const auto now = std::chrono::steady_clock::now();
  const bool expire = now >= next_expiry_;
  Transaction transaction(store_->id, store_->layouts, session, batch, std::span(staged_).first(staged_count_), ++batch_number_, expire);
  Attempt out = transaction.run();
  if (out.end == End::committed && expire) next_expiry_ = out.more_to_expire ? now : now + kExpireEvery;
  return out;
}

void PostgresSink::lay_out(StraightPolicy* policy) {
  laid_out_ = policy != nullptr;
  for (StagedView& view : std::span(staged_).first(staged_count_))
    encoded_->of(view.layout->view).lay_out(policy, store_->max_array_rows, view);
}

// Who is to blame for a refusal: the shape that was being copied or updated, the view whose table is not plain, or, when another statement
// failed later, nobody knows which.
void PostgresSink::note_straight(const Attempt& attempt) {
  ++written_.refused;
  spdlog::debug("postgres: rows could not go straight into their table ({}, SQLSTATE {}): upserting them", attempt.doing,
                attempt.failure.sqlstate);
  for (const StagedView& view : std::span(staged_).first(staged_count_)) {
    if (attempt.refused_view != nullptr && attempt.refused_view != view.layout) continue;
    for (const StagedShape& shape : view.shapes) {
      if (!attempt.refused_signature.empty() && attempt.refused_signature != shape.signature) continue;
      const auto blame = [&](StraightPolicy::Way way, bool taken) {
        if (taken && attempt.refused_way.value_or(way) == way) straight_policy_.failed(way, view.layout->view, shape.signature);
      };
      blame(StraightPolicy::Way::copy, shape.copied_rows > 0);
      blame(StraightPolicy::Way::update, shape.updates);
    }
  }
}

CommitResult PostgresSink::committed(Session& session, const CommitBatch& batch, const Attempt& attempt) {
  for (const PartitionCommit& partition : batch.partitions) session.recorded.insert(*partition.topic_partition);
  for (const StagedView& view : std::span(staged_).first(staged_count_)) {
    for (const StagedShape& shape : view.shapes) {
      const bool updated = std::find(attempt.updated.begin(), attempt.updated.end(), &shape) != attempt.updated.end();
      (updated ? written_.updated : written_.upserted) += static_cast<std::uint64_t>(shape.rows);
      written_.copied += static_cast<std::uint64_t>(shape.copied_rows);
      if (shape.copied_rows > 0) straight_policy_.succeeded(StraightPolicy::Way::copy, view.layout->view, shape.signature);
      if (updated) straight_policy_.succeeded(StraightPolicy::Way::update, view.layout->view, shape.signature);
      if (shape.updates && !updated) straight_policy_.failed(StraightPolicy::Way::update, view.layout->view, shape.signature);
    }
    encoded_->of(view.layout->view).remember(straight_policy_);
  }
  return {CommitStatus::committed, {}};
}

// Nothing: attempt the same batch again.
std::optional<CommitResult> PostgresSink::conclude(const Attempt& attempt, const CommitBatch& batch, bool last) {
  std::optional<CommitResult> out;
  switch (attempt.end) {
    case End::committed: return CommitResult{CommitStatus::committed, {}};  // commit() has answered
    case End::compare_failed: return compare_failed(batch);
    case End::known_ids: out = leave_out_known(batch); break;
    case End::refused: {
      if (attempt.lock_timeout_on_checkpoints) end_backends(batch);
      Verdict verdict = judge(attempt.failure, attempt.doing, attempt.rows_at_fault);
      return refused(verdict.status, std::move(verdict.error));
    }
    case End::lost_before: break;  // often a connection that died while no batch flowed: the next one may be fine
    case End::unknown: out = resolve_unknown(attempt, batch); break;
  }
  if (!out && last) out = refused(CommitStatus::retry, error_of(attempt.failure, attempt.doing));
  return out;
}

// The compare failed and nothing was written. Either the partitions are another worker's, or the store went back (G3), or this very batch
// was committed by an attempt whose answer never arrived (G5): the engine tries a batch again under its old batch ID.
CommitResult PostgresSink::compare_failed(const CommitBatch& batch) {
  auto connected = session();
  if (!connected) return refused(CommitStatus::retry, connected.error());
  const auto stored = read_checkpoints((*connected)->connection, store_->id, places(batch), false);
  if (!stored) return refused(CommitStatus::retry, error_of(stored.error(), "reading the checkpoints"));
  if (is_stored(batch, *stored)) return {CommitStatus::committed, {}};
  return refused(CommitStatus::fenced, fenced_error(batch, *stored));
}

// G16. The transaction was rolled back because of IDs that somebody has committed; whoever it was, they are duplicates from now on.
std::optional<CommitResult> PostgresSink::leave_out_known(const CommitBatch& batch) {
  auto known = known_ids(batch.exact_ids);
  if (!known) return refused(CommitStatus::retry, known.error());
  if (known->empty()) return std::nullopt;  // the other one was a rebuild that has since been dropped
  return CommitResult{CommitStatus::refold, {}, {}, std::move(*known)};
}

Result<std::vector<std::uint32_t>> PostgresSink::known_ids(std::span<const Hash128> ids) {
  if (ids.empty()) return std::vector<std::uint32_t>{};
  Answer<std::vector<std::uint32_t>> known = tl::unexpected(Failure{});
  for (int attempt = 1; attempt <= 2 && !known; ++attempt) {  // the first connection may have died while no batch flowed
    auto connected = session();
    if (!connected) return fail(connected.error());
    known = read_known_ids((*connected)->connection, store_->id, ids);
    if (!known && !known.error().connection_lost()) break;
  }
  if (!known) return fail(error_of(known.error(), "reading exact IDs"));
  return std::move(*known);
}

// G5. The connection was lost when the COMMIT may have been on its way. Ask the store, and ask under a lock: FOR UPDATE waits until the old
// backend has ended its transaction one way or the other. (One that had not locked the checkpoints yet loses them to us, and its own
// compare then fails.) A crash here changes nothing: the next owner asks the same question by its compare.
std::optional<CommitResult> PostgresSink::resolve_unknown(const Attempt& attempt, const CommitBatch& batch) {
  auto connected = session();
  if (!connected) return refused(CommitStatus::retry, connected.error());  // the same batch comes again, and its compare tells
  Connection& connection = (*connected)->connection;
  const auto settle = [&]() -> Answer<std::vector<StoredRow>> {
    if (auto ok = connection.exec("BEGIN ISOLATION LEVEL READ COMMITTED"); !ok) return tl::unexpected(ok.error());
    auto rows = read_checkpoints(connection, store_->id, places(batch), true);
    static_cast<void>(connection.exec("ROLLBACK"));  // only read; a lost connection rolls back too
    return rows;
  };
  const auto stored = settle();
  if (!stored) {
    if (stored.error().sqlstate == "55P03") end_backends(batch);
    return refused(CommitStatus::retry, error_of(stored.error(), "asking whether the last batch was committed"));
  }
  if (is_stored(batch, *stored)) {
    spdlog::info("postgres: the connection was lost around COMMIT ({}); the batch was committed", attempt.failure.message);
    return CommitResult{CommitStatus::committed, {}};
  }
  if (is_as_expected(batch, *stored)) return std::nullopt;  // it was not: run it again
  return refused(CommitStatus::fenced, fenced_error(batch, *stored));
}

// G18, against ourselves: the checkpoints that we own are locked by a connection of ours that we have lost but the server has not noticed.
void PostgresSink::end_backends(const CommitBatch& batch) {
  if (!session_ || session_->connection.is_broken()) return;
  const auto ended = end_recorded_backends(session_->connection, store_->id, places(batch), &batch.owner);
  if (ended && *ended > 0) spdlog::warn("postgres: ended {} lost backend(s) of this worker that still held its checkpoints", *ended);
  if (!ended) spdlog::warn("postgres: can't end the lost backend that holds this worker's checkpoints: {}", ended.error().message);
}

Result<void> PostgresSink::stage(const CommitBatch& batch) {
  if (batch.partitions.empty()) return fail(ErrorCode::internal, "a batch without partitions can't be fenced");
  staged_count_ = 0;
  laid_out_.reset();
  staged_.resize(store_->layouts.size());
  encoded_ = dynamic_cast<EncodedBatch*>(batch.encoded);
  if (encoded_ == nullptr) {
    encoded_ = &own_;
    if (auto ok = own_.encode(store_->layouts, batch.views); !ok) return ok;
  }
  for (const ViewRows& rows : batch.views) {
    if (!rows.rows.empty()) staged_[staged_count_++].layout = &store_->layouts[rows.view];
  }
  return {};
}

// A value that does not fit is for commit() to refuse.
bool PostgresSink::encode_ahead(std::span<const ViewRows> views, std::unique_ptr<EncodedRows>& into) const {
  return encoded_as<EncodedBatch>(into).encode(store_->layouts, views).has_value();
}

}  // namespace foldline::postgres
