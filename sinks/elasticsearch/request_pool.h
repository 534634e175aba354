// Requests under way at once: each of a few threads has a connection of its own and carries out what it is given, in the order given.
//
//   RequestPool pool(http, 2);
//   pool.start(0, [&](Cluster& cluster) { answer = cluster.bulk(path, body, doing); });   // at once, or when a connection is free
//   std::size_t ended = pool.wait();                                                      // 0: `answer` is there
//
// What a job touches is its own until wait() has answered its number. Jobs answer for their errors themselves.
// start(), wait() and under_way(): one thread at a time, the same one. Threads begin with the first job. The destructor waits for the jobs
// under way, each of which is bounded by the request's time-out.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "sinks/elasticsearch/cluster.h"

namespace foldline::elasticsearch {

class RequestPool {
 public:
  using Job = std::function<void(Cluster&)>;

  // `all_under_way`: of all pools of a store, for its metrics; may be null.
  RequestPool(HttpOptions http, std::size_t connections, std::shared_ptr<std::atomic<std::uint32_t>> all_under_way)
      : http_(std::move(http)), connections_(connections), all_under_way_(std::move(all_under_way)) {}
  ~RequestPool();
  RequestPool(const RequestPool&) = delete;
  RequestPool& operator=(const RequestPool&) = delete;

  [[nodiscard]] std::size_t connections() const { return connections_; }
  void start(std::size_t number, Job job);
  // Of those started and not yet answered by wait().
  [[nodiscard]] std::size_t under_way() const { return under_way_; }
  // The number of a job that has ended; waits for one. Only while some are under way.
  std::size_t wait();

 private:
  struct Given {
    std::size_t number = 0;
    Job job;
  };
  void serve();

  HttpOptions http_;
  std::size_t connections_;
  std::shared_ptr<std::atomic<std::uint32_t>> all_under_way_;
  std::size_t under_way_ = 0;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable given_;
  std::condition_variable ended_;
  std::deque<Given> waiting_;
  std::deque<std::size_t> done_;
  bool stopping_ = false;
};

}  // namespace foldline::elasticsearch
