// The Redis sink: see sinks/sink.h for the contract, commit_script.cpp for the one call that commits, layout.h for what stands where.
//
//   RedisSink sink(store);
//   auto opened = sink.open({partitions, owner});   CommitResult r = sink.commit(batch);
//
// One connection, made when first needed and again after it was lost. One thread at a time, but for check(), encode_ahead() and
// batch_rows().
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sinks/redis/batch_pace.h"
#include "sinks/redis/checkpoints.h"
#include "sinks/redis/compared_rows.h"
#include "sinks/redis/encode.h"
#include "sinks/redis/session.h"
#include "sinks/sink.h"

namespace foldline::redis {

inline constexpr std::size_t kMaxBatchBytes = 8 * 1024 * 1024;
// Once with the connection that may have died while no batch flowed, once more after an answer was lost (G5).
inline constexpr int kCommitAttempts = 3;
// How often rows that somebody else changed between reading and writing are read again before the engine waits and tries later.
inline constexpr int kReadAttempts = 5;
// How often the server is asked whether it still is one that may be used (G22).
inline constexpr std::chrono::seconds kServerCheck{5};

// Names in one step of going live; each costs its script up to four commands, so this is 2 to 4 ms (G21).
inline constexpr std::size_t kSwitchBatchKeys = 250;

// What all sinks of a store share; immutable.
struct StoreShared {
  ProjectionId id;
  SystemKeys keys;
  std::vector<ViewLayout> layouts;  // by view
  Address address;
  Timeouts timeouts;
  bool building = false;  // the generation is in the making: its rows stand under keys.rows()
  std::size_t switch_batch_keys = kSwitchBatchKeys;
};

class RedisSink final : public Sink {
 public:
  explicit RedisSink(std::shared_ptr<const StoreShared> store) : store_(std::move(store)) {}

  Result<std::vector<OpenedPartition>> open(const OpenRequest& request) override;
  CommitResult commit(const CommitBatch& batch) override;
  Result<std::vector<OpenedPartition>> reload(std::span<const TopicPartition> partitions) override;
  [[nodiscard]] bool encode_ahead(std::span<const ViewRows> views, std::unique_ptr<EncodedRows>& into) const override;
  [[nodiscard]] Result<void> check(const ViewSchema& view, const Change& change) const override;
  [[nodiscard]] std::size_t batch_rows() const override { return pace_.rows(); }

 private:
  Result<Connection*> connection();
  // The replies to `request`; after a lost connection once more with a new one. Only for requests that may be carried out twice.
  Result<std::vector<Reply>> ask(const Request& request);

  // ownership.cpp
  Result<std::vector<OpenedPartition>> take_ownership(const OpenRequest& request);
  Result<void> load_ids(const OpenRequest& request, std::vector<OpenedPartition>& opened);

  // commit.cpp
  Result<void> encode(const CommitBatch& batch);
  std::optional<CommitResult> read_and_encode(const CommitBatch& batch);
  Result<std::string> script_sha1();
  std::optional<CommitResult> run_script(const CommitBatch& batch);
  std::optional<CommitResult> conclude(const CommitBatch& batch, const Reply& reply);

  std::shared_ptr<const StoreShared> store_;
  std::optional<Session> session_;
  std::chrono::steady_clock::time_point check_server_at_{};
  std::string script_sha1_;
  BatchPace pace_;
  KnownCounters known_counters_;
  ScriptInput partitions_;
  EncodedBatch own_;                 // of batches that come without
  EncodedBatch* encoded_ = nullptr;  // the batch's under way
  ComparedRows compared_;
  ScriptInput compared_input_;  // rows that were read first
  Request request_;
};

}  // namespace foldline::redis
