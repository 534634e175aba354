// How long a part of a row's key can be as text, without writing it: what is far below a store's limit needs no more than this.
//
//   if (kMostOfAnEscape * most_key_bytes(part) <= kMaxIdBytes) ...   // every byte of it may be escaped (%3A), and it fits
//
// Holds for every text that a sink makes of a part before it escapes it: the text itself, base64 of bytes, decimal digits, RFC 3339.
#pragma once

#include <cstddef>

#include "common/value.h"

namespace foldline::rows {

inline constexpr std::size_t kUnknownKeyBytes = std::size_t{1} << 40U;  // past any limit, and thousands of them still add up

inline constexpr std::size_t kMostOfAnEscape = 3;  // %3A for a byte

inline std::size_t most_key_bytes(const Value& part) {
  constexpr std::size_t kMostOfAScalar = 40;  // a UUID has 36
  switch (part.kind()) {
    case Kind::text:
    case Kind::json: return part.as_text().size();
    case Kind::bytes: return (part.as_text().size() + 2) / 3 * 4;
    case Kind::boolean:
    case Kind::integer:
    case Kind::timestamp:
    case Kind::date:
    case Kind::uuid: return kMostOfAScalar;
    default: return kUnknownKeyBytes;
  }
}

}  // namespace foldline::rows
