#include "engine/id_window.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace foldline {

namespace {

// Of a full window's index. Fuller, more IDs stand in a second bucket: a tenth of the buckets is full at 0.75, a third at 0.9.
constexpr double kFullLoad = 0.75;
constexpr std::size_t kFirstBuckets = 4;
constexpr int kRounds = 4;           // of the ring until numbers start again ...
constexpr int kMostNumberBits = 31;  // ... where a word has the bits: beside its mark
// index_again() fetches buckets so many entries ahead.
constexpr std::uint32_t kAhead = 8;
constexpr std::int64_t kNotFull = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMaxRelative = std::numeric_limits<std::uint32_t>::max();

std::uint32_t low_half(std::uint64_t v) { return static_cast<std::uint32_t>(v); }
std::uint32_t high_half(std::uint64_t v) { return static_cast<std::uint32_t>(v >> 32); }

std::uint64_t hash_high(const std::array<std::uint32_t, 4>& words) { return words[2] | (static_cast<std::uint64_t>(words[3]) << 32); }

bool same(const std::array<std::uint32_t, 4>& words, const Hash128& id) {
  return words[0] == low_half(id.low) && words[1] == high_half(id.low) && words[2] == low_half(id.high) && words[3] == high_half(id.high);
}

}  // namespace

#if defined(__SSE2__)
namespace {

// A bit for each of 16 words, whose `four(i)` are all ones or all zeros.
template <class Four>
[[gnu::always_inline]] inline std::uint32_t bits_of(Four four) {
  const __m128i halves = _mm_packs_epi16(_mm_packs_epi32(four(0), four(1)), _mm_packs_epi32(four(2), four(3)));
  return static_cast<std::uint32_t>(_mm_movemask_epi8(halves));
}

}  // namespace

std::uint32_t IdWindow::Bucket::agreeing(std::uint32_t wanted, std::uint32_t mask) const {
  const __m128i want = _mm_set1_epi32(static_cast<int>(wanted));
  const __m128i masks = _mm_set1_epi32(static_cast<int>(mask));
  return bits_of([&](int i) {
    const __m128i have = _mm_load_si128(reinterpret_cast<const __m128i*>(words.data()) + i);
    return _mm_cmpeq_epi32(_mm_and_si128(_mm_xor_si128(have, want), masks), _mm_setzero_si128());
  });
}

// Numbers have 31 bits at most, so the comparison of signed ones is one of theirs.
std::uint32_t IdWindow::Bucket::live(std::uint32_t first, std::uint32_t count, std::uint32_t number_mask) const {
  const __m128i firsts = _mm_set1_epi32(static_cast<int>(first));
  const __m128i counts = _mm_set1_epi32(static_cast<int>(count));
  const __m128i masks = _mm_set1_epi32(static_cast<int>(number_mask));
  return bits_of([&](int i) {
    const __m128i have = _mm_load_si128(reinterpret_cast<const __m128i*>(words.data()) + i);
    const __m128i since = _mm_and_si128(_mm_sub_epi32(have, firsts), masks);
    return _mm_and_si128(_mm_cmpgt_epi32(counts, since), _mm_srai_epi32(have, 31));
  });
}
#else
std::uint32_t IdWindow::Bucket::agreeing(std::uint32_t wanted, std::uint32_t mask) const {
  std::uint32_t out = 0;
  for (unsigned i = 0; i <= kBucketWords; ++i) out |= static_cast<std::uint32_t>(((words[i] ^ wanted) & mask) == 0) << i;
  return out;
}

std::uint32_t IdWindow::Bucket::live(std::uint32_t first, std::uint32_t count, std::uint32_t number_mask) const {
  std::uint32_t out = 0;
  for (unsigned i = 0; i <= kBucketWords; ++i) {
    out |= static_cast<std::uint32_t>((words[i] & kUsed) != 0 && ((words[i] - first) & number_mask) < count) << i;
  }
  return out;
}
#endif

std::uint32_t IdWindow::live_words(const Bucket& bucket) const { return bucket.live(first_, count_, number_mask_); }

IdWindow::IdWindow(std::int64_t window) : window_(std::clamp<std::int64_t>(window, 0, kMaxWindow)), first_block_ends_(kNotFull) {}

std::size_t IdWindow::buckets_for(std::size_t ids) const {
  const auto needed = static_cast<std::size_t>(static_cast<double>(ids) / (kBucketWords * kFullLoad)) + 1;
  // A few more of them fill whole huge pages: a search finds its bucket without a walk through the page tables.
  constexpr std::size_t kBucketsOfAPage = kHugePageBytes / sizeof(Bucket);
  const std::size_t whole_pages = (needed + kBucketsOfAPage - 1) / kBucketsOfAPage * kBucketsOfAPage;
  return whole_pages <= needed + needed / 2 ? whole_pages : needed;
}

