// Finds what looks healthy and does nothing: a thread that no longer turns, a call that never comes back, a lane that has records to read
// and reads none. For /healthz: a restart helps against these, and against nothing that /readyz tells of.
//
//   Heartbeat beat;                       beat.touch(now);                    // the thread, each time round
//   if (beat.age(now) > limit) ...                                            // any thread
//   ProgressWatch watch;                  watch.observe(lag > 0, position, now);
//
// Threads: Heartbeat any; ProgressWatch one.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/clock.h"

namespace foldline {

// Longer than any call may take that has a deadline of its own: PostgreSQL's answer 150 s, a search store's request 60 s.
inline constexpr Duration kStuckAfter = std::chrono::seconds(300);

class Heartbeat {
 public:
  void touch(Instant now) { at_.store(now.time_since_epoch().count(), std::memory_order_relaxed); }
  void rest() { at_.store(kResting, std::memory_order_relaxed); }  // nothing is expected of it
  // 0 while it rests.
  [[nodiscard]] Duration age(Instant now) const {
    const Duration::rep at = at_.load(std::memory_order_relaxed);
    return at == kResting ? Duration::zero() : now - Instant(Duration(at));
  }

 private:
  static constexpr Duration::rep kResting = INT64_MIN;
  std::atomic<Duration::rep> at_{kResting};
};

// A position that should move while there is something to do.
class ProgressWatch {
 public:
  void observe(bool should_move, std::int64_t position, Instant now) {
    if (should_move && watching_ && position == position_) return;
    watching_ = should_move;
    position_ = position;
    since_ = now;
  }
  [[nodiscard]] Duration stalled_for(Instant now) const { return watching_ ? now - since_ : Duration::zero(); }

 private:
  bool watching_ = false;
  std::int64_t position_ = 0;
  Instant since_{};
};

}  // namespace foldline
