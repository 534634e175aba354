// Counters whose key this sink has seen to hold a whole number: added to without a look (G21), for the look costs as much as the adding.
// What another program did to such a key since shows when it is added to, and the script takes back what it had added (commit_script.cpp).
//
//   const auto hash = known.hash_of(name);   CounterNotes notes;
//   if (!known.has(hash)) notes.note(hash, true);   ... once the batch is committed: known.settle(notes);
//
// Only a hint, so it may be asked for a batch while the one before it is still being committed (encode_ahead): a key that became known
// meanwhile is looked at for nothing; one that was deleted meanwhile is added to all the same and begins at nothing, as it should.
//
// Bounded: a table of kSlots hashes; of two keys with one slot the later one stays. A forgotten key costs a look, nothing else. One thread
// settles, any may ask. Nothing of it outlives the process.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "common/hash.h"
#include "common/prefetch.h"

namespace foldline::redis {

// What a batch makes of counters that it looks at and writes, or deletes: true once it is committed.
struct CounterNotes {
  std::vector<std::uint64_t> there;
  std::vector<std::uint64_t> gone;

  void note(std::uint64_t hash, bool is_there) { (is_there ? there : gone).push_back(hash); }
  void clear() { there.clear(), gone.clear(); }
};

class KnownCounters {
 public:
  static constexpr std::size_t kSlots = std::size_t{1} << 19;  // 4 MiB, once something is known

  KnownCounters() = default;
  KnownCounters(const KnownCounters&) = delete;
  KnownCounters& operator=(const KnownCounters&) = delete;
  ~KnownCounters() { delete slots_.load(std::memory_order_relaxed); }

  static std::uint64_t hash_of(std::string_view key) { return hash64(key); }

  void prefetch(std::uint64_t hash) const {
    if (const Slots* slots = slots_.load(std::memory_order_acquire)) prefetch_read(&(*slots)[hash % kSlots]);
  }
  [[nodiscard]] bool has(std::uint64_t hash) const {
    const Slots* slots = slots_.load(std::memory_order_acquire);
    return slots != nullptr && (*slots)[hash % kSlots].load(std::memory_order_relaxed) == hash;
  }
  // Of a batch that is committed.
  void settle(const CounterNotes& notes) {
    Slots* slots = slots_.load(std::memory_order_relaxed);
    if (slots == nullptr) {
      if (notes.there.empty()) return;
      slots = new Slots();
      slots_.store(slots, std::memory_order_release);
    }
    for (const std::uint64_t hash : notes.there) (*slots)[hash % kSlots].store(hash, std::memory_order_relaxed);
    for (const std::uint64_t hash : notes.gone) {
      auto& slot = (*slots)[hash % kSlots];
      if (slot.load(std::memory_order_relaxed) == hash) slot.store(0, std::memory_order_relaxed);
    }
  }

 private:
  using Slots = std::array<std::atomic<std::uint64_t>, kSlots>;
  std::atomic<Slots*> slots_{nullptr};  // made when first needed, then stays
};

}  // namespace foldline::redis
