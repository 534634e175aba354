// Where a lane's blocking work runs (store calls, letters): one job at a time, in order.
//
//   executor.submit([&] { result = sink.commit(batch); done.store(true, std::memory_order_release); });
//
// In production a thread (ThreadExecutor); in the simulation the job runs inline, or when the test says.
#pragma once

#include <functional>

namespace foldline {

class Executor {
 public:
  virtual ~Executor() = default;
  // `job` runs once, after every job submitted before it. It must not throw. After it ran, the executor wakes the lane's loop.
  virtual void submit(std::function<void()> job) = 0;
};

}  // namespace foldline
