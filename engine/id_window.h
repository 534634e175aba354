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
// relative to a base. New entries go behind the last one, and expired ones go from the front by blocks of 1,024, unread: what has expired
// and not gone yet is told by its offset. An index finds an ID's entry: buckets of one cache line with 15 words, each the entry's number
// and, in the bits that it leaves free, bits of the hash. Numbers go on for four rounds of the ring before they start again, so a word
// whose entry has gone says so itself, and gives way to the next one that comes into its bucket. So nearly every ID costs one cache line of
// the index, fetched ahead, and no other. The ring is made of blocks that come and go with its content; the index of a full window takes
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
  // Entries: each occurrence of an ID, and up to a block of expired ones.
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] std::size_t size_bytes() const;

 private:
  struct Entry {
    std::array<std::uint32_t, 4> hash;
    std::uint32_t relative;  // offset - base_
  };
  static_assert(sizeof(Entry) == 20);

  static constexpr std::uint32_t kBlockEntries = 1024;
  using Block = std::array<Entry, kBlockEntries>;

  // A word in use; one of zeros has never been.
  static constexpr std::uint32_t kUsed = 1U << 31U;
  static constexpr std::size_t kBucketWords = 15;
  static constexpr std::uint32_t kAllWords = (1U << kBucketWords) - 1;
  // The last word says the newest of the IDs that stand in a later bucket because this one was full when they came: while that one is in
  // the ring, a search goes on.
  struct alignas(64) Bucket {
    std::array<std::uint32_t, kBucketWords + 1> words{};
    // A bit for each word that agrees with `wanted` in the bits of `mask`.
    [[nodiscard, gnu::always_inline]] inline std::uint32_t agreeing(std::uint32_t wanted, std::uint32_t mask) const;
    // A bit for each word whose entry is one of `count` from `first` on; the last word's bit, too.
    [[nodiscard, gnu::always_inline]] inline std::uint32_t live(std::uint32_t first, std::uint32_t count, std::uint32_t number_mask) const;
  };
  static_assert(sizeof(Bucket) == 64);

  // Where an ID's word stands or, if it has none, where it belongs.
  struct Place {
    std::size_t bucket = 0;
    std::size_t word = 0;
    bool found = false;
    std::uint32_t number = 0;  // of the entry that was found
  };

  // Any count of buckets, not only powers of two: the high word of hash * count.
  [[nodiscard]] std::size_t home_of(std::uint64_t hash_high) const {
    __extension__ using uint128 = unsigned __int128;
    return static_cast<std::size_t>((static_cast<uint128>(hash_high) * buckets_.size()) >> 64);
  }
  [[nodiscard]] std::uint32_t tag_of(std::uint32_t hash_bits) const { return (hash_bits & ~number_mask_) | kUsed; }
  [[nodiscard]] const Entry& entry_at(std::uint32_t number) const {
    const std::uint32_t place = number & place_mask_;
    return (*blocks_[place / kBlockEntries])[place % kBlockEntries];
  }
  [[nodiscard]] std::uint32_t after(std::uint32_t number, std::uint32_t by = 1) const { return (number + by) & number_mask_; }
  // Entries from the oldest one to it: the more, the newer. Less than count_ for what is in the ring.
  [[nodiscard]] std::uint32_t since_first(std::uint32_t number) const { return (number - first_) & number_mask_; }
  [[nodiscard, gnu::always_inline]] inline std::uint32_t live_words(const Bucket& bucket) const;
  [[nodiscard]] std::int64_t offset_of(const Entry& entry) const { return base_ + entry.relative; }

  // Those marked are inlined into check_and_record() and its like; no other file calls them.
  [[nodiscard, gnu::always_inline]] inline Place find(const Hash128& id);
  [[nodiscard]] Place find_from(std::size_t home, const Hash128& id);
  [[nodiscard]] Place place_of_new(std::uint64_t hash_high) const;
  [[gnu::always_inline]] inline void put(const Place& place, const Hash128& id, std::int64_t offset);
  [[gnu::always_inline]] inline void set_word(const Place& place, const Entry& entry, std::uint32_t number);
  [[gnu::always_inline]] inline std::uint32_t append(const Entry& entry, std::int64_t offset);
  void drop_first_block();
  void make_room(std::int64_t offset);
  void rebuild();
  void index_again(std::size_t bucket_count);
  void start(std::int64_t offset);
  void make_ring(std::uint64_t entries);
  [[nodiscard]] std::size_t buckets_for(std::size_t ids) const;
  [[nodiscard]] std::size_t most_entries() const { return static_cast<std::size_t>(window_) + 2 * kBlockEntries; }

  std::int64_t window_;

  std::vector<std::unique_ptr<Block>> blocks_;  // by place / kBlockEntries; empty where the ring has no entry
  std::unique_ptr<Block> spare_;
  std::uint32_t place_mask_ = 0;   // of an entry's number: its place in the ring
  std::uint32_t number_mask_ = 0;  // numbers go up to it
  std::uint32_t first_ = 0;        // the oldest entry's, the first one of a block
  std::uint32_t next_ = 0;         // the next one's
  std::uint32_t count_ = 0;        // entries in the ring, those of older occurrences included
  std::int64_t first_block_ends_;  // the offset of its last entry, once it is full
  std::int64_t last_offset_ = -1;
  bool unsorted_ = false;
  bool all_differ_ = true;  // no ID has come twice

  std::vector<Bucket, HugePageAllocator<Bucket>> buckets_;
  std::size_t most_used_ = 0;  // more entries let the index grow
  std::int64_t base_ = 0;      // offset of relative 0
  std::int64_t newest_ = -1;   // greatest offset seen
};

}  // namespace foldline
