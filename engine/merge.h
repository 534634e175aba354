// What an operation does to a value (G8), for values of one field, converted to its type.
//
//   Value total = *merge(Op::add, Value::integer(2), Value::integer(3), arena);   // 5
//
// Sums of integers widen to decimals, so they never wrap; only the store's own type limits them. A refusal (code limit or value) means
// that the batch must end before this event: folded apart, the two may still be right one after the other.
#pragma once

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"
#include "common/view.h"

namespace foldline {

// A list in a folded cell grows to so many elements at most, then the batch ends: appending copies the list.
inline constexpr std::size_t kMaxFoldedElements = 256;

// `current` after `op operand`. A null or absent current takes the operand alone. append and remove: current is a list (or null), the
// operand one element; `unique`: the list is a set, append adds only what is not there.
Result<Value> merge(Op op, const Value& current, const Value& operand, Arena& arena, bool unique = false);

// Two operands of the same `op`, one after the other, as one operand. append, remove: `first` is a list of elements, `second` one.
Result<Value> merge_operands(Op op, const Value& first, const Value& second, Arena& arena);

// The list of one element that a pending append or remove starts with.
Value one_element(const Value& element, Arena& arena);

}  // namespace foldline
