// The documents that were written or read last, so that an update need not read first. Bounded in bytes; the least used goes first.
//
//   cache.put(key, std::move(document));   std::optional<CachedDocument> d = cache.take(key);
//
// Nothing rests on it: what it holds is written under its seq_no, so a stale entry is a 409 and read anew (G24). One thread at a time.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace foldline::elasticsearch {

struct CachedDocument {
  std::string source;  // the document as it was sent or found
  std::int64_t seq_no = -1;
  std::int64_t primary_term = 0;
};

// What an entry takes beside its texts: list node, table node, bucket, string headers.
inline constexpr std::size_t kCacheEntryBytes = 208;

class DocumentCache {
 public:
  explicit DocumentCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // The caller has it alone until it puts it back.
  std::optional<CachedDocument> take(std::string_view key);
  void put(std::string key, CachedDocument document);
  void clear();
  // Of what is put from now on.
  void set_max_bytes(std::size_t max_bytes) { max_bytes_ = max_bytes; }

  [[nodiscard]] std::size_t size_bytes() const { return size_bytes_; }
  [[nodiscard]] std::size_t count() const { return by_key_.size(); }

 private:
  struct Entry {
    std::string key;
    CachedDocument document;
  };
  static std::size_t bytes_of(const Entry& entry) { return entry.key.size() + entry.document.source.capacity() + kCacheEntryBytes; }
  void erase(std::list<Entry>::iterator entry);

  std::size_t max_bytes_;
  std::size_t size_bytes_ = 0;
  std::list<Entry> entries_;  // the last used first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;
};

}  // namespace foldline::elasticsearch
