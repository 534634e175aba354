#include "sinks/dead_letter/reason.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace foldline {

namespace {

// Words after which a store names something of its schema in quotes.
constexpr std::array<std::string_view, 8> kNamed = {"column ", "constraint ", "relation ", "table ", "type ", "field ", "view ", "index "};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// The position behind the closing quote, or behind the message when it was cut before.
std::size_t end_of_quoted(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return std::min(at + 1, text.size());
}

bool names_something(std::string_view before) {
  return std::any_of(kNamed.begin(), kNamed.end(), [&](std::string_view word) { return before.ends_with(word); });
}

}  // namespace

std::string letter_reason(const Error& error) {
  if (error.code == ErrorCode::rejected) return error.message;
  const std::string_view text = error.message;
  std::string out;
  for (std::size_t at = 0; at < text.size() && out.size() <= kMaxReasonBytes;) {
    if (text[at] == '"') {
      const std::size_t end = end_of_quoted(text, at);
      out += names_something(text.substr(0, at)) ? text.substr(at, end - at) : std::string_view("…");
      at = end;
    } else if (is_digit(text[at]) && (at == 0 || !is_word(text[at - 1]))) {
      while (at < text.size() && (is_digit(text[at]) || text[at] == '.')) ++at;
      out += 'N';
    } else {
      out += text[at++];
    }
  }
  if (out.size() > kMaxReasonBytes) {  // not in the middle of a character
    std::size_t end = kMaxReasonBytes;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0U) == 0x80U) --end;
    out.resize(end);
  }
  return out.empty() ? std::string(to_string(error.code)) : out;
}

}  // namespace foldline
