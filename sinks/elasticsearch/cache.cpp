#include "sinks/elasticsearch/cache.h"

namespace foldline::elasticsearch {

void DocumentCache::erase(std::list<Entry>::iterator entry) {
  size_bytes_ -= bytes_of(*entry);
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

std::optional<CachedDocument> DocumentCache::take(std::string_view key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  // Before its bytes are counted off nothing may be moved out of it.
  const auto entry = found->second;
  size_bytes_ -= bytes_of(*entry);
  CachedDocument out = std::move(entry->document);
  by_key_.erase(found);
  entries_.erase(entry);
  return out;
}

void DocumentCache::put(std::string key, CachedDocument document) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) erase(found->second);
  entries_.push_front({std::move(key), std::move(document)});
  size_bytes_ += bytes_of(entries_.front());
  by_key_.emplace(entries_.front().key, entries_.begin());
  while (size_bytes_ > max_bytes_ && !entries_.empty()) erase(std::prev(entries_.end()));
}

void DocumentCache::clear() {
  by_key_.clear();
  entries_.clear();
  size_bytes_ = 0;
}

}  // namespace foldline::elasticsearch
