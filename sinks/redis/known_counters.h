// Counters whose key this sink has seen to hold a whole number: added to without a look (G21), for the look costs as much as the adding.
// What another program did to such a key since shows when it is added to, and the script takes back what it had added (commit_script.cpp).
//
//   known.begin();   if (!known.has(name)) known.note(name);   ... after the commit: known.settle();
//
// Bounded: a table of kSlots hashes; of two keys with one slot the later one stays. A forgotten key costs a look, nothing else. Not
// thread-safe. Nothing of it outlives the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "common/hash.h"

namespace foldline::redis {

class KnownCounters {
 public:
  static constexpr std::size_t kSlots = std::size_t{1} << 19;  // 4 MiB, once something is known

  void begin() { noted_.clear(), gone_.clear(); }
  [[nodiscard]] bool has(std::string_view key) const {
    const std::uint64_t hash = hash64(key);
    return !slots_.empty() && slots_[hash % kSlots] == hash;
  }
  // Looked at and written by the batch, or deleted by it: true once the batch is committed.
  void note(std::string_view key) { noted_.push_back(hash64(key)); }
  void forget(std::string_view key) { gone_.push_back(hash64(key)); }
  void settle() {
    if (slots_.empty() && !noted_.empty()) slots_.resize(kSlots);
    for (const std::uint64_t hash : noted_) slots_[hash % kSlots] = hash;
    for (const std::uint64_t hash : gone_) {
      if (!slots_.empty() && slots_[hash % kSlots] == hash) slots_[hash % kSlots] = 0;
    }
    begin();
  }

 private:
  std::vector<std::uint64_t> slots_;
  std::vector<std::uint64_t> noted_;
  std::vector<std::uint64_t> gone_;
};

}  // namespace foldline::redis
