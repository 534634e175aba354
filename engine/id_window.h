// The IDs of a partition's last W offsets, in memory (G14, G16).
//
//   IdWindow window(250'000);
//   if (window.check_and_record(hash_event_id(source, id), offset)) ++duplicates;
//
// An event at offset o is a duplicate exactly when the same ID stands in [o - W, o) of its partition: a function of the log, never of
// commits. So every event is recorded, duplicates and dead-lettered ones too, and the last occurrence counts. Offsets are given in
// rising order; an event that was no duplicate may be asked for again (its batch was cut just before it), and still is none.
//
// Two parts. A ring holds an entry of 20 bytes for each occurrence, in the order of offsets: the whole 128-bit hash and a 32-bit offset
// relative to a base. New entries go behind the last one and expired ones go from the front, so it is written and read in a row. An index
// finds an ID's entry: buckets of one cache line with 15 words, each the entry's place in the ring and, in the bits that the place leaves
// free, bits of the hash. So nearly every ID costs two cache lines of the index (its own, and that of the ID that expires), both
// fetched ahead, and no other. The ring is made of blocks that come and go with its content; the index of a full window takes
// 6 bytes an ID, or whole huge pages where these are not more than half as much again. In all 28 bytes an ID at W = 250,000. No call is
// much dearer than another, but those that let the index grow, and the first check after IDs were recorded out of order. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/hash.h"
#include "common/prefetch.h"
#include "engine/huge_pages.h"

namespace foldline {

class IdWindow {
 public:
  static constexpr std::int64_t kMaxWindow = 1'000'000'000;

  // 0: remembers nothing, and nothing is a duplicate.
  explicit IdWindow(std::int64_t window = 0);
  IdWindow(IdWindow&&) = default;
  IdWindow& operator=(IdWindow&&) = default;

  // True when the ID is a duplicate at `offset`; remembers it there either way.
  bool check_and_record(const Hash128& id, std::int64_t offset);
  // Remembers only: for what the store had (any order of offsets; the greatest counts).
  void record(const Hash128& id, std::int64_t offset);
  // Brings the ID's cache line near: call some events ahead of check_and_record.
  void prefetch(const Hash128& id) const {
    if (!buckets_.empty()) prefetch_write(&buckets_[home_of(id.high)]);
  }
  // Room for `count` more IDs without growing step by step.
  void reserve(std::size_t count);
  void clear();

  [[nodiscard]] std::int64_t window() const { return window_; }
  [[nodiscard]] std::size_t size() const { return used_; }  // expired ones that have not gone yet included
  [[nodiscard]] std::size_t size_bytes() const;

 private:
  struct Entry {
    std::array<std::uint32_t, 4> hash;
    std::uint32_t relative;  // offset - base_
  };
  static_assert(sizeof(Entry) == 20);

  static constexpr std::size_t kBlockEntries = 1024;
  using Block = std::array<Entry, kBlockEntries>;

  static constexpr std::size_t kBucketWords = 15;
  // The last word counts the IDs that stand in a later bucket because this one was full when they came.
  struct alignas(64) Bucket {
    std::array<std::uint32_t, kBucketWords + 1> words{};  // 0: free
    [[nodiscard]] std::uint32_t& passed() { return words[kBucketWords]; }
    [[nodiscard]] std::uint32_t passed() const { return words[kBucketWords]; }
    // A bit for each word of an ID (or of none) that agrees with `wanted` in the bits of `mask`.
    [[nodiscard, gnu::always_inline]] inline std::uint32_t agreeing(std::uint32_t wanted, std::uint32_t mask) const;
    [[nodiscard, gnu::always_inline]] inline std::uint32_t free_words() const;
  };
  static_assert(sizeof(Bucket) == 64);

  // Where an ID's word stands or, if it has none, where it belongs.
  struct Place {
    std::size_t bucket = 0;
    std::size_t word = 0;
    std::uint32_t slot = 0;  // in the ring; 0: the ID is not there
  };

  // Any count of buckets, not only powers of two: the high word of hash * count.
  [[nodiscard]] std::size_t home_of(std::uint64_t hash_high) const {
    __extension__ using uint128 = unsigned __int128;
    return static_cast<std::size_t>((static_cast<uint128>(hash_high) * buckets_.size()) >> 64);
  }
  [[nodiscard]] std::uint32_t tag_of(std::uint32_t hash_bits) const { return hash_bits & ~slot_mask_; }
  [[nodiscard]] Entry& entry_at(std::uint32_t slot) { return (*blocks_[slot / kBlockEntries])[slot % kBlockEntries]; }
  [[nodiscard]] const Entry& entry_at(std::uint32_t slot) const { return (*blocks_[slot / kBlockEntries])[slot % kBlockEntries]; }
  [[nodiscard]] std::uint32_t after(std::uint32_t slot) const {  // no entry has the place 0
    slot = (slot + 1) & slot_mask_;
    return slot != 0 ? slot : 1;
  }
  [[nodiscard]] std::int64_t offset_of(const Entry& entry) const { return base_ + entry.relative; }

  // Those marked are inlined into check_and_record() and its like; no other file calls them.
  [[nodiscard, gnu::always_inline]] inline Place find(const Hash128& id) const;
  [[nodiscard]] Place find_from(std::size_t home, const Hash128& id) const;
  [[nodiscard]] Place place_of_new(std::uint64_t hash_high) const;
  [[gnu::always_inline]] inline void put(const Place& place, const Hash128& id, std::int64_t offset);
  [[gnu::always_inline]] inline void set_word(const Place& place, const Entry& entry, std::uint32_t slot);
  [[gnu::always_inline]] inline std::uint32_t append(const Entry& entry, std::int64_t offset);
  void remove_word(const Entry& entry, std::uint32_t slot);
  void remove_first();
  void expire();
  void make_room(std::int64_t offset);
  void rebuild();
  void index_again(std::size_t bucket_count);
  void start(std::int64_t offset);
  [[nodiscard]] std::size_t buckets_for(std::size_t ids) const;

  std::int64_t window_;

  std::vector<std::unique_ptr<Block>> blocks_;  // by place / kBlockEntries; empty where the ring has no entry
  std::unique_ptr<Block> spare_;
  std::uint32_t slot_mask_ = 0;  // places are 1 .. slot_mask_
  std::uint32_t first_ = 1;      // the oldest entry's place
  std::uint32_t next_ = 1;       // the next one's
  std::size_t count_ = 0;        // entries in the ring, those of older occurrences included
  std::int64_t last_offset_ = -1;
  bool unsorted_ = false;

  std::vector<Bucket, HugePageAllocator<Bucket>> buckets_;
  std::size_t used_ = 0;       // words in use
  std::size_t most_used_ = 0;  // more let the index grow
  std::int64_t base_ = 0;      // offset of relative 0
  std::int64_t newest_ = -1;   // greatest offset seen
};

}  // namespace foldline
