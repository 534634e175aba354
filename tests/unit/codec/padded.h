// Bytes as a batch holds them: on the heap, followed by exactly the padding that the contract promises, so that the address sanitizer
// sees a reader that goes further.
#pragma once

#include <cstring>
#include <memory>
#include <string_view>

#include "common/record.h"

namespace foldline {

class Padded {
 public:
  explicit Padded(std::string_view text) : size_(text.size()), bytes_(new char[text.size() + kRecordPaddingBytes]) {
    if (!text.empty()) std::memcpy(bytes_.get(), text.data(), size_);
    std::memset(bytes_.get() + size_, 0, kRecordPaddingBytes);
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

}  // namespace foldline
