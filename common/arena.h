// A bump allocator that owns everything a batch points into: record bytes, keys, values, folded rows.
//
//   Arena arena;
//   std::string_view kept = arena.copy(record_bytes);   // lives until reset()
//
// Not thread-safe; an arena belongs to one batch, and a batch to one thread at a time. reset() keeps the first
// chunks (up to kKeepBytes) so that a steady stream allocates nothing.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

namespace foldline {

class Arena {
 public:
  static constexpr std::size_t kChunkBytes = 256 * 1024;
  static constexpr std::size_t kKeepBytes = 32 * 1024 * 1024;
  static constexpr std::size_t kReadableBeyond = 64;  // behind the end of everything handed out; what stands there is anything

  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  Arena(Arena&&) = default;
  Arena& operator=(Arena&&) = default;

  void* allocate(std::size_t size_bytes, std::size_t align = alignof(std::max_align_t)) {
    std::size_t start = (used_ + align - 1) & ~(align - 1);
    if (current_ >= chunks_.size() || start + size_bytes > chunks_[current_].size_bytes) {
      next_chunk(size_bytes + align);
      start = (reinterpret_cast<std::size_t>(chunks_[current_].data.get()) & (align - 1)) == 0 ? 0 : align;
    }
    used_ = start + size_bytes;
    total_bytes_ += size_bytes;
    return chunks_[current_].data.get() + start;
  }

  // Uninitialised storage for `count` objects; their destructors never run.
  template <class T>
  T* array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(allocate(count * sizeof(T), alignof(T)));
  }

  // A copy followed by `padding_bytes` zero bytes (simdjson reads past the end of its input).
  std::string_view copy(std::string_view bytes, std::size_t padding_bytes = 0) {
    char* to = static_cast<char*>(allocate(bytes.size() + padding_bytes, 1));
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
    if (padding_bytes != 0) std::memset(to + bytes.size(), 0, padding_bytes);
    return {to, bytes.size()};
  }

  // Everything handed out becomes invalid.
  void reset();

  // Bytes handed out since the last reset: what the batch's byte limit is held against.
  [[nodiscard]] std::size_t size_bytes() const { return total_bytes_; }

 private:
  struct Chunk {
    std::unique_ptr<char[]> data;
    std::size_t size_bytes = 0;
  };
  void next_chunk(std::size_t at_least_bytes);

  std::vector<Chunk> chunks_;
  std::size_t current_ = 0;
  std::size_t used_ = 0;
  std::size_t total_bytes_ = 0;
};

}  // namespace foldline
