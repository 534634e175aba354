// Which event types a lane has seen, in a bounded table: a producer that makes up names must not make up time series.
//
//   EventTypes types;
//   std::uint8_t index = types.index_of("order.placed");      // the lane's thread, once an event
//   std::vector<std::string> names = types.names();           // any thread, once a scrape
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/same_text.h"

namespace foldline {

inline constexpr std::size_t kMaxEventTypes = 62;       // that get a name of their own
inline constexpr std::size_t kMaxEventTypeBytes = 128;  // a longer name is `other`

class EventTypes {
 public:
  static constexpr std::uint8_t kNone = 0;   // no type: what could not be decoded
  static constexpr std::uint8_t kOther = 1;  // came when the table was full, or is no name (too long, not printable)
  static constexpr std::size_t kSlots = kMaxEventTypes + 2;

  EventTypes() { names_.reserve(kSlots); }

  std::uint8_t index_of(std::string_view type) {
    if (same_text(type, last_name_)) return last_;
    return look_up(type);
  }
  [[nodiscard]] std::vector<std::string> names() const {
    const std::lock_guard lock(mutex_);
    return names_;
  }

 private:
  std::uint8_t look_up(std::string_view type);

  mutable std::mutex mutex_;                            // over adding a name, and reading from another thread
  std::vector<std::string> names_ = {"none", "other"};  // never moved: reserved
  std::string_view last_name_;                          // of names_; empty: kNone
  std::uint8_t last_ = kNone;
};

}  // namespace foldline
