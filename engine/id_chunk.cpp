#include "engine/id_chunk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/big_endian.h"
#include "engine/id_window.h"

namespace foldline {

namespace {

constexpr std::size_t kHashBytes = 16;
constexpr std::size_t kMostDeltaBytes = 10;
constexpr std::size_t kFirstBytes = 1024;

}  // namespace

void IdPacker::add(const Hash128& id, std::int64_t offset, bool store_letter) {
  constexpr std::size_t kMostBytes = id_chunk_detail::kHeaderBytes + kHashBytes + kMostDeltaBytes;
  if (bytes_.size() - size_ < kMostBytes) bytes_.resize(std::max(kFirstBytes, 2 * bytes_.size()));
  if (count_ == 0) {
    store_big_endian(bytes_.data(), static_cast<std::uint64_t>(offset));
    size_ = id_chunk_detail::kHeaderBytes;
    first_offset_ = last_offset_ = offset;
  }
  char* to = bytes_.data() + size_;
  store_big_endian(to, id.high);
  store_big_endian(to + 8, id.low);
  to += kHashBytes;
  auto delta = 2 * static_cast<std::uint64_t>(offset - last_offset_) + (store_letter ? 1U : 0U);
  while (delta >= 0x80U) {
    *to++ = static_cast<char>((delta & 0x7fU) | 0x80U);
    delta >>= 7U;
  }
  *to++ = static_cast<char>(delta);
  size_ = static_cast<std::size_t>(to - bytes_.data());
  last_offset_ = offset;
  store_big_endian(bytes_.data() + 8, ++count_);
}

Result<void> load_ids(std::string_view packed, std::int64_t resume_offset, IdWindow& window, PastIds& past) {
  // A group's places in the table are fetched together: loading is nothing but cache misses.
  constexpr std::size_t kGroup = 32;
  std::array<std::pair<Hash128, std::int64_t>, kGroup> group;
  std::size_t count = 0;
  const auto flush = [&] {
    for (std::size_t i = 0; i < count; ++i) window.record(group[i].first, group[i].second);
    count = 0;
  };
  auto r = unpack_ids(packed, [&](const Hash128& id, std::int64_t offset, bool store_letter) {
    if (offset >= resume_offset) {
      past.any = true;
      if (store_letter) past.store_letters.push_back(offset);
      return;
    }
    if (id == Hash128{}) return;
    window.prefetch(id);
    group[count++] = {id, offset};
    if (count == kGroup) flush();
  });
  flush();
  return r;
}

Error id_chunk_detail::damaged(std::size_t at, std::size_t size_bytes) {
  return {ErrorCode::internal, fmt::format("a chunk of processed IDs is damaged at byte {} of {}", at, size_bytes),
          "the store's processed IDs were changed from outside; restore them, or rebuild the projection", false};
}

}  // namespace foldline