// Nearly every ID is a new one whose bucket has room and has passed on none: then one look is enough.
IdWindow::Place IdWindow::find(const Hash128& id) {
  const std::size_t home = home_of(id.high);
  const Bucket& bucket = buckets_[home];
  const std::uint32_t live = live_words(bucket);
  const std::uint32_t alike = bucket.agreeing(tag_of(low_half(id.high)), ~number_mask_) & live & kAllWords;
  // Without its last bit, too: none was passed on.
  if (alike == 0 && live < kAllWords) return {home, static_cast<std::size_t>(std::countr_one(live)), false, 0};
  return find_from(home, id);
}

// A word that has outlived its entry for whole rounds of numbers names another entry, mostly of another ID. Where it is one of the same ID,
// another word stands for the newest: that one counts. (It is the one found first, since words are set where room is first; nothing rests
// on that.)
IdWindow::Place IdWindow::find_from(std::size_t home, const Hash128& id) {
  const std::uint32_t tag = tag_of(low_half(id.high));
  Place place;
  bool has_room = false;
  bool passed = true;
  std::size_t b = home;
  for (std::size_t looked_at = 0; looked_at < buckets_.size() && (passed || !(has_room || place.found)); ++looked_at) {
    const Bucket& bucket = buckets_[b];
    const std::uint32_t live = live_words(bucket);
    for (std::uint32_t left = bucket.agreeing(tag, ~number_mask_) & live & kAllWords; left != 0; left &= left - 1) {
      const auto w = static_cast<std::size_t>(std::countr_zero(left));
      const std::uint32_t number = bucket.words[w] & number_mask_;
      if (!same(entry_at(number).hash, id)) continue;
      if (!place.found || since_first(number) > since_first(place.number)) place = {b, w, true, number};
    }
    if (!has_room && !place.found && (live & kAllWords) != kAllWords) {
      has_room = true;
      place = {b, static_cast<std::size_t>(std::countr_one(live)), false, 0};
    }
    passed = passed && (live >> kBucketWords) != 0;
    if (++b == buckets_.size()) b = 0;
  }
  if (place.found || has_room) return place;
  index_again(buckets_.size());  // full of words that have outlived their entries
  return find_from(home, id);
}

// As find() of an ID that is known not to be there. The index is never full, so it has a place.
IdWindow::Place IdWindow::place_of_new(std::uint64_t hash_high) const {
  std::size_t b = home_of(hash_high);
  for (;;) {
    const std::uint32_t live = live_words(buckets_[b]) & kAllWords;
    if (live != kAllWords) return {b, static_cast<std::size_t>(std::countr_one(live)), false, 0};
    if (++b == buckets_.size()) b = 0;
  }
}

// Also where the word stood there before: its entry is another one now, and stays longer.
void IdWindow::set_word(const Place& place, const Entry& entry, std::uint32_t number) {
  buckets_[place.bucket].words[place.word] = tag_of(entry.hash[2]) | number;
  std::size_t b = home_of(hash_high(entry.hash));
  while (b != place.bucket) {
    buckets_[b].words[kBucketWords] = kUsed | number;
    if (++b == buckets_.size()) b = 0;
  }
}

std::uint32_t IdWindow::append(const Entry& entry, std::int64_t offset) {
  const std::uint32_t number = next_;
  const std::uint32_t place = number & place_mask_;
  std::unique_ptr<Block>& block = blocks_[place / kBlockEntries];
  if (!block) block = spare_ ? std::move(spare_) : std::unique_ptr<Block>(new Block);  // not make_unique: it would write zeros
  (*block)[place % kBlockEntries] = entry;
  next_ = after(number);
  if (++count_ == kBlockEntries) first_block_ends_ = offset;
  if (offset < last_offset_) unsorted_ = true;
  last_offset_ = offset;
  return number;
}

void IdWindow::put(const Place& place, const Hash128& id, std::int64_t offset) {
  const Entry entry{{low_half(id.low), high_half(id.low), low_half(id.high), high_half(id.high)},
                    static_cast<std::uint32_t>(offset - base_)};
  all_differ_ = all_differ_ && !place.found;
  set_word(place, entry, append(entry, offset));
}

bool IdWindow::check_and_record(const Hash128& id, std::int64_t offset) {
  if (window_ == 0) return false;
  if (unsorted_) rebuild();
  make_room(offset);
  const Place place = find(id);
  const std::int64_t before = place.found ? offset_of(entry_at(place.number)) : std::numeric_limits<std::int64_t>::min();
  if (before < offset) put(place, id, offset);
  return before >= offset - window_ && before < offset;
}

void IdWindow::record(const Hash128& id, std::int64_t offset) {
  if (window_ == 0 || offset < newest_ - window_) return;
  make_room(offset);
  const Place place = find(id);
  if (!place.found || offset_of(entry_at(place.number)) < offset) put(place, id, offset);
}

// Its words stay where they are: their numbers are none of the ring's any more.
void IdWindow::drop_first_block() {
  spare_ = std::move(blocks_[(first_ & place_mask_) / kBlockEntries]);
  first_ = after(first_, kBlockEntries);
  count_ -= kBlockEntries;
  first_block_ends_ = count_ >= kBlockEntries ? offset_of(entry_at(after(first_, kBlockEntries - 1))) : kNotFull;
}

