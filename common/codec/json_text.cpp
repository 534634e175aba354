#include "common/codec/json_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "common/decimal.h"

namespace foldline::codec {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The four digits behind "\u"; -1: not four hex digits.
std::int32_t hex4(std::string_view text, std::size_t at) {
  if (at + 4 > text.size()) return -1;
  std::int32_t code = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    const int digit = hex_digit(text[i]);
    if (digit < 0) return -1;
    code = code * 16 + digit;
  }
  return code;
}

// Reads one escape; `at` stands on the backslash and is moved behind it. -1: broken.
std::int32_t read_escape(std::string_view text, std::size_t& at) {
  if (at + 1 >= text.size()) return -1;
  const char c = text[at + 1];
  at += 2;
  switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case '/': return '/';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'u': break;
    default: return -1;
  }
  const std::int32_t high = hex4(text, at);
  if (high < 0) return -1;
  at += 4;
  if (high < 0xD800 || high > 0xDFFF) return high;
  if (high > 0xDBFF || at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  const std::int32_t low = hex4(text, at + 2);
  if (low < 0xDC00 || low > 0xDFFF) return -1;
  at += 6;
  return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

char* write_utf8(char* to, std::int32_t code) {
  const auto put = [&to](std::int32_t byte) { *to++ = static_cast<char>(static_cast<unsigned char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
  return to;
}

// Moves over characters of a string that mean themselves, eight at a time: up to a quote, a backslash, a control character or the end.
std::size_t skip_plain(std::string_view text, std::size_t at) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHigh = 0x8080808080808080;
  const auto has_zero_byte = [](std::uint64_t v) { return ((v - kOnes) & ~v & kHigh) != 0; };
  while (at + sizeof(std::uint64_t) <= text.size()) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, text.data() + at, sizeof eight);
    const bool control = ((eight - kOnes * 0x20) & ~eight & kHigh) != 0;
    if (control || has_zero_byte(eight ^ (kOnes * '"')) || has_zero_byte(eight ^ (kOnes * '\\'))) break;
    at += sizeof eight;
  }
  while (at < text.size() && text[at] != '"' && text[at] != '\\' && static_cast<unsigned char>(text[at]) >= 0x20) ++at;
  return at;
}

