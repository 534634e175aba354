#include "engine/event_types.h"

#include <algorithm>

namespace foldline {

namespace {

// ASCII without control characters: what is safe in a label, a log and a dashboard.
bool is_name(std::string_view type) {
  return type.size() <= kMaxEventTypeBytes && std::all_of(type.begin(), type.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

// A linear search: there are few types, and an event's is nearly always the last one's or among the first.
std::uint8_t EventTypes::look_up(std::string_view type) {
  if (type.empty()) {
    last_name_ = {};
    return last_ = kNone;
  }
  for (std::size_t i = 0; i < names_.size(); ++i) {  // a type that is called `other` is counted there
    if (names_[i] != type) continue;
    last_name_ = names_[i];
    return last_ = static_cast<std::uint8_t>(i);
  }
  if (names_.size() >= kSlots || !is_name(type)) return kOther;
  const std::lock_guard lock(mutex_);
  names_.emplace_back(type);
  last_name_ = names_.back();
  return last_ = static_cast<std::uint8_t>(names_.size() - 1);
}

}  // namespace foldline
