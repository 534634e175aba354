#include "engine/id_window.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace foldline {

namespace {

// The greatest load is W live entries plus those that expired and wait for the sweep (capacity / kSweepStep at most): below 0.8.
constexpr double kFullLoad = 0.6;
constexpr std::int64_t kMaxRelative = std::numeric_limits<std::uint32_t>::max() - 1;

bool same(const std::uint32_t (&words)[4], const Hash128& id) {
  return words[0] == static_cast<std::uint32_t>(id.low) && words[1] == static_cast<std::uint32_t>(id.low >> 32) &&
         words[2] == static_cast<std::uint32_t>(id.high) && words[3] == static_cast<std::uint32_t>(id.high >> 32);
}

}  // namespace

IdWindow::IdWindow(std::int64_t window) : window_(std::clamp<std::int64_t>(window, 0, kMaxWindow)) {
  max_capacity_ = std::max(kFirstCapacity, static_cast<std::size_t>(static_cast<double>(window_) / kFullLoad) + 1);
}

Hash128 IdWindow::hash_of(const Entry& entry) {
  return {entry.hash[2] | (static_cast<std::uint64_t>(entry.hash[3]) << 32),
          entry.hash[0] | (static_cast<std::uint64_t>(entry.hash[1]) << 32)};
}

void IdWindow::allocate(std::size_t capacity) {
  entries_ = std::vector<Entry>(capacity);
  tags_ = std::vector<std::uint8_t>(capacity, kFree);
}

std::size_t IdWindow::find(const Hash128& id) const {
  const std::uint8_t tag = tag_of(id);
  const std::size_t size = tags_.size();
  std::size_t i = index_of(id);
  while (tags_[i] != kFree && (tags_[i] != tag || !same(entries_[i].hash, id))) {
    if (++i == size) i = 0;
  }
  return i;
}

void IdWindow::put(std::size_t index, const Hash128& id, std::int64_t offset) {
  Entry& entry = entries_[index];
  if (tags_[index] == kFree) {
    tags_[index] = tag_of(id);
    entry.hash[0] = static_cast<std::uint32_t>(id.low);
    entry.hash[1] = static_cast<std::uint32_t>(id.low >> 32);
    entry.hash[2] = static_cast<std::uint32_t>(id.high);
    entry.hash[3] = static_cast<std::uint32_t>(id.high >> 32);
    ++used_;
  }
  entry.relative = static_cast<std::uint32_t>(offset - base_ + 1);
}

bool IdWindow::check_and_record(const Hash128& id, std::int64_t offset) {
  if (window_ == 0) return false;
  make_room(offset);
  const std::size_t i = find(id);
  const std::int64_t before = tags_[i] == kFree ? std::numeric_limits<std::int64_t>::min() : offset_of(entries_[i]);
  put(i, id, offset);
  sweep();
  return before >= offset - window_ && before < offset;
}

void IdWindow::record(const Hash128& id, std::int64_t offset) {
  if (window_ == 0 || offset < newest_ - window_) return;
  make_room(offset);
  const std::size_t i = find(id);
  if (tags_[i] == kFree || offset_of(entries_[i]) < offset) put(i, id, offset);
}

// After it there is a free entry, and `offset` fits the 32 bits.
void IdWindow::make_room(std::int64_t offset) {
  newest_ = std::max(newest_, offset);
  if (entries_.empty()) {
    base_ = std::max<std::int64_t>(0, offset - window_);
    allocate(std::min(kFirstCapacity, max_capacity_));
    return;
  }
  const std::int64_t oldest = std::max<std::int64_t>(0, newest_ - window_);
  if (offset < base_ || offset - base_ > kMaxRelative) rehash(entries_.size(), oldest);
  const std::size_t limit = entries_.size() < max_capacity_ ? entries_.size() * 3 / 5 : entries_.size() * 9 / 10;
  if (used_ < limit) return;
  // At full size the sweep keeps the load lower than the limit; only a store that gave too many IDs comes here twice.
  rehash(entries_.size() < max_capacity_ ? std::min(max_capacity_, entries_.size() * 2) : entries_.size(), oldest);
  if (used_ >= entries_.size() * 9 / 10) rehash(entries_.size() * 2, oldest);
}

void IdWindow::rehash(std::size_t capacity, std::int64_t new_base) {
  std::vector<Entry> old = std::move(entries_);
  const std::int64_t old_base = base_;
  allocate(capacity);
  base_ = new_base;
  used_ = 0;
  sweep_at_ = 0;
  for (const Entry& entry : old) {
    const std::int64_t offset = old_base + entry.relative - 1;
    if (entry.relative == 0 || offset < newest_ - window_) continue;
    const Hash128 id = hash_of(entry);
    put(find(id), id, offset);
  }
}

void IdWindow::sweep() {
  const std::int64_t oldest = newest_ - window_;
  if (oldest <= base_) return;  // every entry is at base_ or later
  for (std::size_t step = 0; step < kSweepStep; ++step) {
    if (sweep_at_ >= entries_.size()) sweep_at_ = 0;
    const Entry& entry = entries_[sweep_at_];
    if (entry.relative != 0 && offset_of(entry) < oldest) {
      erase_at(sweep_at_);  // what moved here is looked at in the next step
    } else {
      ++sweep_at_;
    }
  }
}

// Closes the gap, so that probing needs no marks for the dead.
void IdWindow::erase_at(std::size_t index) {
  const std::size_t size = entries_.size();
  std::size_t gap = index;
  std::size_t i = index;
  for (;;) {
    if (++i == size) i = 0;
    if (tags_[i] == kFree) break;
    const std::size_t home = index_of(hash_of(entries_[i]));
    // It may move to the gap unless its home lies cyclically behind the gap.
    const std::size_t from_home_to_gap = gap >= home ? gap - home : gap + size - home;
    const std::size_t from_home_to_here = i >= home ? i - home : i + size - home;
    if (from_home_to_gap <= from_home_to_here) {
      entries_[gap] = entries_[i];
      tags_[gap] = tags_[i];
      gap = i;
    }
  }
  entries_[gap].relative = 0;
  tags_[gap] = kFree;
  --used_;
}

void IdWindow::reserve(std::size_t count) {
  if (window_ == 0 || count == 0) return;
  const std::size_t wanted = std::min(max_capacity_, static_cast<std::size_t>(static_cast<double>(used_ + count) / kFullLoad) + 1);
  if (wanted <= entries_.size()) return;
  if (entries_.empty()) {
    allocate(std::max(wanted, std::min(kFirstCapacity, max_capacity_)));
    return;
  }
  rehash(wanted, std::max<std::int64_t>(0, newest_ - window_));
}

void IdWindow::clear() {
  allocate(0);
  used_ = 0;
  sweep_at_ = 0;
  base_ = 0;
  newest_ = -1;
}

}  // namespace foldline
