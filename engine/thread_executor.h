// The production Executor: one thread that runs jobs first in, first out, and wakes the lane's loop after each.
//
//   ThreadExecutor executor([&] { loop.wake(); });
//   executor.submit([&] { sink.commit(batch); });
//
// The destructor runs the jobs that are queued, then joins: a commit under way is not torn. `wake` is called from the executor's thread
// and must not call back into it.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "engine/executor.h"
#include "engine/watchdog.h"

namespace foldline {

class ThreadExecutor final : public Executor {
 public:
  explicit ThreadExecutor(std::function<void()> wake = {}, const std::string& thread_name = "commit");
  ~ThreadExecutor() override;
  ThreadExecutor(const ThreadExecutor&) = delete;
  ThreadExecutor& operator=(const ThreadExecutor&) = delete;

  void submit(std::function<void()> job) override;
  // How long the job under way has run; 0: none runs.
  [[nodiscard]] Duration running_for(Instant now) const { return running_.age(now); }

 private:
  void run();

  std::function<void()> wake_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;  // bounded by its user: a lane has one job at a time, and one queued behind it
  bool closing_ = false;
  Heartbeat running_;
  std::thread thread_;
};

}  // namespace foldline
