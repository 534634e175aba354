#include "sinks/elasticsearch/cache.h"

#include "common/hash.h"
#include "common/prefetch.h"

namespace foldline::elasticsearch {

namespace {

constexpr std::size_t kFirstSlots = 1'024;

std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }

}  // namespace

std::uint64_t DocumentCache::hash_of(std::string_view key) { return hash64(key); }

std::size_t DocumentCache::slot_of(std::string_view key, std::uint64_t hash) const {
  if (slots_.empty()) return 0;
  for (std::size_t i = home_of(hash);; i = (i + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[i];
    if (slot.entry == kNone) return slots_.size();
    if (slot.tag == tag_of(hash) && entries_[slot.entry].key == key) return i;
  }
}

std::size_t DocumentCache::slot_of_entry(std::uint32_t entry) const {
  std::size_t i = home_of(entries_[entry].tag);
  while (slots_[i].entry != entry) i = (i + 1) & (slots_.size() - 1);
  return i;
}

// Those behind it in the same run move up where that brings them nearer to their home.
void DocumentCache::free_slot(std::size_t slot) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t gap = slot;
  for (std::size_t i = (gap + 1) & mask; slots_[i].entry != kNone; i = (i + 1) & mask) {
    const std::size_t home = home_of(slots_[i].tag);
    if (((i - home) & mask) < ((i - gap) & mask)) continue;
    slots_[gap] = slots_[i];
    gap = i;
  }
  slots_[gap] = {};
}

void DocumentCache::remove(std::size_t slot) {
  const std::uint32_t number = slots_[slot].entry;
  Entry& entry = entries_[number];
  (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
  (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
  free_slot(slot);
  entry.key.clear();
  entry.document.source = std::string();
  entry.older = free_;
  free_ = number;
  --count_;
}

std::optional<CachedDocument> DocumentCache::take(std::string_view key, std::uint64_t hash) {
  const std::size_t slot = slot_of(key, hash);
  if (slot == slots_.size()) return std::nullopt;
  Entry& entry = entries_[slots_[slot].entry];
  size_bytes_ -= bytes_of(entry);  // before anything is moved out of it
  std::optional<CachedDocument> out = std::move(entry.document);
  remove(slot);
  return out;
}

void DocumentCache::grow() {
  slots_.assign(slots_.empty() ? kFirstSlots : slots_.size() * 2, Slot{});
  for (std::uint32_t number = newest_; number != kNone; number = entries_[number].older) {
    std::size_t i = home_of(entries_[number].tag);
    while (slots_[i].entry != kNone) i = (i + 1) & (slots_.size() - 1);
    slots_[i] = {entries_[number].tag, number};
  }
}

// What the next entry to go needs: its slot and its text, which the allocator writes into; of the one after it, where those are.
void DocumentCache::prefetch_oldest() const {
  if (oldest_ == kNone) return;
  const Entry& entry = entries_[oldest_];
  prefetch(entry.tag);
  prefetch_write(entry.document.source.data());
  if (entry.newer == kNone) return;
  const char* const next = reinterpret_cast<const char*>(&entries_[entry.newer]);
  prefetch_write(next);
  prefetch_write(next + sizeof(Entry) - 1);
}

void DocumentCache::put(std::string key, std::uint64_t hash, CachedDocument document) {
  take(key, hash);
  if ((count_ + 1) * 2 > slots_.size()) grow();
  std::uint32_t number = free_;
  if (number == kNone) {
    number = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    free_ = entries_[number].older;
  }
  Entry& entry = entries_[number];
  entry.key = std::move(key);
  entry.document = std::move(document);
  entry.tag = tag_of(hash);
  entry.newer = kNone;
  entry.older = newest_;
  (newest_ == kNone ? oldest_ : entries_[newest_].newer) = number;
  newest_ = number;
  std::size_t i = home_of(hash);
  while (slots_[i].entry != kNone) i = (i + 1) & (slots_.size() - 1);
  slots_[i] = {tag_of(hash), number};
  ++count_;
  size_bytes_ += bytes_of(entry);
  while (size_bytes_ > max_bytes_ && count_ > 0) {
    size_bytes_ -= bytes_of(entries_[oldest_]);
    remove(slot_of_entry(oldest_));
    prefetch_oldest();
  }
}

void DocumentCache::clear() {
  entries_.clear();
  slots_.clear();
  newest_ = oldest_ = free_ = kNone;
  size_bytes_ = count_ = 0;
}

}  // namespace foldline::elasticsearch
