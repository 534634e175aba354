#include "engine/thread_executor.h"

#include <pthread.h>

#include <utility>

namespace foldline {

ThreadExecutor::ThreadExecutor(std::function<void()> wake, const std::string& thread_name) : wake_(std::move(wake)) {
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), thread_name.substr(0, 15).c_str());  // the kernel takes 15 characters
}

ThreadExecutor::~ThreadExecutor() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void ThreadExecutor::submit(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
}

void ThreadExecutor::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return closing_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    running_.touch(std::chrono::steady_clock::now());
    job();
    running_.rest();
    job = nullptr;  // what it held goes here, not at some later job
    if (wake_) wake_();
    lock.lock();
  }
}

}  // namespace foldline
