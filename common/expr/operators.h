// The operators: which types they take, and what they do.
#pragma once

#include <optional>

#include "common/expr/ast.h"
#include "common/expr/runtime.h"
#include "common/expr/types.h"

namespace foldline::expr {

// The type of `a op b`, when the types that are known allow it. dyn is checked when the program runs. For messages the caller names the
// operands; neither may be an optional.
std::optional<ExprType> binary_type(Operator op, const ExprType& a, const ExprType& b);
std::optional<ExprType> unary_type(Operator op, const ExprType& a);
// Why `a op b` has no type, as a sentence about the two, and what to write instead.
struct Mismatch {
  std::string message;
  std::string hint;
};
Mismatch explain_mismatch(Operator op, const ExprType& a, std::string_view a_words, const ExprType& b, std::string_view b_words);

// false: run.error says why.
bool apply_binary(Operator op, const Value& a, const Value& b, Runtime& run, Value& out);
bool apply_unary(Operator op, const Value& a, Runtime& run, Value& out);

// CEL's equality: numbers by value across integer and decimal, null equals null only, different types differ; decimals and doubles, and
// text with a time or UUID that it does not spell, are errors rather than a silent `false`.
bool values_equal(const Value& a, const Value& b, Runtime& run, bool& out);

// The value with raw JSON taken apart: a list or a map. false: the text is not well formed.
bool unpack_json(const Value& value, Runtime& run, Value& out);

}  // namespace foldline::expr
