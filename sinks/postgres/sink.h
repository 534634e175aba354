// The PostgreSQL sink: see sinks/sink.h for the contract, transaction.h for the commit, and docs of the files named there.
//
//   PostgresSink sink(store);
//   auto opened = sink.open({partitions, owner});   CommitResult r = sink.commit(batch);
//
// One connection, made when first needed and again after it was lost. One thread at a time, but for check() and encode_ahead().
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "sinks/postgres/checkpoints.h"
#include "sinks/postgres/session.h"
#include "sinks/postgres/staging.h"
#include "sinks/postgres/straight_policy.h"
#include "sinks/postgres/transaction.h"
#include "sinks/sink.h"

namespace foldline::postgres {

// How often open() waits kOwnershipLockTimeoutMs for a lock, ends the backend that held it, and tries again (G18).
inline constexpr int kOwnershipAttempts = 4;
inline constexpr int kOwnershipLockTimeoutMs = 2'000;
// A batch is tried again at once after a lost connection, once each for "stale connection" and "nothing was committed" (G5).
inline constexpr int kCommitAttempts = 3;

// What all sinks of a store share; immutable.
struct StoreShared {
  ProjectionId id;
  std::vector<ViewLayout> layouts;  // by view
  ConnectOptions connect;
  int ownership_lock_timeout_ms = kOwnershipLockTimeoutMs;
  bool building = false;
  bool exact_ids = false;
  StraightOptions straight;
  std::size_t max_array_rows = kMaxArrayRows;
};

class PostgresSink final : public Sink {
 public:
  explicit PostgresSink(std::shared_ptr<const StoreShared> store) : store_(std::move(store)), straight_policy_(store_->straight) {}

  Result<std::vector<OpenedPartition>> open(const OpenRequest& request) override;
  CommitResult commit(const CommitBatch& batch) override;
  Result<std::vector<OpenedPartition>> reload(std::span<const TopicPartition> partitions) override;
  Result<std::vector<std::uint32_t>> known_ids(std::span<const Hash128> ids) override;
  [[nodiscard]] bool encode_ahead(std::span<const ViewRows> views, std::unique_ptr<EncodedRows>& into) const override;
  [[nodiscard]] Result<void> check(const ViewSchema& view, const Change& change) const override;
  // How committed rows went, since the sink was made. On the sink's own thread.
  [[nodiscard]] const RowWays& written() const { return written_; }

 private:
  Result<Session*> session();

  // ownership.cpp
  Answer<std::vector<OpenedPartition>> take_ownership(Session& session, const OpenRequest& request);

  // commit.cpp
  CommitResult commit_staged(const CommitBatch& batch);
  Result<void> stage(const CommitBatch& batch);
  void lay_out(StraightPolicy* policy);
  Attempt attempt(Session& session, const CommitBatch& batch, bool straight);
  void note_straight(const Attempt& attempt);
  [[nodiscard]] CommitResult committed(Session& session, const CommitBatch& batch, const Attempt& attempt);
  std::optional<CommitResult> conclude(const Attempt& attempt, const CommitBatch& batch, bool last);
  CommitResult compare_failed(const CommitBatch& batch);
  std::optional<CommitResult> leave_out_known(const CommitBatch& batch);
  std::optional<CommitResult> resolve_unknown(const Attempt& attempt, const CommitBatch& batch);
  void end_backends(const CommitBatch& batch);

  std::shared_ptr<const StoreShared> store_;
  std::optional<Session> session_;
  EncodedBatch own_;                 // of batches that come without
  EncodedBatch* encoded_ = nullptr;  // the batch's under way
  std::vector<StagedView> staged_;
  std::size_t staged_count_ = 0;
  std::optional<bool> laid_out_;  // how: with rows that go straight, or all upserted
  StraightPolicy straight_policy_;
  RowWays written_;
  std::uint64_t batch_number_ = 0;
  std::chrono::steady_clock::time_point next_expiry_;
};

// G18: ends exactly the backends that these checkpoints name, by pid and start time, when they still run and `owner` (if given) is
// theirs. Never this connection's own. Answers how many.
Answer<int> end_recorded_backends(Connection& connection, const ProjectionId& id, std::span<const TopicPartition* const> partitions,
                                  const Uuid* owner);

}  // namespace foldline::postgres
