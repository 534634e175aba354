// How many rows a batch should hold, from how long Redis takes for its scripts (G21: some 5 ms a call, for one stops everybody else).
//
//   pace.note(rows, connection.waited());   // of a commit
//   has_room = rows < pace.rows();
//
// The time is the worker's: from when the script had left until its answer. So the way there and back counts, and that another client had
// come first, and that the machine was busy. (A script has no clock of its own: TIME stands still in it from Redis 7.2 on.) All of that
// makes a script look longer than it is, nothing shorter, and not every script meets it: of the last eight, the second quickest counts. The
// quickest may have been one of other rows.
// One thread notes, any may ask.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>

namespace foldline::redis {

// At one and a half to two and a half microseconds a row this is some 5 ms: what is asked for before anything is known, and the least.
inline constexpr std::size_t kMinBatchRows = 2'000;
// Counters that are known cost about a microsecond.
inline constexpr std::size_t kMaxBatchRows = 8'000;
inline constexpr std::chrono::microseconds kScriptTime{5'000};

class BatchPace {
 public:
  [[nodiscard]] std::size_t rows() const { return rows_.load(std::memory_order_relaxed); }

  void note(std::size_t rows, std::chrono::microseconds took) {
    constexpr std::size_t kTelling = 500;  // fewer tell what a commit costs, not what a row does
    if (rows < kTelling || took.count() <= 0) return;
    const double row_us = static_cast<double>(took.count()) / static_cast<double>(rows);
    row_us_[noted_++ % row_us_.size()] = row_us;
    auto sorted = row_us_;
    const std::size_t known = std::min(noted_, sorted.size());
    std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(known));
    const double counts = sorted[std::min<std::size_t>(1, known - 1)];
    const auto most = static_cast<std::size_t>(std::min(static_cast<double>(kScriptTime.count()) / counts, double{kMaxBatchRows}));
    rows_.store(std::max(most, kMinBatchRows), std::memory_order_relaxed);
  }

 private:
  std::atomic<std::size_t> rows_{kMinBatchRows};
  std::array<double, 8> row_us_{};  // of the last scripts, the oldest is overwritten
  std::size_t noted_ = 0;
};

}  // namespace foldline::redis
