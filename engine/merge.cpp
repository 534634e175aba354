#include "engine/merge.h"

#include <fmt/format.h>

#include <algorithm>

namespace foldline {

namespace {

bool is_number(const Value& v) { return v.is(Kind::integer) || v.is(Kind::decimal); }

Decimal as_decimal(const Value& v) { return v.is(Kind::integer) ? Decimal::from_int(v.as_int()) : v.as_decimal(); }

tl::unexpected<Error> refuse_kinds(Op op, const Value& a, const Value& b) {
  return fail(ErrorCode::internal, fmt::format("can't {} {} and {}", to_string(op), to_string(a.kind()), to_string(b.kind())));
}

Result<Value> sum(const Value& a, const Value& b) {
  std::int64_t out = 0;
  if (a.is(Kind::integer) && b.is(Kind::integer) && !__builtin_add_overflow(a.as_int(), b.as_int(), &out)) return Value::integer(out);
  if (is_number(a) && is_number(b)) {
    return add(as_decimal(a), as_decimal(b)).map([](const Decimal& d) { return Value::decimal(d); });
  }
  if (a.is(Kind::interval) && b.is(Kind::interval)) {
    if (__builtin_add_overflow(a.as_int(), b.as_int(), &out)) {
      return fail(ErrorCode::value, "the sum of two intervals leaves 64 bits of microseconds");
    }
    return Value::interval(out);
  }
  if (a.is(Kind::floating) && b.is(Kind::floating)) return Value::floating(a.as_double() + b.as_double());  // G9: approximate: true
  return refuse_kinds(Op::add, a, b);
}

// <0, 0, >0; text by its bytes, as COLLATE "C" does.
Result<int> order(Op op, const Value& a, const Value& b) {
  if (is_number(a) && is_number(b)) {
    if (a.is(Kind::integer) && b.is(Kind::integer)) return a.as_int() < b.as_int() ? -1 : static_cast<int>(a.as_int() > b.as_int());
    return compare(as_decimal(a), as_decimal(b));
  }
  if (a.kind() != b.kind()) return refuse_kinds(op, a, b);
  switch (a.kind()) {
    case Kind::timestamp:
    case Kind::date:
    case Kind::interval: return a.as_int() < b.as_int() ? -1 : static_cast<int>(a.as_int() > b.as_int());
    case Kind::floating: return a.as_double() < b.as_double() ? -1 : static_cast<int>(a.as_double() > b.as_double());
    case Kind::text: return a.as_text().compare(b.as_text());
    default: return refuse_kinds(op, a, b);
  }
}

Result<Value> append_element(std::span<const Value> list, const Value& element, Arena& arena) {
  if (list.size() >= kMaxFoldedElements) {
    return fail(ErrorCode::limit, fmt::format("a folded list has {} elements already", list.size()));
  }
  Value* grown = arena.array<Value>(list.size() + 1);
  std::copy(list.begin(), list.end(), grown);
  grown[list.size()] = element;
  return Value::list({grown, list.size() + 1});
}

Value without(std::span<const Value> list, const Value& element, Arena& arena) {
  Value* kept = arena.array<Value>(list.size());
  std::size_t count = 0;
  for (const Value& v : list) {
    if (!equal(v, element)) kept[count++] = v;
  }
  return Value::list({kept, count});
}

bool contains(std::span<const Value> list, const Value& element) {
  return std::any_of(list.begin(), list.end(), [&](const Value& v) { return equal(v, element); });
}

}  // namespace

Result<Value> merge(Op op, const Value& current, const Value& operand, Arena& arena, bool unique) {
  const bool missing = current.is_null() || current.is_absent();
  if (op == Op::append || op == Op::remove) {
    if (!missing && !current.is(Kind::list)) return refuse_kinds(op, current, operand);
    const std::span<const Value> list = missing ? std::span<const Value>{} : current.as_list();
    if (op == Op::remove) return missing ? current : without(list, operand, arena);
    if (unique && contains(list, operand)) return current;
    return append_element(list, operand, arena);
  }
  if (op == Op::set || missing) return operand;
  return merge_operands(op, current, operand, arena);
}

Result<Value> merge_operands(Op op, const Value& first, const Value& second, Arena& arena) {
  switch (op) {
    case Op::set: return second;
    case Op::add: return sum(first, second);
    case Op::min: return order(op, first, second).map([&](int o) { return o <= 0 ? first : second; });
    case Op::max: return order(op, first, second).map([&](int o) { return o >= 0 ? first : second; });
    case Op::append:
    case Op::remove: return append_element(first.as_list(), second, arena);
  }
  return refuse_kinds(op, first, second);
}

Value one_element(const Value& element, Arena& arena) {
  Value* list = arena.array<Value>(1);
  *list = element;
  return Value::list({list, 1});
}

}  // namespace foldline
