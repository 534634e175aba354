// The IDs of a partition's last W offsets, in memory (G14, G16).
//
//   IdWindow window(250'000);
//   if (window.check_and_record(hash_event_id(source, id), offset)) ++duplicates;
//
// An event at offset o is a duplicate exactly when the same ID stands in [o - W, o) of its partition: a function of the log, never of
// commits. So every event is recorded, duplicates and dead-lettered ones too, and the last occurrence counts. Offsets are given in
// rising order; an event that was no duplicate may be asked for again (its batch was cut just before it), and still is none.
//
// A flat table of 20-byte entries (the whole 128-bit hash and a 32-bit offset relative to a base), linear probing. Beside it a byte of each
// entry's hash: most IDs are new, and a new one is told by those bytes alone, which stay in the processor's cache where the entries do not.
// Expired entries are swept a few a call, so no call is much dearer than another. About 35 bytes an ID at W = 250,000. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/hash.h"

namespace foldline {

class IdWindow {
 public:
  static constexpr std::int64_t kMaxWindow = 1'000'000'000;

  // 0: remembers nothing, and nothing is a duplicate.
  explicit IdWindow(std::int64_t window = 0);

  // True when the ID is a duplicate at `offset`; remembers it there either way.
  bool check_and_record(const Hash128& id, std::int64_t offset);
  // Remembers only: for what the store had (any order of offsets; the greatest counts).
  void record(const Hash128& id, std::int64_t offset);
  // Brings the entry's cache lines near: call some events ahead of check_and_record.
  void prefetch(const Hash128& id) const {
    if (entries_.empty()) return;
    const std::size_t i = index_of(id);
    __builtin_prefetch(&tags_[i]);
    __builtin_prefetch(&entries_[i], 1);
  }
  // Room for `count` more IDs without growing step by step.
  void reserve(std::size_t count);
  void clear();

  [[nodiscard]] std::int64_t window() const { return window_; }
  [[nodiscard]] std::size_t size() const { return used_; }  // expired entries that were not swept yet included
  [[nodiscard]] std::size_t size_bytes() const { return entries_.capacity() * sizeof(Entry) + tags_.capacity(); }

 private:
  struct Entry {
    std::uint32_t hash[4];
    std::uint32_t relative = 0;  // offset - base_ + 1; 0: free
  };
  static_assert(sizeof(Entry) == 20);

  static constexpr std::size_t kFirstCapacity = 256;
  static constexpr std::size_t kSweepStep = 6;

  // Any capacity, not only powers of two: the high word of hash * capacity.
  [[nodiscard]] std::size_t index_of(const Hash128& id) const {
    __extension__ using uint128 = unsigned __int128;
    return static_cast<std::size_t>((static_cast<uint128>(id.high) * entries_.size()) >> 64);
  }
  [[nodiscard]] static Hash128 hash_of(const Entry& entry);
  static constexpr std::uint8_t kFree = 0;
  [[nodiscard]] static std::uint8_t tag_of(const Hash128& id) { return static_cast<std::uint8_t>(id.low % 255 + 1); }
  // The entry's index, or that of the free one where it belongs.
  [[nodiscard]] std::size_t find(const Hash128& id) const;
  void put(std::size_t index, const Hash128& id, std::int64_t offset);
  void allocate(std::size_t capacity);
  void make_room(std::int64_t offset);
  void rehash(std::size_t capacity, std::int64_t new_base);
  void sweep();
  void erase_at(std::size_t index);
  [[nodiscard]] std::int64_t offset_of(const Entry& entry) const { return base_ + entry.relative - 1; }

  std::int64_t window_;
  std::size_t max_capacity_;
  std::vector<Entry> entries_;
  std::vector<std::uint8_t> tags_;  // as entries_
  std::size_t used_ = 0;
  std::size_t sweep_at_ = 0;
  std::int64_t base_ = 0;     // offset of relative 1
  std::int64_t newest_ = -1;  // greatest offset seen
};

}  // namespace foldline
