// Waiting times between attempts: doubling from `least` to `most`, each shortened by up to half at random, so that workers that fail
// together do not come back together.
//
//   Backoff backoff(100ms, 10s);
//   retry_at = now + backoff.next(random);
#pragma once

#include <algorithm>
#include <random>

#include "engine/clock.h"

namespace foldline {

class Backoff {
 public:
  Backoff(Duration least, Duration most) : least_(std::max(least, Duration(1))), most_(std::max(most, least_)), wait_(least_) {}

  Duration next(std::mt19937_64& random) {
    const auto most = static_cast<std::uint64_t>(wait_.count());
    const Duration out(static_cast<Duration::rep>(most - random() % (most / 2 + 1)));
    wait_ = std::min(most_, wait_ * 2);
    return out;
  }
  void reset() { wait_ = least_; }

 private:
  Duration least_;
  Duration most_;
  Duration wait_;
};

}  // namespace foldline
