#include "common/expr/lexer.h"

#include <array>
#include <charconv>

#include "common/expr/utf8.h"

namespace foldline::expr {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_part(char c) { return is_name_start(c) || is_digit(c); }

// The longest first.
constexpr std::array<std::string_view, 26> kSymbols{"&&", "||", "==", "!=", "<=", ">=", ".?", "[?", "(", ")", "[", "]", "{",
                                                    "}",  ".",  ",",  "?",  ":",  "+",  "-",  "*",  "/", "%", "!", "<", ">"};

class Lexer {
 public:
  Lexer(std::string_view text, Arena& arena) : text_(text), arena_(arena) {}

  Checked<std::vector<Token>> run() {
    std::vector<Token> out;
    while (true) {
      skip_blanks();
      Token token;
      token.position = at_;
      if (at_ < text_.size() && !next(token)) return tl::unexpected<Problem>(std::move(problem_));
      token.end = at_;
      token.text = text_.substr(token.position, token.end - token.position);
      out.push_back(token);
      if (token.kind == TokenKind::end) return out;
    }
  }

 private:
  [[nodiscard]] char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  bool fail(std::size_t position, std::string message, std::string hint = {}) {
    problem_ = {position, std::move(message), std::move(hint)};
    return false;
  }

  void skip_blanks() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
        ++at_;
      } else if (c == '/' && peek(1) == '/') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else {
        return;
      }
    }
  }

  bool next(Token& token) {
    const char c = peek();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number(token);
    if (c == '"' || c == '\'') return text(token, false);
    if (is_name_start(c)) return name_or_prefixed_text(token);
    if (c == '`') return quoted_name(token);
    for (const std::string_view symbol : kSymbols) {
      if (text_.substr(at_).starts_with(symbol)) {
        token.kind = TokenKind::symbol;
        at_ += symbol.size();
        return true;
      }
    }
    return unexpected_character(c);
  }

  bool unexpected_character(char c) {
    if (c == '=') return fail(at_, "a single = is no operator", "comparison is ==");
    if (c == '&' || c == '|') return fail(at_, std::string("a single ") + c + " is no operator", "logical operators are && and ||");
    if (static_cast<unsigned char>(c) >= 0x80)
      return fail(at_, "a character that is no part of the language", "text stands in quotes: 'Zürich'");
    return fail(at_, std::string("unexpected character ") + c);
  }

  bool name_or_prefixed_text(Token& token) {
    // r'…', b'…' and both: a prefix, not a name.
    std::size_t prefix = 0;
    bool raw = false;
    bool bytes = false;
    while (prefix < 2 && (peek(prefix) == 'r' || peek(prefix) == 'R' || peek(prefix) == 'b' || peek(prefix) == 'B')) {
      (peek(prefix) == 'r' || peek(prefix) == 'R' ? raw : bytes) = true;
      ++prefix;
    }
    if (prefix > 0 && (peek(prefix) == '"' || peek(prefix) == '\'')) {
      if (bytes) return fail(at_, "bytes literals are not built yet", "bytes('…') makes bytes of text");
      at_ += prefix;
      return text(token, raw);
    }
    while (is_name_part(peek())) ++at_;
    token.kind = TokenKind::name;
    return true;
  }

  bool quoted_name(Token& token) {
    const std::size_t close = text_.find('`', at_ + 1);
    if (close == std::string_view::npos || close == at_ + 1) return fail(at_, "a field name in ` that does not end");
    token.kind = TokenKind::quoted_name;
    token.value = Value::text(arena_.copy(text_.substr(at_ + 1, close - at_ - 1)));
    at_ = close + 1;
    return true;
  }

  bool number(Token& token) {
    const std::size_t start = at_;
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X')) return hexadecimal(token);
    bool is_decimal = false;
    while (is_digit(peek())) ++at_;
    if (peek() == '.' && is_digit(peek(1))) {
      is_decimal = true;
      ++at_;
      while (is_digit(peek())) ++at_;
    }
    if (peek() == 'e' || peek() == 'E') {
      const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
      if (is_digit(peek(1 + sign))) {
        is_decimal = true;
        at_ += 1 + sign;
        while (is_digit(peek())) ++at_;
      }
    }
    if (peek() == 'u' || peek() == 'U') return fail(start, "unsigned integers are not part of the language", "leave out the u");
    if (is_name_part(peek())) return fail(start, "a number that runs into a name");
    std::string digits(text_.substr(start, at_ - start));
    if (digits[0] == '.') digits.insert(0, 1, '0');
    return number_value(token, start, digits, is_decimal);
  }

  bool number_value(Token& token, std::size_t start, std::string_view digits, bool is_decimal) {
    while (digits.size() > 1 && digits[0] == '0' && is_digit(digits[1])) digits.remove_prefix(1);
    token.kind = is_decimal ? TokenKind::decimal : TokenKind::integer;
    if (!is_decimal) {
      if (const auto whole = parse_int64(digits)) {
        token.value = Value::integer(*whole);
        return true;
      }
    }
    const auto decimal = Decimal::parse(digits);
    if (!decimal) return fail(start, decimal.error().message, decimal.error().hint);
    token.value = Value::decimal(*decimal);
    return true;
  }

  bool hexadecimal(Token& token) {
    const std::size_t start = at_;
    at_ += 2;
    const std::size_t first = at_;
    while (is_hex(peek())) ++at_;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data() + first, text_.data() + at_, value, 16);
    if (first == at_ || error != std::errc{} || is_name_part(peek())) return fail(start, "not a hexadecimal number of 64 bits");
    static_cast<void>(end);
    token.kind = TokenKind::integer;
    token.value = Value::integer(value);
    return true;
  }

  bool text(Token& token, bool raw) {
    const std::size_t start = at_;
    const char quote = peek();
    const bool triple = peek(1) == quote && peek(2) == quote;
    const std::size_t quotes = triple ? 3 : 1;
    at_ += quotes;
    std::string out;
    while (true) {
      if (at_ >= text_.size() || (!triple && (peek() == '\n' || peek() == '\r')))
        return fail(start, "text that does not end", std::string("close it with ") + quote);
      if (peek() == quote && (!triple || (peek(1) == quote && peek(2) == quote))) break;
      if (peek() == '\\' && !raw) {
        if (!escape(out)) return false;
      } else {
        out += text_[at_++];
      }
    }
    at_ += quotes;
    if (!is_valid_utf8(out)) return fail(start, "text that is not UTF-8");
    token.kind = TokenKind::text;
    token.value = Value::text(arena_.copy(out));
    return true;
  }

  bool escape(std::string& out) {
    const std::size_t start = at_++;
    const char c = peek();
    ++at_;
    switch (c) {
      case 'a': out += '\a'; return true;
      case 'b': out += '\b'; return true;
      case 'f': out += '\f'; return true;
      case 'n': out += '\n'; return true;
      case 'r': out += '\r'; return true;
      case 't': out += '\t'; return true;
      case 'v': out += '\v'; return true;
      case '\\':
      case '\'':
      case '"':
      case '`':
      case '?': out += c; return true;
      case 'x':
      case 'X': return code_point(out, start, 2, 16);
      case 'u': return code_point(out, start, 4, 16);
      case 'U': return code_point(out, start, 8, 16);
      case '0':
      case '1':
      case '2':
      case '3': --at_; return code_point(out, start, 3, 8);
      default: return fail(start, "unknown escape", "\\n \\t \\\\ \\' \\\" \\u00e4, or a raw text: r'…'");
    }
  }

  bool code_point(std::string& out, std::size_t start, std::size_t digits, int base) {
    std::uint32_t value = 0;
    const std::size_t end = std::min(at_ + digits, text_.size());
    const auto [stop, error] = std::from_chars(text_.data() + at_, text_.data() + end, value, base);
    if (error != std::errc{} || stop != text_.data() + at_ + digits) return fail(start, "an escape with too few digits");
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return fail(start, "an escape that is no Unicode character");
    append_utf8(out, value);
    at_ += digits;
    return true;
  }

  std::string_view text_;
  Arena& arena_;
  std::size_t at_ = 0;
  Problem problem_;
};

}  // namespace

Checked<std::vector<Token>> tokenize(std::string_view text, Arena& arena) { return Lexer(text, arena).run(); }

}  // namespace foldline::expr
