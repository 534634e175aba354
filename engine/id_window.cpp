#include "engine/id_window.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>

#include "common/prefetch.h"
#endif

namespace foldline {

namespace {

// Of a full window's index. Fuller, more IDs stand in a second bucket: a tenth of the buckets is full at 0.75, a third at 0.9.
constexpr double kFullLoad = 0.75;
constexpr std::size_t kFirstBuckets = 4;
constexpr std::uint32_t kLeastPlaces = 1024;
// At a call, where a gap in the offsets has let many expire at once. Mostly one expires for one that comes.
constexpr int kMostExpired = 32;
// A bucket is fetched so many expiries before it is needed, and the entry that names it as many again before that.
constexpr std::uint32_t kAhead = 8;
constexpr std::int64_t kMaxRelative = std::numeric_limits<std::uint32_t>::max();

std::uint32_t low_half(std::uint64_t v) { return static_cast<std::uint32_t>(v); }
std::uint32_t high_half(std::uint64_t v) { return static_cast<std::uint32_t>(v >> 32); }

std::uint64_t hash_high(const std::array<std::uint32_t, 4>& words) { return words[2] | (static_cast<std::uint64_t>(words[3]) << 32); }

bool same(const std::array<std::uint32_t, 4>& words, const Hash128& id) {
  return words[0] == low_half(id.low) && words[1] == high_half(id.low) && words[2] == low_half(id.high) && words[3] == high_half(id.high);
}

}  // namespace

#if defined(__SSE2__)
std::uint32_t IdWindow::Bucket::agreeing(std::uint32_t wanted, std::uint32_t mask) const {
  const __m128i want = _mm_set1_epi32(static_cast<int>(wanted));
  const __m128i masks = _mm_set1_epi32(static_cast<int>(mask));
  const auto four = [&](int i) {
    const __m128i have = _mm_load_si128(reinterpret_cast<const __m128i*>(words.data()) + i);
    return _mm_cmpeq_epi32(_mm_and_si128(_mm_xor_si128(have, want), masks), _mm_setzero_si128());
  };
  const __m128i halves = _mm_packs_epi16(_mm_packs_epi32(four(0), four(1)), _mm_packs_epi32(four(2), four(3)));
  return static_cast<std::uint32_t>(_mm_movemask_epi8(halves)) & ((1U << kBucketWords) - 1);  // without `passed`
}
#else
std::uint32_t IdWindow::Bucket::agreeing(std::uint32_t wanted, std::uint32_t mask) const {
  std::uint32_t out = 0;
  for (unsigned i = 0; i < kBucketWords; ++i) out |= static_cast<std::uint32_t>(((words[i] ^ wanted) & mask) == 0) << i;
  return out;
}
#endif

std::uint32_t IdWindow::Bucket::free_words() const { return agreeing(0, ~0U); }

IdWindow::IdWindow(std::int64_t window) : window_(std::clamp<std::int64_t>(window, 0, kMaxWindow)) {}

std::size_t IdWindow::buckets_for(std::size_t ids) const {
  const auto needed = static_cast<std::size_t>(static_cast<double>(ids) / (kBucketWords * kFullLoad)) + 1;
  // A few more of them fill whole huge pages: a search finds its bucket without a walk through the page tables.
  constexpr std::size_t kBucketsOfAPage = kHugePageBytes / sizeof(Bucket);
  const std::size_t whole_pages = (needed + kBucketsOfAPage - 1) / kBucketsOfAPage * kBucketsOfAPage;
  return whole_pages <= needed + needed / 2 ? whole_pages : needed;
}

// Nearly every ID is a new one whose bucket has room and has passed on none: then one look is enough.
IdWindow::Place IdWindow::find(const Hash128& id) const {
  const std::size_t home = home_of(id.high);
  const Bucket& bucket = buckets_[home];
  const std::uint32_t free = bucket.free_words();
  const std::uint32_t alike = bucket.agreeing(tag_of(low_half(id.high)), ~slot_mask_) & ~free;
  if (alike == 0 && free != 0 && bucket.passed() == 0) return {home, static_cast<std::size_t>(std::countr_zero(free)), 0};
  return find_from(home, id);
}

IdWindow::Place IdWindow::find_from(std::size_t home, const Hash128& id) const {
  const std::uint32_t tag = tag_of(low_half(id.high));
  Place place;
  bool has_room = false;
  bool passed = true;
  std::size_t b = home;
  for (std::size_t looked_at = 0; looked_at < buckets_.size() && (passed || !has_room); ++looked_at) {
    const Bucket& bucket = buckets_[b];
    const std::uint32_t free = bucket.free_words();
    for (std::uint32_t left = bucket.agreeing(tag, ~slot_mask_) & ~free; left != 0; left &= left - 1) {
      const auto w = static_cast<std::size_t>(std::countr_zero(left));
      const std::uint32_t slot = bucket.words[w] & slot_mask_;
      if (same(entry_at(slot).hash, id)) return {b, w, slot};
    }
    if (!has_room && free != 0) {
      has_room = true;
      place = {b, static_cast<std::size_t>(std::countr_zero(free)), 0};
    }
    passed = passed && bucket.passed() != 0;
    if (++b == buckets_.size()) b = 0;
  }
  return place;
}

// As find() of an ID that is known not to be there. The index is never full, so it has a place.
IdWindow::Place IdWindow::place_of_new(std::uint64_t hash_high) const {
  std::size_t b = home_of(hash_high);
  for (;;) {
    const std::uint32_t free = buckets_[b].free_words();
    if (free != 0) return {b, static_cast<std::size_t>(std::countr_zero(free)), 0};
    if (++b == buckets_.size()) b = 0;
  }
}

void IdWindow::set_word(const Place& place, const Entry& entry, std::uint32_t slot) {
  buckets_[place.bucket].words[place.word] = tag_of(entry.hash[2]) | slot;
  if (place.slot != 0) return;
  ++used_;
  std::size_t b = home_of(hash_high(entry.hash));
  while (b != place.bucket) {
    ++buckets_[b].passed();
    if (++b == buckets_.size()) b = 0;
  }
}

std::uint32_t IdWindow::append(const Entry& entry, std::int64_t offset) {
  const std::uint32_t slot = next_;
  std::unique_ptr<Block>& block = blocks_[slot / kBlockEntries];
  if (!block) block = spare_ ? std::move(spare_) : std::unique_ptr<Block>(new Block);  // not make_unique: it would write zeros
  (*block)[slot % kBlockEntries] = entry;
  next_ = after(slot);
  ++count_;
  if (offset < last_offset_) unsorted_ = true;
  last_offset_ = offset;
  return slot;
}

void IdWindow::put(const Place& place, const Hash128& id, std::int64_t offset) {
  const Entry entry{{low_half(id.low), high_half(id.low), low_half(id.high), high_half(id.high)},
                    static_cast<std::uint32_t>(offset - base_)};
  set_word(place, entry, append(entry, offset));
}

bool IdWindow::check_and_record(const Hash128& id, std::int64_t offset) {
  if (window_ == 0) return false;
  if (unsorted_) rebuild();
  make_room(offset);
  const Place place = find(id);
  const std::int64_t before = place.slot == 0 ? std::numeric_limits<std::int64_t>::min() : offset_of(entry_at(place.slot));
  if (before < offset) put(place, id, offset);
  expire();
  return before >= offset - window_ && before < offset;
}

void IdWindow::record(const Hash128& id, std::int64_t offset) {
  if (window_ == 0 || offset < newest_ - window_) return;
  make_room(offset);
  const Place place = find(id);
  if (place.slot == 0 || offset_of(entry_at(place.slot)) < offset) put(place, id, offset);
  if (!unsorted_) expire();
}

// The word that says this place, if a later occurrence of the ID has not taken it over.
void IdWindow::remove_word(const Entry& entry, std::uint32_t slot) {
  const std::uint32_t word = tag_of(entry.hash[2]) | slot;
  const std::size_t home = home_of(hash_high(entry.hash));
  std::size_t b = home;
  for (std::size_t looked_at = 0; looked_at < buckets_.size(); ++looked_at) {
    Bucket& bucket = buckets_[b];
    const std::uint32_t here = bucket.agreeing(word, ~0U);
    if (here != 0) {
      bucket.words[static_cast<std::size_t>(std::countr_zero(here))] = 0;
      --used_;
      for (std::size_t p = home; p != b; p = p + 1 == buckets_.size() ? 0 : p + 1) --buckets_[p].passed();
      return;
    }
    if (bucket.passed() == 0) return;
    if (++b == buckets_.size()) b = 0;
  }
}

void IdWindow::remove_first() {
  remove_word(entry_at(first_), first_);
  const std::uint32_t gone = std::exchange(first_, after(first_));
  --count_;
  if (first_ / kBlockEntries == gone / kBlockEntries && count_ > 0) return;
  if (count_ == 0) first_ = next_;
  if (gone / kBlockEntries != next_ / kBlockEntries) spare_ = std::move(blocks_[gone / kBlockEntries]);
}

void IdWindow::expire() {
  const std::int64_t oldest = newest_ - window_;
  for (int i = 0; i < kMostExpired && count_ > 0 && offset_of(entry_at(first_)) < oldest; ++i) {
    if (count_ > 3 * kAhead) {
      const std::uint32_t soon = (first_ + kAhead) & slot_mask_;
      const std::uint32_t later = (first_ + 2 * kAhead) & slot_mask_;
      prefetch_read(&entry_at(later != 0 ? later : 1));
      if (soon != 0) prefetch_write(&buckets_[home_of(hash_high(entry_at(soon).hash))]);
    }
    remove_first();
  }
}

void IdWindow::start(std::int64_t offset) {
  base_ = std::max<std::int64_t>(0, offset - window_);
  // Entries have distinct offsets in the window, and the newest one besides.
  const auto places = std::max<std::uint64_t>(kLeastPlaces, std::bit_ceil(static_cast<std::uint64_t>(window_) + 2 * kMostExpired));
  slot_mask_ = static_cast<std::uint32_t>(places - 1);
  blocks_.resize(places / kBlockEntries);
  index_again(kFirstBuckets);
}

// After it there is a place for one more, and `offset` fits the 32 bits.
void IdWindow::make_room(std::int64_t offset) {
  newest_ = std::max(newest_, offset);
  if (blocks_.empty()) start(offset);
  if (offset < base_ || offset - base_ > kMaxRelative || count_ + 1 >= slot_mask_) rebuild();
  if (used_ < most_used_) return;
  // The last step is to a full window's size; only a store that gave too many IDs goes past it.
  const std::size_t full = buckets_for(static_cast<std::size_t>(window_) + kMostExpired);
  std::size_t wanted = full;
  while (wanted / 2 > buckets_.size()) wanted /= 2;
  index_again(wanted > buckets_.size() ? wanted : buckets_.size() * 2);
}

// Every entry of the ring gets its word anew, in order: the last occurrence of an ID counts.
void IdWindow::index_again(std::size_t bucket_count) {
  // Every entry has a word, so none is of an ID that came again.
  const bool all_differ = used_ == count_;
  buckets_ = decltype(buckets_)();  // first: never two of them
  buckets_.resize(bucket_count);
  most_used_ = static_cast<std::size_t>(static_cast<double>(bucket_count * kBucketWords) * kFullLoad);
  used_ = 0;
  std::uint32_t ahead = first_;
  std::size_t left = count_;
  const auto fetch = [&] {
    if (left == 0) return;
    prefetch_write(&buckets_[home_of(hash_high(entry_at(ahead).hash))]);
    ahead = after(ahead);
    --left;
  };
  for (std::uint32_t i = 0; i < kAhead; ++i) fetch();
  std::uint32_t slot = first_;
  for (std::size_t i = 0; i < count_; ++i, slot = after(slot)) {
    fetch();
    const Entry& entry = entry_at(slot);
    const Hash128 id{hash_high(entry.hash), entry.hash[0] | (static_cast<std::uint64_t>(entry.hash[1]) << 32)};
    set_word(all_differ ? place_of_new(id.high) : find(id), entry, slot);
  }
}

// The ring in the order of offsets, without what has expired and with a base that reaches further. Seldom: after IDs were recorded out
// of order, at an offset before the base or 2^32 past it, and where a store gave more IDs than a window has offsets.
void IdWindow::rebuild() {
  const std::int64_t oldest = newest_ - window_;
  std::vector<std::pair<std::int64_t, Entry>> kept;
  kept.reserve(count_);
  for (; count_ > 0; remove_first()) {
    const Entry& entry = entry_at(first_);
    if (offset_of(entry) >= oldest) kept.emplace_back(offset_of(entry), entry);
  }
  std::stable_sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  base_ = std::max<std::int64_t>(0, oldest);
  unsorted_ = false;
  last_offset_ = -1;
  while (kept.size() + kMostExpired > slot_mask_) slot_mask_ = slot_mask_ * 2 + 1;
  blocks_.clear();
  blocks_.resize((static_cast<std::size_t>(slot_mask_) + 1) / kBlockEntries);
  first_ = next_ = 1;
  for (auto& [offset, entry] : kept) {
    entry.relative = static_cast<std::uint32_t>(offset - base_);
    append(entry, offset);
  }
  index_again(std::max(buckets_.size(), buckets_for(kept.size())));
}

void IdWindow::reserve(std::size_t count) {
  if (window_ == 0 || count == 0) return;
  if (blocks_.empty()) start(0);
  const std::size_t wanted = buckets_for(std::min(used_ + count, static_cast<std::size_t>(window_) + kMostExpired));
  if (wanted > buckets_.size()) index_again(wanted);
}

void IdWindow::clear() { *this = IdWindow(window_); }

std::size_t IdWindow::size_bytes() const {
  const auto blocks = static_cast<std::size_t>(std::count_if(blocks_.begin(), blocks_.end(), [](const auto& b) { return b != nullptr; }));
  return (blocks + (spare_ ? 1U : 0U)) * sizeof(Block) + blocks_.capacity() * sizeof(blocks_[0]) + buckets_.capacity() * sizeof(Bucket);
}

}  // namespace foldline
