#include "engine/huge_pages.h"

#include <sys/mman.h>

#include <cstdint>

namespace foldline {

namespace {
std::size_t whole_pages(std::size_t size_bytes) { return (size_bytes + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes; }
}  // namespace

void* allocate_huge_pages(std::size_t size_bytes) {
  // One page more than is needed holds an aligned piece; what stands around that piece goes back.
  const std::size_t wanted = whole_pages(size_bytes);
  const std::size_t mapped = wanted + kHugePageBytes;
  void* at = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) throw std::bad_alloc();
  char* begin = static_cast<char*>(at);
  const std::size_t before = (kHugePageBytes - reinterpret_cast<std::uintptr_t>(begin) % kHugePageBytes) % kHugePageBytes;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + wanted, mapped - before - wanted);
#ifdef MADV_HUGEPAGE
  madvise(begin + before, wanted, MADV_HUGEPAGE);  // refused: small pages, as elsewhere
#endif
  return begin + before;
}

void free_huge_pages(void* at, std::size_t size_bytes) noexcept { munmap(at, whole_pages(size_bytes)); }

}  // namespace foldline
