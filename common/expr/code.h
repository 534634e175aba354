// A compiled expression: nodes in one array, children by number. Constants, labels and messages live in the code's own arena.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/expr/ast.h"
#include "common/expr/functions.h"

namespace foldline::expr {

enum class NodeKind : std::uint8_t {
  constant,       // constant
  slot,           // a: slot; b: slot that must be there all the same when `optional` (kNone: none); label, label2: the two paths
  local,          // a: variable of a macro
  select,         // child . field; label: the whole path as written, label2: the field
  index,          // child [ child ]; label: as written
  call,           // a: call site; children: arguments
  unary,          // op child
  binary,         // child op child
  conjunction,    // children
  disjunction,    // children
  conditional,    // child ? child : child
  list,           // children; those that are none are left out
  map,            // children: key, value, …; the same
  require,        // child, which must not be none; label
  has_value,      // child
  or_value,       // child, else child: also `or`
  opt_map,        // child; a: variable; child: body
  coalesce,       // children: the first that is neither none nor null
  comprehension,  // child: range; a: variable; child: body; child: filter of a map (if count is 3); loop
};

enum class Loop : std::uint8_t {
  map,
  filter,
  exists,
  all,
  exists_one
};

inline constexpr std::uint32_t kNone = UINT32_MAX;
inline constexpr std::size_t kMaxNodes = 10'000;  // of one program, bound names put in their places
inline constexpr std::size_t kMaxLocals = 16;     // nesting of macros

struct Program::Node {
  NodeKind kind = NodeKind::constant;
  Operator op = Operator::add;
  Loop loop = Loop::map;
  bool optional = false;
  std::uint32_t a = kNone;
  std::uint32_t b = kNone;
  std::uint32_t first = 0;  // in Code::children
  std::uint32_t count = 0;
  std::uint32_t position = 0;
  Value constant;
  std::string_view label;
  std::string_view label2;
};

// One function call: the overloads that the types known at load time leave open, and the zone.
struct CallSite {
  std::vector<const Function*> candidates;
  Zone zone;
};

struct Program::Code {
  std::vector<Node> nodes;
  std::vector<std::uint32_t> children;
  std::vector<CallSite> calls;
  Arena arena;
  std::string text;
  ExprType type;
  std::optional<foldline::Type> expected;
  bool want_bool = false;
  bool reads_record = false;  // false: a constant
  bool has_locals = false;
  std::uint32_t slots_needed = 0;  // that a frame must have
  std::uint32_t root = kNone;
  std::optional<std::uint32_t> bare_slot;
  std::optional<std::uint32_t> counted_slot;  // the program is size() of this slot and nothing else

  [[nodiscard]] std::uint32_t child(const Node& node, std::size_t i) const { return children[node.first + i]; }
};

}  // namespace foldline::expr
