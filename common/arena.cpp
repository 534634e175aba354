#include "common/arena.h"

#include <algorithm>

namespace foldline {

void Arena::next_chunk(std::size_t at_least_bytes) {
  if (!chunks_.empty()) ++current_;
  while (current_ < chunks_.size() && chunks_[current_].size_bytes < at_least_bytes) ++current_;
  if (current_ >= chunks_.size()) {
    const std::size_t size_bytes = std::max(kChunkBytes, at_least_bytes);
    // Not make_unique: it would zero the chunk, which is what an arena is there to avoid.
    chunks_.push_back({std::unique_ptr<char[]>(new char[size_bytes + kReadableBeyond]), size_bytes});
    current_ = chunks_.size() - 1;
  }
  used_ = 0;
}

void Arena::reset() {
  std::size_t kept_bytes = 0;
  std::size_t keep = 0;
  while (keep < chunks_.size() && kept_bytes + chunks_[keep].size_bytes <= kKeepBytes) {
    kept_bytes += chunks_[keep].size_bytes;
    ++keep;
  }
  chunks_.resize(keep);
  current_ = 0;
  used_ = 0;
  total_bytes_ = 0;
}

}  // namespace foldline