// Entries have distinct offsets in the window, and the newest one besides; the first and the last block may be neither full nor needed.
void IdWindow::make_ring(std::uint64_t entries) {
  const std::uint64_t places = std::bit_ceil(entries + 3 * kBlockEntries);
  const int bits = std::min(std::countr_zero(places) + std::countr_zero(static_cast<unsigned>(kRounds)), kMostNumberBits);
  place_mask_ = static_cast<std::uint32_t>(places - 1);
  number_mask_ = (1U << static_cast<unsigned>(bits)) - 1;
  blocks_.clear();
  blocks_.resize(places / kBlockEntries);
  first_ = next_ = count_ = 0;
  first_block_ends_ = kNotFull;
  last_offset_ = -1;
}

void IdWindow::start(std::int64_t offset) {
  base_ = std::max<std::int64_t>(0, offset - window_);
  make_ring(static_cast<std::uint64_t>(window_));
  index_again(kFirstBuckets);
}

// After it there is a place for one more, and `offset` fits the 32 bits. One block goes at a call at most, also where a gap in the offsets
// let many expire at once: a call brings one entry.
void IdWindow::make_room(std::int64_t offset) {
  newest_ = std::max(newest_, offset);
  if (blocks_.empty()) start(offset);
  if (first_block_ends_ < newest_ - window_ && !unsorted_) drop_first_block();
  if (offset < base_ || offset - base_ > kMaxRelative || count_ + kBlockEntries > place_mask_) rebuild();
  if (count_ < most_used_) return;
  // The last step is to a full window's size; only a store that gave too many IDs goes past it.
  const std::size_t full = buckets_for(most_entries());
  std::size_t wanted = full;
  while (wanted / 2 > buckets_.size()) wanted /= 2;
  index_again(wanted > buckets_.size() ? wanted : buckets_.size() * 2);
}

// Every entry of the ring gets its word anew, in order: the last occurrence of an ID counts.
void IdWindow::index_again(std::size_t bucket_count) {
  buckets_ = decltype(buckets_)();  // first: never two of them
  buckets_.resize(bucket_count);
  most_used_ = static_cast<std::size_t>(static_cast<double>(bucket_count * kBucketWords) * kFullLoad);
  const auto fetch = [&](std::uint32_t i) {
    if (i < count_) prefetch_write(&buckets_[home_of(hash_high(entry_at(after(first_, i)).hash))]);
  };
  for (std::uint32_t i = 0; i < kAhead; ++i) fetch(i);
  for (std::uint32_t i = 0; i < count_; ++i) {
    fetch(i + kAhead);
    const std::uint32_t number = after(first_, i);
    const Entry& entry = entry_at(number);
    const Hash128 id{hash_high(entry.hash), entry.hash[0] | (static_cast<std::uint64_t>(entry.hash[1]) << 32)};
    set_word(all_differ_ ? place_of_new(id.high) : find(id), entry, number);
  }
}

// The ring in the order of offsets, without what has expired and with a base that reaches further. Seldom: after IDs were recorded out
// of order, at an offset before the base or 2^32 past it, and where a store gave more IDs than a window has offsets.
void IdWindow::rebuild() {
  const std::int64_t oldest = newest_ - window_;
  std::vector<std::pair<std::int64_t, Entry>> kept;
  kept.reserve(count_);
  for (std::uint32_t i = 0; i < count_; ++i) {
    const Entry& entry = entry_at(after(first_, i));
    if (offset_of(entry) >= oldest) kept.emplace_back(offset_of(entry), entry);
  }
  std::stable_sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  base_ = std::max<std::int64_t>(0, oldest);
  unsorted_ = false;
  // Twice: the next one too many must not come at once.
  const auto whole = static_cast<std::size_t>(window_);
  make_ring(kept.size() > whole ? 2 * kept.size() : whole);
  for (auto& [offset, entry] : kept) {
    entry.relative = static_cast<std::uint32_t>(offset - base_);
    append(entry, offset);
  }
  index_again(std::max(buckets_.size(), buckets_for(kept.size())));
}

void IdWindow::reserve(std::size_t count) {
  if (window_ == 0 || count == 0) return;
  if (blocks_.empty()) start(0);
  const std::size_t wanted = buckets_for(std::min(count_ + count, most_entries()));
  if (wanted > buckets_.size()) index_again(wanted);
}

void IdWindow::clear() { *this = IdWindow(window_); }

std::size_t IdWindow::size_bytes() const {
  const auto blocks = static_cast<std::size_t>(std::count_if(blocks_.begin(), blocks_.end(), [](const auto& b) { return b != nullptr; }));
  return (blocks + (spare_ ? 1U : 0U)) * sizeof(Block) + blocks_.capacity() * sizeof(blocks_[0]) + buckets_.capacity() * sizeof(Bucket);
}

}  // namespace foldline
