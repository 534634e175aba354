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
  // Bytes that would go on with the record, another part of them each time: nothing that is read may depend on them.
  explicit Padded(std::string_view text) : Padded(text, beyond()) {}
  Padded(std::string_view text, std::string_view beyond) : size_(text.size()), bytes_(new char[text.size() + kRecordPaddingBytes]) {
    if (!text.empty()) std::memcpy(bytes_.get(), text.data(), size_);
    for (std::size_t i = 0; i < kRecordPaddingBytes; ++i) bytes_[size_ + i] = beyond[i % beyond.size()];
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  static std::string_view beyond() {
    static std::size_t turn = 0;
    constexpr std::string_view kBeyond = "\"}]5,0.1e\\ {[:\"true\"}";
    return kBeyond.substr(turn++ % kBeyond.size());
  }

  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

}  // namespace foldline
