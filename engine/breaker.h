// The breaker (G19): when too large a share of the last 1,000 events would become letters, something is wrong with the store or the
// projection, not with the events, and the lane stops instead of emptying its topics into the dead letters.
//
//   Breaker breaker(0.5);
//   if (breaker.add(became_letter)) stop();
#pragma once

#include <bitset>
#include <cstddef>

namespace foldline {

class Breaker {
 public:
  static constexpr std::size_t kEvents = 1'000;

  // 1 or more: never strikes.
  explicit Breaker(double stop_above) : stop_above_(stop_above) {}

  // True when it strikes: not before kEvents were seen.
  bool add(bool letter) {
    if (seen_ >= kEvents) letters_ -= last_[at_] ? 1U : 0U;
    last_[at_] = letter;
    letters_ += letter ? 1U : 0U;
    at_ = (at_ + 1) % kEvents;
    if (seen_ < kEvents) ++seen_;
    return letter && seen_ == kEvents && static_cast<double>(letters_) > stop_above_ * static_cast<double>(kEvents);
  }
  [[nodiscard]] std::size_t letters() const { return letters_; }
  void clear() { *this = Breaker(stop_above_); }

 private:
  double stop_above_;
  std::bitset<kEvents> last_;
  std::size_t at_ = 0;
  std::size_t seen_ = 0;
  std::size_t letters_ = 0;
};

}  // namespace foldline
