// Runs one lane on a thread of its own: steps it while there is something to do, else sleeps until the log, the executor, a command or
// the lane's own deadline wakes it.
//
//   LaneRunner runner("lane-0", options, parts);
//   runner.assign({{{"orders", 0}, 0, false}});      runner.drain(2s);      runner.revoke();
//
// Threads: the public methods may be called from any thread (the group's thread in practice).
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/kafka_log.h"
#include "engine/lane.h"
#include "engine/thread_executor.h"

namespace foldline {

struct LaneParts {
  std::unique_ptr<KafkaLog> log;
  std::unique_ptr<Sink> sink;
  SinkTraits traits;
  std::unique_ptr<LetterSink> letters;
  std::vector<std::unique_ptr<Decoder>> decoders;
  std::unique_ptr<Projector> projector;
  const std::vector<ViewSchema>* views = nullptr;
};

class LaneRunner {
 public:
  LaneRunner(const std::string& name, const LaneOptions& options, LaneParts parts);
  // Ends the commit under way, then the thread. What was folded and not sent is dropped: drain() first to keep it.
  ~LaneRunner();
  LaneRunner(const LaneRunner&) = delete;
  LaneRunner& operator=(const LaneRunner&) = delete;

  [[nodiscard]] KafkaLog& log() { return *log_; }
  [[nodiscard]] const LaneStats& stats() const { return stats_; }
  [[nodiscard]] LaneStatus status() const { return lane_->status(); }
  // What has not moved for longer than `limit`: empty, or in words. Any thread.
  [[nodiscard]] std::string stuck(Instant now, Duration limit) const;

  void assign(std::vector<AssignedPartition> partitions);
  // Stops reading and waits until everything folded is committed, `timeout` at most. False: it is not (the fence protects, G2).
  bool drain(std::chrono::milliseconds timeout);
  void revoke();
  // See Lane::distrust_log().
  void distrust_log();

 private:
  struct Command {
    enum class Kind {
      assign,
      drain,
      revoke,
      distrust_log,
      quit,
    };
    Kind kind = Kind::quit;
    std::vector<AssignedPartition> partitions;
  };

  void post(Command command);
  void loop();
  bool obey();  // false: quit
  void sleep_until(Instant deadline);
  void wake();

  LaneStats stats_;
  std::unique_ptr<KafkaLog> log_;
  std::unique_ptr<Sink> sink_;
  std::unique_ptr<LetterSink> letters_;
  std::string name_;
  Heartbeat beat_;  // of the lane's thread
  int wake_fd_ = -1;
  std::unique_ptr<Lane> lane_;
  std::unique_ptr<ThreadExecutor> executor_;  // ended before the lane (see lane.h)

  std::mutex mutex_;
  std::condition_variable settled_;  // a drain has ended, one way or another
  std::deque<Command> commands_;
  std::uint64_t drains_wanted_ = 0;
  std::uint64_t drains_done_ = 0;
  bool drained_ = false;
  std::thread thread_;
};

}  // namespace foldline