std::size_t digits_from(std::string_view text, std::size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

// Where the number that starts at `at` ends; `at` itself: no JSON number.
std::size_t number_end(std::string_view text, std::size_t at) {
  const std::size_t start = at;
  if (at < text.size() && text[at] == '-') ++at;
  if (at >= text.size() || !is_digit(text[at])) return start;
  at = text[at] == '0' ? at + 1 : digits_from(text, at);
  if (at < text.size() && text[at] == '.') {
    const std::size_t end = digits_from(text, at + 1);
    if (end == at + 1) return start;
    at = end;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    std::size_t digits = at + 1;
    if (digits < text.size() && (text[digits] == '+' || text[digits] == '-')) ++digits;
    const std::size_t end = digits_from(text, digits);
    if (end == digits) return start;
    at = end;
  }
  return at;
}

// A checker that walks once over the text and keeps the open brackets in an array: no recursion, whatever the input.
class Checker {
 public:
  explicit Checker(std::string_view text, std::size_t max_depth = kMaxJsonDepth) : text_(text), max_depth_(max_depth) {}

  std::optional<JsonProblem> run() {
    value();
    while (!problem_ && depth_ > 0) after_value();
    skip_space();
    if (!problem_ && at_ < text_.size()) stop("something stands after the end of the value");
    return std::move(problem_);
  }

  std::size_t run_one() {
    value();
    while (!problem_ && depth_ > 0) after_value();
    return problem_ ? 0 : at_;
  }

 private:
  void stop(std::string message) {
    if (!problem_) problem_ = JsonProblem{at_, std::move(message)};
  }
  void expected(const char* what) {
    if (at_ >= text_.size()) return stop(std::string("expected ") + what + ", but the text ends");
    const auto c = static_cast<unsigned char>(text_[at_]);
    const bool printable = c > 0x20 && c < 0x7F;
    stop(std::string("expected ") + what + ", found " + (printable ? "'" + std::string(1, text_[at_]) + "'" : "byte " + std::to_string(c)));
  }
  void skip_space() {
    while (at_ < text_.size() && is_json_space(text_[at_])) ++at_;
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // A value, or the opening of one: its content follows in the next rounds.
  void value() {
    skip_space();
    if (at_ >= text_.size()) return expected("a value");
    switch (text_[at_]) {
      case '{': return open('{', '}');
      case '[': return open('[', ']');
      case '"': return string();
      case 't': return word("true");
      case 'f': return word("false");
      case 'n': return word("null");
      default: break;
    }
    const std::size_t end = number_end(text_, at_);
    if (end == at_) return expected("a value");
    at_ = end;
  }

  void open(char bracket, char closing) {
    if (depth_ == max_depth_) return stop("nested more than " + std::to_string(max_depth_) + " levels deep");
    open_[depth_++] = bracket;
    ++at_;
    skip_space();
    if (take(closing)) {
      --depth_;
      return;
    }
    if (bracket == '{') key();
    value();
  }

  void after_value() {
    skip_space();
    const char bracket = open_[depth_ - 1];
    if (take(bracket == '{' ? '}' : ']')) {
      --depth_;
      return;
    }
    if (!take(',')) return expected(bracket == '{' ? "',' or '}'" : "',' or ']'");
    if (bracket == '{') {
      skip_space();
      key();
    }
    if (!problem_) value();
  }

  void key() {
    if (at_ >= text_.size() || text_[at_] != '"') return expected("a name in quotes");
    string();
    if (problem_) return;
    skip_space();
    if (!take(':')) expected("':'");
  }

  void string() {
    const std::size_t start = at_++;
    while ((at_ = skip_plain(text_, at_)) < text_.size()) {
      if (text_[at_] == '"') {
        ++at_;
        return;
      }
      if (text_[at_] != '\\') return stop("a control character inside a string");
      const std::size_t escape = at_;
      if (read_escape(text_, at_) < 0) {
        at_ = escape;
        return stop("a broken escape inside a string (or half a surrogate pair)");
      }
    }
    at_ = start;
    stop("a string without its closing quote");
  }

  void word(std::string_view expected_word) {
    if (text_.substr(at_, expected_word.size()) != expected_word) return expected("a value");
    at_ += expected_word.size();
  }

  std::string_view text_;
  std::size_t max_depth_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::array<char, kMaxJsonDepth> open_;  // not cleared: only the first depth_ count
  std::optional<JsonProblem> problem_;
};

// The bytes of one UTF-8 sequence at `at`; 0: none. Table 3-7 of the Unicode Standard.
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(at);
  const unsigned second = byte(at + 1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(at + 1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool fits = (first != 0xE0 || second >= 0xA0) && (first != 0xED || second <= 0x9F);
    return fits && tail(at + 1) && tail(at + 2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool fits = (first != 0xF0 || second >= 0x90) && (first != 0xF4 || second <= 0x8F);
    return fits && tail(at + 1) && tail(at + 2) && tail(at + 3) ? 4 : 0;
  }
  return 0;
}

ScalarProblem read_string(std::string_view token, Value& out, Arena& arena) {
  if (token.size() < 2 || token.back() != '"') return ScalarProblem::malformed;
  const std::string_view raw = token.substr(1, token.size() - 2);
  if (raw.empty() || std::memchr(raw.data(), '\\', raw.size()) == nullptr) {
    out = Value::text(raw);
    return ScalarProblem::none;
  }
  const std::optional<std::string_view> text = unescape(raw, arena);
  if (!text) return ScalarProblem::bad_escape;
  out = Value::text(*text);
  return ScalarProblem::none;
}

// Digits only, few enough that they can't overflow: nearly every number there is.
bool read_small_integer(std::string_view token, Value& out) {
  constexpr std::size_t kSafeDigits = 18;
  const bool negative = token[0] == '-';
  const std::string_view digits = token.substr(negative ? 1 : 0);
  if (digits.empty() || digits.size() > kSafeDigits || (digits[0] == '0' && digits.size() > 1)) return false;
  std::int64_t value = 0;
  for (const char c : digits) {
    if (!is_digit(c)) return false;
    value = value * 10 + (c - '0');
  }
  out = Value::integer(negative ? -value : value);
  return true;
}

ScalarProblem read_number(std::string_view token, Value& out) {
  if (token.empty()) return ScalarProblem::malformed;
  if (read_small_integer(token, out)) return ScalarProblem::none;
  if (number_end(token, 0) != token.size()) return ScalarProblem::malformed;
  const char* const end = token.data() + token.size();
  std::int64_t whole = 0;
  if (const auto [stop, error] = std::from_chars(token.data(), end, whole); error == std::errc{} && stop == end) {
    out = Value::integer(whole);
    return ScalarProblem::none;
  }
  if (const Result<Decimal> exact = Decimal::parse(token)) {
    out = Value::decimal(*exact);
    return ScalarProblem::none;
  }
  double approximate = 0;
  const auto [stop, error] = std::from_chars(token.data(), end, approximate);
  if (error != std::errc{} || stop != end || !std::isfinite(approximate)) return ScalarProblem::out_of_range;
  out = Value::floating(approximate);
  return ScalarProblem::none;
}

}  // namespace

std::optional<JsonProblem> check_json(std::string_view text) { return Checker(text).run(); }

std::size_t json_value_size(std::string_view text, std::size_t max_depth) {
  if (text.empty() || is_json_space(text[0])) return 0;
  return Checker(text, max_depth).run_one();
}

std::optional<std::size_t> invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::nullopt;
}

bool is_utf8(std::string_view text) {
  std::uint64_t eight = 0;
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  std::uint64_t high = 0;
  if (text.size() >= sizeof eight) {
    for (std::size_t at = 0; at + sizeof eight < text.size(); at += sizeof eight) {
      std::memcpy(&eight, text.data() + at, sizeof eight);
      high |= eight;
    }
    std::memcpy(&eight, text.data() + text.size() - sizeof eight, sizeof eight);  // the last eight, some of them perhaps for a second time
    high |= eight;
  } else {
    for (const char c : text) high |= static_cast<unsigned char>(c);
  }
  return (high & kHighBits) == 0 || !invalid_utf8(text);
}

std::optional<std::string_view> unescape(std::string_view raw, Arena& arena) {
  // No escape is shorter than what it stands for, so the raw length is enough.
  char* const start = arena.array<char>(raw.size());
  char* to = start;
  for (std::size_t at = 0; at < raw.size();) {
    if (raw[at] != '\\') {
      *to++ = raw[at++];
      continue;
    }
    const std::int32_t code = read_escape(raw, at);
    if (code < 0) return std::nullopt;
    to = write_utf8(to, code);
  }
  return std::string_view(start, static_cast<std::size_t>(to - start));
}

ScalarProblem read_scalar(std::string_view token, Value& out, Arena& arena) {
  if (token.empty()) return ScalarProblem::malformed;
  switch (token[0]) {
    case '"': return read_string(token, out, arena);
    case 't': out = Value::boolean(true); return token == "true" ? ScalarProblem::none : ScalarProblem::malformed;
    case 'f': out = Value::boolean(false); return token == "false" ? ScalarProblem::none : ScalarProblem::malformed;
    case 'n': out = Value::null(); return token == "null" ? ScalarProblem::none : ScalarProblem::malformed;
    default: return read_number(token, out);
  }
}

}  // namespace foldline::codec
