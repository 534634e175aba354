// Sets of types, and which type of expression may go into which type of field.
#pragma once

#include <cstdint>

#include "common/expr/expr.h"

namespace foldline::expr {

using KindSet = std::uint32_t;  // a bit per ExprKind

constexpr KindSet set_of() { return 0; }
template <class... Kinds>
constexpr KindSet set_of(ExprKind first, Kinds... rest) {
  return (KindSet{1} << static_cast<unsigned>(first)) | set_of(rest...);
}
constexpr bool contains(KindSet set, ExprKind kind) { return (set & set_of(kind)) != 0; }

inline constexpr KindSet kNumbers = set_of(ExprKind::integer, ExprKind::decimal, ExprKind::floating);
inline constexpr KindSet kExactNumbers = set_of(ExprKind::integer, ExprKind::decimal);
inline constexpr KindSet kAnything = ~KindSet{0} & ~set_of(ExprKind::optional);

std::string_view to_string(ExprKind kind);
std::string describe(KindSet kinds);  // "text, list or map"

// The kind of a value while a program runs. Raw JSON is a list or a map; absent is `optional` (none).
ExprKind expr_kind_of(const Value& value);

// What two branches have in common: their type when they agree, integers widened to decimals, else dyn. null joins any type.
ExprType join(const ExprType& a, const ExprType& b);
const ExprType& element_of(const ExprType& type);  // of a list or optional; dyn when unknown

// Whether an expression of type `from` may be converted to `to` at all (language.md, "Values convert only where nothing is lost").
bool assignable(const ExprType& from, const foldline::Type& to);

}  // namespace foldline::expr
