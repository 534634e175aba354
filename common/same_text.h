// Whether two short texts are the same, without a call: names of topics, event types and keys, which are compared once an event or more.
//
//   if (same_text(type, recent.type)) ...
//
// As `a == b`, which calls memcmp(); for texts of some dozen bytes the call costs as much as the comparison.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace foldline {

inline bool same_text(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  const std::size_t size = a.size();
  const auto differ = [&]<class Word>(std::size_t at, Word /*width*/) {
    Word x;
    Word y;
    std::memcpy(&x, a.data() + at, sizeof x);
    std::memcpy(&y, b.data() + at, sizeof y);
    return x != y;
  };
  if (size >= sizeof(std::uint64_t)) {
    for (std::size_t at = 0; at + sizeof(std::uint64_t) < size; at += sizeof(std::uint64_t)) {
      if (differ(at, std::uint64_t{})) return false;
    }
    return !differ(size - sizeof(std::uint64_t), std::uint64_t{});  // the last eight, some of them perhaps for a second time
  }
  if (size >= sizeof(std::uint32_t)) return !differ(0, std::uint32_t{}) && !differ(size - sizeof(std::uint32_t), std::uint32_t{});
  for (std::size_t at = 0; at < size; ++at) {
    if (a[at] != b[at]) return false;
  }
  return true;
}

}  // namespace foldline
