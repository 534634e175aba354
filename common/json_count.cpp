// Counting a JSON array's elements: 64 bytes at a time as bit masks, after the first stage of Langdale and Lemire, "Parsing Gigabytes
// of JSON per Second" (2019). `size(data.items)` runs on most events, so it must not cost what decoding them costs.
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "common/json.h"

namespace foldline {
namespace {

constexpr std::size_t kBlock = 64;

// A bit per byte of a block.
struct Masks {
  std::uint64_t quote = 0;
  std::uint64_t backslash = 0;
  std::uint64_t open = 0;   // [ {
  std::uint64_t close = 0;  // ] }
  std::uint64_t comma = 0;
};

// [ and { (and ] and }) differ in one bit, 0x20, and no other byte falls together with them under it.
constexpr char kCaseBit = 0x20;

#if defined(__SSE2__)

Masks masks_of(const char* block) {
  Masks out;
  const __m128i case_bit = _mm_set1_epi8(kCaseBit);
  for (unsigned i = 0; i < kBlock; i += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + i));
    const __m128i folded = _mm_or_si128(bytes, case_bit);
    const auto bits = [i](__m128i in, char c) {
      const auto found = static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(in, _mm_set1_epi8(c))));
      return static_cast<std::uint64_t>(found) << i;
    };
    out.quote |= bits(bytes, '"');
    out.backslash |= bits(bytes, '\\');
    out.comma |= bits(bytes, ',');
    out.open |= bits(folded, '{');
    out.close |= bits(folded, '}');
  }
  return out;
}

#else

Masks masks_of(const char* block) {
  Masks out;
  for (unsigned i = 0; i < kBlock; ++i) {
    const char c = block[i];
    const char folded = static_cast<char>(c | kCaseBit);
    const auto bit = [i](bool set) { return static_cast<std::uint64_t>(set) << i; };
    out.quote |= bit(c == '"');
    out.backslash |= bit(c == '\\');
    out.comma |= bit(c == ',');
    out.open |= bit(folded == '{');
    out.close |= bit(folded == '}');
  }
  return out;
}

#endif

// The bytes that a backslash makes literal. `carry`: the last byte of the block before was such a backslash.
std::uint64_t escaped_by(std::uint64_t backslash, bool& carry) {
  std::uint64_t escaped = carry ? 1 : 0;
  carry = false;
  for (; backslash != 0; backslash &= backslash - 1) {
    const int at = std::countr_zero(backslash);
    if ((escaped >> at & 1) != 0) continue;
    if (at == 63) {
      carry = true;
    } else {
      escaped |= std::uint64_t{2} << at;
    }
  }
  return escaped;
}

// Bit i: the number of quotes up to and with byte i is odd, that is, byte i stands inside a string.
std::uint64_t prefix_xor(std::uint64_t bits) {
  for (unsigned shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

class Counter {
 public:
  // true: the outermost list or map has ended.
  bool block(const char* bytes) {
    const Masks masks = masks_of(bytes);
    std::uint64_t quote = masks.quote;
    if (masks.backslash != 0 || escape_carry_) quote &= ~escaped_by(masks.backslash, escape_carry_);
    const std::uint64_t inside = prefix_xor(quote) ^ (in_string_ ? ~std::uint64_t{0} : 0);
    in_string_ = (inside >> 63) != 0;
    for (std::uint64_t left = (masks.open | masks.close | masks.comma) & ~inside; left != 0; left &= left - 1) {
      const std::uint64_t bit = left & (~left + 1);
      if ((masks.comma & bit) != 0) {
        commas_ += depth_ == 1 ? 1U : 0U;
      } else if ((masks.open & bit) != 0) {
        ++depth_;
      } else if (--depth_ == 0) {
        return true;
      }
    }
    return false;
  }

  [[nodiscard]] std::size_t commas() const { return commas_; }

 private:
  std::size_t depth_ = 0;
  std::size_t commas_ = 0;
  bool in_string_ = false;
  bool escape_carry_ = false;
};

}  // namespace

std::optional<std::size_t> count_json_elements(std::string_view text) {
  while (!text.empty() && is_json_space(text.front())) text.remove_prefix(1);
  if (text.empty() || (text[0] != '[' && text[0] != '{')) return std::nullopt;
  std::size_t first = 1;
  while (first < text.size() && is_json_space(text[first])) ++first;
  if (first < text.size() && (text[first] == ']' || text[first] == '}')) return 0;
  Counter counter;
  std::size_t at = 0;
  for (; at + kBlock <= text.size(); at += kBlock) {
    if (counter.block(text.data() + at)) return counter.commas() + 1;
  }
  std::array<char, kBlock> tail{};
  std::memcpy(tail.data(), text.data() + at, text.size() - at);
  if (counter.block(tail.data())) return counter.commas() + 1;
  return std::nullopt;
}

}  // namespace foldline
