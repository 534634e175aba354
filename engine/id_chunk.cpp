#include "engine/id_chunk.h"

#include <fmt/format.h>

namespace foldline {

namespace {

void store_big_endian(char* to, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) {
    to[i] = static_cast<char>(value & 0xffU);
    value >>= 8U;
  }
}

}  // namespace

void IdPacker::add(const Hash128& id, std::int64_t offset) {
  if (count_ == 0) {
    bytes_.resize(id_chunk_detail::kHeaderBytes);
    store_big_endian(bytes_.data(), static_cast<std::uint64_t>(offset), 8);
    first_offset_ = last_offset_ = offset;
  }
  char entry[16 + 10];
  store_big_endian(entry, id.high, 8);
  store_big_endian(entry + 8, id.low, 8);
  std::size_t size = 16;
  auto delta = static_cast<std::uint64_t>(offset - last_offset_);
  while (delta >= 0x80U) {
    entry[size++] = static_cast<char>((delta & 0x7fU) | 0x80U);
    delta >>= 7U;
  }
  entry[size++] = static_cast<char>(delta);
  bytes_.append(entry, size);
  last_offset_ = offset;
  store_big_endian(bytes_.data() + 8, ++count_, 4);
}

Error id_chunk_detail::damaged(std::size_t at, std::size_t size_bytes) {
  return {ErrorCode::internal, fmt::format("a chunk of processed IDs is damaged at byte {} of {}", at, size_bytes),
          "the store's processed IDs were changed from outside; restore them, or rebuild the projection", false};
}

}  // namespace foldline
