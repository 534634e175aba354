// Asks for a cache line ahead of its use. For every prefetch of ours: GCC 12 takes a function that does nothing but prefetch for one
// without effect, and where it does not inline it, it leaves the call out, and nothing tells (docs/decisions/0022-id-window.md). The empty
// asm is an effect that it knows of and that costs nothing. deploy/checks/rooms sees to it that no `__builtin_prefetch` stands elsewhere.
//
//   prefetch_read(&buckets[home]);
//   prefetch_write(next);            // it will be written: the line comes for this core alone
#pragma once

namespace foldline {

// The address need not be valid: a prefetch faults never.
inline void prefetch_read(const void* address) {
  __builtin_prefetch(address, 0);
  asm volatile("");
}

inline void prefetch_write(const void* address) {
  __builtin_prefetch(address, 1);
  asm volatile("");
}

}  // namespace foldline
