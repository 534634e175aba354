// JSON text to Value and back. Numbers are exact: an integer when it fits in 64 bits, else a Decimal, never a double.
//
//   Result<Value> v = parse_json(R"({"total": 29.99})", arena);   // a map
//   std::string out;  append_json(out, *v);                       // {"total":29.99}
//
// Thread-safe. Nothing answered points into the caller's text: it is copied into the arena first (the parser reads past the end).
// Format: RFC 8259.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"

namespace foldline {

inline constexpr std::size_t kMaxJsonDepth = 256;        // nesting of lists and maps
inline constexpr std::size_t kMaxJsonBytes = 256 << 20;  // length of one text

// Errors: code `decode`, with what is wrong.
Result<Value> parse_json(std::string_view text, Arena& arena);

// Decimals plain, timestamps and dates as RFC 3339 text, intervals as ISO 8601 text, UUIDs as text, bytes as base64, raw JSON as it is.
// An absent entry of a map is left out; absent anywhere else, and a double that is no number, is null.
void append_json(std::string& out, const Value& v);
void append_json_string(std::string& out, std::string_view text);  // with its quotes

// The number of elements of a JSON array, or of entries of an object, without building them; nullopt: the text is neither.
// Trusts that the text is well formed (the decoder has walked over it).
std::optional<std::size_t> count_json_elements(std::string_view text);

// Blanks between tokens (RFC 8259, section 2). A NUL is none.
constexpr bool is_json_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
std::string_view trim_json(std::string_view text);

// RFC 4648, section 4, with padding.
std::string base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);  // nullopt: not that; blanks, lines and other alphabets are not

}  // namespace foldline
