// The documents that were written or read last, so that an update need not read first. Bounded in bytes; the least used goes first.
//
//   cache.put(key, std::move(document));   std::optional<CachedDocument> d = cache.take(key);
//
// Nothing rests on it: what it holds is written under its seq_no, so a stale entry is a 409 and read anew (G24). One thread at a time.
//
// A worker that only makes new documents asks for keys that are not there and drops as many entries as it puts: each of the three reaches
// for cold memory. So keys stand in a flat table of hashes (a miss reads one line of it, which prefetch() asks for ahead), and entries in a
// slab, linked by their numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/prefetch.h"

namespace foldline::elasticsearch {

struct CachedDocument {
  std::string source;  // the document as it was sent or found
  std::int64_t seq_no = -1;
  std::int64_t primary_term = 0;
};

// What an entry takes beside its texts: its place in the slab, its slots of a table that is half empty, and what malloc adds to two texts.
inline constexpr std::size_t kCacheEntryBytes = 176;
inline constexpr std::size_t kPrefetchedDocuments = 8;  // ahead of the one at hand: as long as memory takes to answer

class DocumentCache {
 public:
  explicit DocumentCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  static std::uint64_t hash_of(std::string_view key);
  // The table's line for this hash will be wanted soon.
  void prefetch(std::uint64_t hash) const {
    if (!slots_.empty()) prefetch_read(&slots_[hash & (slots_.size() - 1)]);
  }

  // The caller has it alone until it puts it back. `hash`: hash_of(key).
  std::optional<CachedDocument> take(std::string_view key, std::uint64_t hash);
  std::optional<CachedDocument> take(std::string_view key) { return take(key, hash_of(key)); }
  void put(std::string key, std::uint64_t hash, CachedDocument document);
  void put(std::string key, CachedDocument document) {
    const std::uint64_t hash = hash_of(key);
    put(std::move(key), hash, std::move(document));
  }
  void clear();
  // Of what is put from now on.
  void set_max_bytes(std::size_t max_bytes) { max_bytes_ = max_bytes; }

  [[nodiscard]] std::size_t size_bytes() const { return size_bytes_; }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Entry {
    std::string key;
    CachedDocument document;
    std::uint32_t tag = 0;
    std::uint32_t newer = kNone;
    std::uint32_t older = kNone;  // of a free place: the next free one
  };
  struct Slot {
    std::uint32_t tag = 0;        // lower half of the hash: says which slot is its first choice, too
    std::uint32_t entry = kNone;  // free
  };

  static std::size_t bytes_of(const Entry& entry) { return entry.key.size() + entry.document.source.capacity() + kCacheEntryBytes; }
  [[nodiscard]] std::size_t home_of(std::uint64_t hash) const { return hash & (slots_.size() - 1); }
  [[nodiscard]] std::size_t slot_of(std::string_view key, std::uint64_t hash) const;  // slots_.size(): not there
  [[nodiscard]] std::size_t slot_of_entry(std::uint32_t entry) const;
  void remove(std::size_t slot);
  void free_slot(std::size_t slot);
  void prefetch_oldest() const;
  void grow();

  std::size_t max_bytes_;
  std::size_t size_bytes_ = 0;
  std::size_t count_ = 0;
  std::vector<Entry> entries_;
  std::vector<Slot> slots_;  // a power of two, at most half full; linear probing
  std::uint32_t newest_ = kNone;
  std::uint32_t oldest_ = kNone;
  std::uint32_t free_ = kNone;
};

}  // namespace foldline::elasticsearch
