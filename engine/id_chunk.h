// The packed form in which processed IDs stand in a store (G15).
//
//   IdPacker packer;  packer.add(hash, offset);  commit.ids = packer.bytes();
//   load_ids(chunk.packed, checkpoint.next_offset, window, past);
//
// Format (Foldline's own, version 1). A chunk is one or more segments, so that a tail chunk grows by appending bytes:
//   8 bytes   offset of the segment's first ID, big-endian
//   4 bytes   number of IDs, big-endian, at least 1
//   then for each ID, in rising order of offsets:
//     16 bytes  XXH3-128 of (source, id), canonical: high word then low word, each big-endian
//     1-10      unsigned LEB128: twice the offset minus the offset before it (0 for the first), plus 1 for a letter of stage `store`
// So an ID costs 17 bytes where offsets are dense. An event without an ID only stands here when it is such a letter; its hash is 0.
//
// Why letters are marked: in a store of several parts a crash can leave some parts past an event that the store had rejected. The next
// worker must not fold it for the others (G28); what it finds at or past its resume offset tells it (see load_ids).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/big_endian.h"
#include "common/error.h"
#include "common/hash.h"

namespace foldline {

// A tail chunk that a batch's IDs would take past this size is sealed: they start a new one (a batch's IDs always stand in one chunk).
inline constexpr std::size_t kSealedChunkBytes = 8 * 1024;

// Packs one segment. After it was moved from, only clear() and the end of its life.
class IdPacker {
 public:
  void clear() {
    size_ = 0;
    count_ = 0;
  }
  void add(const Hash128& id, std::int64_t offset, bool store_letter = false);
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::int64_t first_offset() const { return first_offset_; }
  [[nodiscard]] std::int64_t last_offset() const { return last_offset_; }
  // Valid until the next add() or clear().
  [[nodiscard]] std::string_view bytes() const { return {bytes_.data(), size_}; }

 private:
  std::string bytes_;  // room; the first `size_` bytes are the segment
  std::size_t size_ = 0;
  std::uint32_t count_ = 0;
  std::int64_t first_offset_ = -1;
  std::int64_t last_offset_ = -1;
};

namespace id_chunk_detail {

inline constexpr std::size_t kHeaderBytes = 12;

inline bool read_varint(std::string_view bytes, std::size_t& at, std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64 && at < bytes.size(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes[at++]);
    value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if ((byte & 0x80U) == 0) return true;
  }
  return false;
}

Error damaged(std::size_t at, std::size_t size_bytes);

}  // namespace id_chunk_detail

// Calls `visit(const Hash128&, std::int64_t offset, bool store_letter)` for each ID. A damaged chunk is an error (code internal) that says
// where.
template <class Visit>
Result<void> unpack_ids(std::string_view packed, Visit&& visit) {
  namespace detail = id_chunk_detail;
  std::size_t at = 0;
  while (at < packed.size()) {
    if (packed.size() - at < detail::kHeaderBytes) return fail(detail::damaged(at, packed.size()));
    auto offset = load_big_endian<std::int64_t>(packed.data() + at);
    // The count is the high half of the 8 bytes that start with it; they are all there because a segment has an ID.
    if (packed.size() - at < detail::kHeaderBytes + 17) return fail(detail::damaged(at, packed.size()));
    const auto count = static_cast<std::uint32_t>(load_big_endian<std::uint64_t>(packed.data() + at + 8) >> 32);
    if (offset < 0 || count == 0) return fail(detail::damaged(at, packed.size()));
    at += detail::kHeaderBytes;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (packed.size() - at < 17) return fail(detail::damaged(at, packed.size()));
      const Hash128 id{load_big_endian<std::uint64_t>(packed.data() + at), load_big_endian<std::uint64_t>(packed.data() + at + 8)};
      at += 16;
      std::uint64_t delta = 0;
      if (!detail::read_varint(packed, at, delta) || delta / 2 > static_cast<std::uint64_t>(INT64_MAX - offset)) {
        return fail(detail::damaged(at, packed.size()));
      }
      offset += static_cast<std::int64_t>(delta / 2);
      visit(id, offset, (delta & 1U) != 0);
    }
  }
  return {};
}

class IdWindow;

// What stands at or past the resume offset: left behind by a commit that did not reach every part of the store (G15).
struct PastIds {
  bool any = false;
  std::vector<std::int64_t> store_letters;  // offsets
};

// Records the chunk's IDs in `window`, those at or past `resume_offset` left out.
Result<void> load_ids(std::string_view packed, std::int64_t resume_offset, IdWindow& window, PastIds& past);

}  // namespace foldline
