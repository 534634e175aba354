#include "engine/id_chunk.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "engine/id_window.h"

namespace foldline {

namespace {

void store_big_endian(char* to, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) {
    to[i] = static_cast<char>(value & 0xffU);
    value >>= 8U;
  }
}

}  // namespace

void IdPacker::add(const Hash128& id, std::int64_t offset, bool store_letter) {
  if (count_ == 0) {
    bytes_.resize(id_chunk_detail::kHeaderBytes);
    store_big_endian(bytes_.data(), static_cast<std::uint64_t>(offset), 8);
    first_offset_ = last_offset_ = offset;
  }
  char entry[16 + 10];
  store_big_endian(entry, id.high, 8);
  store_big_endian(entry + 8, id.low, 8);
  std::size_t size = 16;
  auto delta = 2 * static_cast<std::uint64_t>(offset - last_offset_) + (store_letter ? 1U : 0U);
  while (delta >= 0x80U) {
    entry[size++] = static_cast<char>((delta & 0x7fU) | 0x80U);
    delta >>= 7U;
  }
  entry[size++] = static_cast<char>(delta);
  bytes_.append(entry, size);
  last_offset_ = offset;
  store_big_endian(bytes_.data() + 8, ++count_, 4);
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
