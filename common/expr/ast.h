// The syntax of an expression, before names and types mean anything.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/arena.h"
#include "common/expr/expr.h"
#include "common/value.h"

namespace foldline::expr {

enum class AstKind : std::uint8_t {
  literal,      // value
  name,         // name
  select,       // children[0] . name
  index,        // children[0] [ children[1] ]
  call,         // name ( children )
  method,       // children[0] . name ( children[1..] )
  unary,        // op children[0]
  binary,       // children[0] op children[1]
  conjunction,  // children joined by && ; two or more
  disjunction,  // children joined by || ; two or more
  conditional,  // children[0] ? children[1] : children[2]
  list,         // children; entry_optional[i]: written ?x
  map,          // children: key, value, key, value, …; entry_optional[i] of entry i
};

enum class Operator : std::uint8_t {
  add,
  subtract,
  multiply,
  divide,
  modulo,
  negate,
  logical_not,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  in
};
std::string_view to_string(Operator op);  // as it is written

// What all nodes of one parse share: the text, and the storage of literals.
struct Source {
  std::string text;
  Arena literals;
};

struct Ast {
  AstKind kind = AstKind::literal;
  Operator op = Operator::add;
  bool optional = false;     // select, index: written .? or [?
  std::size_t position = 0;  // what a message points at: the name, the operator
  std::size_t begin = 0;     // the whole node's text
  std::size_t end = 0;
  std::uint32_t depth = 1;  // of the tree under this node, with it
  std::string name;
  Value value;  // literal: points into the source's arena
  std::vector<AstPtr> children;
  std::vector<bool> entry_optional;
  std::shared_ptr<const Source> source;

  // The node as the user wrote it.
  [[nodiscard]] std::string_view words() const { return std::string_view(source->text).substr(begin, end - begin); }
};

// Operator chains make trees deep without nesting (a + b + c + …): bounded apart from kMaxDepth, for the stack's sake.
inline constexpr std::uint32_t kMaxTreeDepth = 512;

}  // namespace foldline::expr
