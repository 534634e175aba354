// The name of a row's key or index: text in which `{part}` stands for a part of the view's key.
//
//   Result<KeyTemplate> t = KeyTemplate::parse("orders:{day}:count", {"day"}, -1);   // pieces {"orders:", 0}, tail ":count"
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace foldline::config {

struct KeyTemplate {
  struct Piece {
    std::string literal;   // before the part
    std::size_t part = 0;  // index among the key's parts
  };
  std::vector<Piece> pieces;
  std::string tail;

  // With `*` for each part: "orders:*:count".
  [[nodiscard]] std::string pattern() const;

  // `outside`: the index of the part that is not in the name (`member` of a set or sorted set); -1: none. Errors (code config): a part
  // that is missing, unknown or named twice; braces that don't match.
  static Result<KeyTemplate> parse(std::string_view text, const std::vector<std::string>& parts, int outside);
};

}  // namespace foldline::config
