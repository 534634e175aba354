// A worker: one member of the projection's consumer group, with its lanes.
//
//   Worker worker(options, parts);
//   Result<void> ended = worker.run(stop);      // returns when `stop` is set and everything folded is committed
//
// Life: prepare the store (waiting while it is away) → join the group → on each assignment hand the partitions to the lanes, which open
// them in the store → on a fence leave the group and rejoin after a jittered pause (G1) → on stop drain, leave, return.
//
// Threads: run() on the caller's; readiness(), liveness() and metrics() from any.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "common/kafka/consumer.h"
#include "engine/first_topics.h"
#include "engine/lane.h"
#include "engine/lane_runner.h"
#include "engine/watchdog.h"
#include "engine/worker_metrics.h"
#include "sinks/sink.h"

namespace foldline {

struct WorkerOptions {
  std::string projection;
  kafka::ConsumerOptions consumer;
  std::vector<std::string> subscription;  // names, or patterns that start with ^
  std::size_t lanes = 1;
  LaneOptions lane;
  std::chrono::milliseconds revoke_timeout{2'000};  // G7
  std::chrono::milliseconds drain_timeout{20'000};  // of SIGTERM; below Kubernetes' grace period of 30 s
  Duration stuck_after = kStuckAfter;               // what does nothing for so long is not alive (/healthz)
  std::string version;                              // for the metrics
};

struct WorkerParts {
  std::function<Result<std::unique_ptr<Store>>()> open_store;
  std::function<std::vector<std::unique_ptr<Decoder>>()> new_decoders;  // one per source
  std::function<std::unique_ptr<Projector>()> new_projector;
  std::function<Result<std::unique_ptr<LetterSink>>()> new_letters;
  std::function<int(const std::string& topic)> source_of;  // index, -1: none
  const std::vector<ViewSchema>* views = nullptr;
};

// One lane with all that belongs to it; on a thread of its own from here on.
Result<std::unique_ptr<LaneRunner>> new_lane(const std::string& name, const LaneOptions& options, const WorkerParts& parts, Store& store,
                                             kafka::Consumer& consumer);

// Whether a restart would help. Being not ready is no reason: the store is away, or the owner has to decide.
struct Liveness {
  bool alive = true;
  std::vector<std::string> reasons;  // what is stuck
};

struct Readiness {
  bool ready = false;
  std::vector<std::string> reasons;  // why not; also what is worth knowing while ready
};

class Worker final : private kafka::RebalanceListener {
 public:
  static constexpr std::size_t kMaxLanes = 16;

  Worker(WorkerOptions options, WorkerParts parts);
  ~Worker() override;

  // An error: what can't be mended by waiting (a refused schema change, a bad setting).
  Result<void> run(const std::atomic<bool>& stop);

  [[nodiscard]] Readiness readiness() const;
  [[nodiscard]] Liveness liveness() const;
  // Prometheus text format.
  [[nodiscard]] std::string metrics() const;

 private:
  std::vector<kafka::PartitionQueue*> on_assign(const std::vector<TopicPartition>& partitions) override;
  void on_revoke(const std::vector<TopicPartition>& partitions) override;

  Result<bool> prepare_store(const std::atomic<bool>& stop);
  Result<bool> learn_first_topics(const std::atomic<bool>& stop);
  Result<void> ask_first_topics();
  Result<void> start_lanes();
  void rejoin_after_fence(const std::atomic<bool>& stop);
  void watch_brokers();
  void check_topics();
  void ask_log_ends();
  void watch_progress();
  void sleep_unless(const std::atomic<bool>& stop, std::chrono::milliseconds duration);
  void drain_lanes(std::chrono::milliseconds timeout);
  [[nodiscard]] bool any_lane_fenced() const;
  [[nodiscard]] std::optional<Error> superseded() const;
  void set_phase(std::string phase);

  WorkerOptions options_;
  WorkerParts parts_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<kafka::Consumer> consumer_;
  bool brokers_away_ = false;
  Instant next_topic_check_{};
  Instant next_end_check_{};
  std::optional<FirstTopics> first_topics_;  // nullopt: every source starts at its log's start anyway
  std::mt19937_64 random_{std::random_device{}()};

  mutable std::mutex mutex_;        // over what readiness() and metrics() read
  std::string phase_ = "starting";  // empty: in the group
  std::string topic_problem_;       // empty: every topic named in the file is there and a broker answers
  std::string foreign_partitions_;  // of the newest assignment: those of topics that are not ours
  std::vector<std::unique_ptr<LaneRunner>> lanes_;
  LogEnds log_ends_;                     // as a broker answered last
  std::vector<ProgressWatch> progress_;  // per lane
  std::int64_t generation_ = -1;         // -1: the store has not been prepared yet
  std::atomic<bool> draining_{false};
  std::atomic<std::uint64_t> rebalances_{0};
  Heartbeat beat_;  // of run()
};

}  // namespace foldline
