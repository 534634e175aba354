// UTF-8 by code points: CEL's size() and indexes count those, not bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace foldline::expr {

inline bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

inline std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += is_continuation(c) ? 0U : 1U;
  return count;
}

// The byte where code point number `index` starts; the text's length when there are fewer.
std::size_t byte_of_code_point(std::string_view text, std::size_t index);
void append_utf8(std::string& out, std::uint32_t code_point);
bool is_valid_utf8(std::string_view text);

}  // namespace foldline::expr
