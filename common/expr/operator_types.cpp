// The operators at load time: a table of the pairs of types that each one takes.
#include <fmt/format.h>
#include <array>

#include "common/expr/operators.h"

namespace foldline::expr {
namespace {

using K = ExprKind;

struct Rule {
  Operator op;
  K a;
  K b;
  K result;
};

constexpr std::array kRules{
    Rule{Operator::add, K::integer, K::integer, K::integer},
    Rule{Operator::add, K::integer, K::decimal, K::decimal},
    Rule{Operator::add, K::decimal, K::integer, K::decimal},
    Rule{Operator::add, K::decimal, K::decimal, K::decimal},
    Rule{Operator::add, K::floating, K::floating, K::floating},
    Rule{Operator::add, K::text, K::text, K::text},
    Rule{Operator::add, K::bytes, K::bytes, K::bytes},
    Rule{Operator::add, K::list, K::list, K::list},
    Rule{Operator::add, K::timestamp, K::interval, K::timestamp},
    Rule{Operator::add, K::interval, K::timestamp, K::timestamp},
    Rule{Operator::add, K::interval, K::interval, K::interval},
    Rule{Operator::subtract, K::integer, K::integer, K::integer},
    Rule{Operator::subtract, K::integer, K::decimal, K::decimal},
    Rule{Operator::subtract, K::decimal, K::integer, K::decimal},
    Rule{Operator::subtract, K::decimal, K::decimal, K::decimal},
    Rule{Operator::subtract, K::floating, K::floating, K::floating},
    Rule{Operator::subtract, K::timestamp, K::timestamp, K::interval},
    Rule{Operator::subtract, K::timestamp, K::interval, K::timestamp},
    Rule{Operator::subtract, K::interval, K::interval, K::interval},
    Rule{Operator::multiply, K::integer, K::integer, K::integer},
    Rule{Operator::multiply, K::integer, K::decimal, K::decimal},
    Rule{Operator::multiply, K::decimal, K::integer, K::decimal},
    Rule{Operator::multiply, K::decimal, K::decimal, K::decimal},
    Rule{Operator::multiply, K::floating, K::floating, K::floating},
    Rule{Operator::divide, K::integer, K::integer, K::integer},
    Rule{Operator::divide, K::integer, K::decimal, K::decimal},
    Rule{Operator::divide, K::decimal, K::integer, K::decimal},
    Rule{Operator::divide, K::decimal, K::decimal, K::decimal},
    Rule{Operator::divide, K::floating, K::floating, K::floating},
    Rule{Operator::modulo, K::integer, K::integer, K::integer},
};

bool takes(const ExprType& type, K kind) { return type.kind == K::dyn || type.kind == kind; }

constexpr KindSet kOrdered = kNumbers | set_of(K::text, K::timestamp, K::date, K::interval, K::bytes, K::boolean);

bool mixes_decimal_and_double(const ExprType& a, const ExprType& b) {
  return (a.kind == K::decimal && b.kind == K::floating) || (a.kind == K::floating && b.kind == K::decimal);
}

bool comparable(const ExprType& a, const ExprType& b) {
  if (mixes_decimal_and_double(a, b)) return false;
  return a.kind == b.kind || (contains(kNumbers, a.kind) && contains(kNumbers, b.kind));
}

bool orderable(const ExprType& a, const ExprType& b) {
  if (a.kind != K::dyn && !contains(kOrdered, a.kind)) return false;
  if (b.kind != K::dyn && !contains(kOrdered, b.kind)) return false;
  return a.kind == K::dyn || b.kind == K::dyn || comparable(a, b);
}

bool equatable(const ExprType& a, const ExprType& b) {
  for (const K free : {K::dyn, K::null}) {
    if (a.kind == free || b.kind == free) return true;
  }
  const bool uuid_as_text = (a.kind == K::uuid && b.kind == K::text) || (a.kind == K::text && b.kind == K::uuid);
  return uuid_as_text || comparable(a, b);
}

std::optional<ExprType> arithmetic_type(Operator op, const ExprType& a, const ExprType& b) {
  std::optional<ExprType> out;
  for (const Rule& rule : kRules) {
    if (rule.op != op || !takes(a, rule.a) || !takes(b, rule.b)) continue;
    const ExprType result = ExprType::of(rule.result);
    if (out && out->kind != result.kind) return ExprType::dyn();
    out = result;
  }
  if (out && out->kind == K::list && a.kind == K::list && b.kind == K::list) return ExprType::list_of(join(element_of(a), element_of(b)));
  return out;
}

}  // namespace

std::optional<ExprType> binary_type(Operator op, const ExprType& a, const ExprType& b) {
  bool good = false;
  switch (op) {
    case Operator::equal:
    case Operator::not_equal: good = equatable(a, b); break;
    case Operator::less:
    case Operator::less_equal:
    case Operator::greater:
    case Operator::greater_equal: good = orderable(a, b); break;
    case Operator::in: good = b.kind == K::dyn || b.kind == K::map || (b.kind == K::list && equatable(a, element_of(b))); break;
    default: return arithmetic_type(op, a, b);
  }
  if (!good) return std::nullopt;
  return ExprType::of(K::boolean);
}

std::optional<ExprType> unary_type(Operator op, const ExprType& a) {
  if (op == Operator::logical_not) {
    if (!takes(a, K::boolean)) return std::nullopt;
    return ExprType::of(K::boolean);
  }
  if (a.kind != K::dyn && !contains(kNumbers | set_of(K::interval), a.kind)) return std::nullopt;
  return a;
}

Mismatch explain_mismatch(Operator op, const ExprType& a, std::string_view a_words, const ExprType& b, std::string_view b_words) {
  const std::string kinds = fmt::format("{} is {}, {} is {}", a_words, a.name(), b_words, b.name());
  if (mixes_decimal_and_double(a, b)) {
    return {kinds + ": decimals and doubles never mix", "decimal(x) makes an exact decimal of a double, double(x) a double of a decimal"};
  }
  const auto other_than_text = a.kind == K::text ? b.kind : a.kind;
  const bool one_text = (a.kind == K::text) != (b.kind == K::text);
  if (one_text && op == Operator::add) return {kinds + ": they can't be added", "string(x) makes text of a number or a time"};
  if (one_text && other_than_text == K::timestamp) return {kinds, "timestamp(x) reads a text as a timestamp"};
  if (one_text && contains(kNumbers, other_than_text)) return {kinds, "int(x) or decimal(x) reads a text as a number"};
  if (op == Operator::in) return {kinds + ": in looks into a list or a map of this type", ""};
  if (op == Operator::modulo) return {kinds + ": % is for integers", ""};
  if (a.kind == K::integer && b.kind == K::floating) return {kinds, "double(x) makes a double of an integer"};
  if (a.kind == K::floating && b.kind == K::integer) return {kinds, "double(x) makes a double of an integer"};
  return {fmt::format("{}: there is no {} for these", kinds, to_string(op)), ""};
}

}  // namespace foldline::expr
