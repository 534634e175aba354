#include "sinks/elasticsearch/request_pool.h"

namespace foldline::elasticsearch {

RequestPool::~RequestPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_.clear();
  }
  given_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void RequestPool::start(std::size_t number, Job job) {
  if (threads_.size() < connections_ && threads_.size() <= under_way_) threads_.emplace_back([this] { serve(); });
  ++under_way_;
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({number, std::move(job)});
  }
  given_.notify_one();
}

std::size_t RequestPool::wait() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return !done_.empty(); });
  const std::size_t out = done_.front();
  done_.pop_front();
  --under_way_;
  return out;
}

void RequestPool::serve() {
  Cluster cluster(http_);
  std::unique_lock lock(mutex_);
  for (;;) {
    given_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    Given given = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    if (all_under_way_) ++*all_under_way_;
    given.job(cluster);
    if (all_under_way_) --*all_under_way_;
    lock.lock();
    done_.push_back(given.number);
    ended_.notify_one();
  }
}

}  // namespace foldline::elasticsearch
