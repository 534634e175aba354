// Text to tokens (CEL's lexis: https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax).
//
//   auto tokens = tokenize("a + 1", arena);   // name, symbol, integer, end
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/expr/expr.h"
#include "common/value.h"

namespace foldline::expr {

enum class TokenKind : std::uint8_t {
  end,
  name,
  quoted_name,  // `any text`: only as a field, a.`order-id`
  integer,      // value: an integer; or a decimal when it needs more than 64 bits
  decimal,      // value
  text,         // value: escapes resolved, in the arena
  symbol,       // text: ( ) [ ] { } . .? [? ? : , + - * / % ! && || == != < <= > >=
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::size_t position = 0;
  std::size_t end = 0;
  std::string_view text;
  Value value;
};

// The last token is always `end`. Literals' text lives in `arena`.
Checked<std::vector<Token>> tokenize(std::string_view text, Arena& arena);

}  // namespace foldline::expr
