// Memory for tables that are read at random: on Linux in pages of 2 MiB where the system gives them
// (/sys/kernel/mm/transparent_hugepage/enabled: madvise or always), so that a look-up needs no walk through the page tables.
//
//   std::vector<Bucket, HugePageAllocator<Bucket>> table(n);
//
// Less than kHugePageBytes is allocated as usual. What is larger is mapped by itself, aligned, and given back when it is freed; the pages
// come at the first touch, so a table whose size is a multiple of kHugePageBytes takes no more than that. Throws std::bad_alloc.
#pragma once

#include <cstddef>
#include <new>

namespace foldline {

inline constexpr std::size_t kHugePageBytes = std::size_t{2} * 1024 * 1024;

void* allocate_huge_pages(std::size_t size_bytes);
void free_huge_pages(void* at, std::size_t size_bytes) noexcept;

template <class T>
struct HugePageAllocator {
  using value_type = T;
  static_assert(alignof(T) <= kHugePageBytes);

  HugePageAllocator() = default;
  template <class U>
  HugePageAllocator(const HugePageAllocator<U>& /*other*/) noexcept {}  // NOLINT(google-explicit-constructor): as allocators are

  [[nodiscard]] T* allocate(std::size_t count) {
    const std::size_t size_bytes = count * sizeof(T);
    if (size_bytes >= kHugePageBytes) return static_cast<T*>(allocate_huge_pages(size_bytes));
    return static_cast<T*>(::operator new (size_bytes, std::align_val_t{alignof(T)}));
  }
  void deallocate(T* at, std::size_t count) noexcept {
    const std::size_t size_bytes = count * sizeof(T);
    if (size_bytes >= kHugePageBytes) return free_huge_pages(at, size_bytes);
    ::operator delete (at, std::align_val_t{alignof(T)});
  }
  bool operator==(const HugePageAllocator& /*other*/) const = default;
};

}  // namespace foldline
