#include "common/expr/evaluator.h"

#include <fmt/format.h>
#include <array>

#include "common/expr/operators.h"

namespace foldline::expr {

bool Evaluator::fail(const Node& node, std::string message, std::string hint) {
  run_.position = node.position;
  return run_.fail(std::move(message), std::move(hint));
}

bool Evaluator::eval(std::uint32_t number, Value& out) {
  const Node& node = code_.nodes[number];
  switch (node.kind) {
    case NodeKind::constant: out = node.constant; return true;
    case NodeKind::slot: return slot(node, out);
    case NodeKind::local: out = locals_[node.a]; return true;
    case NodeKind::select: return select(node, out);
    case NodeKind::index: return index(node, out);
    case NodeKind::call: return call(node, out);
    case NodeKind::unary:
    case NodeKind::binary: return operation(node, out);
    case NodeKind::conjunction: return junction(node, false, out);
    case NodeKind::disjunction: return junction(node, true, out);
    case NodeKind::conditional: {
      bool yes = false;
      return condition(node, code_.child(node, 0), yes) && eval(code_.child(node, yes ? 1 : 2), out);
    }
    case NodeKind::list: return list(node, out);
    case NodeKind::map: return map(node, out);
    case NodeKind::require:
      if (!eval(code_.child(node, 0), out)) return false;
      return !out.is_absent() || fail(node, fmt::format("{} is missing", node.label));
    case NodeKind::has_value:
      if (!eval(code_.child(node, 0), out)) return false;
      out = Value::boolean(!out.is_absent());
      return true;
    case NodeKind::or_value: return or_value(node, out);
    case NodeKind::opt_map: return opt_map(node, out);
    case NodeKind::coalesce: return coalesce(node, out);
    case NodeKind::comprehension: return comprehension(node, out);
  }
  return fail(node, "a node that can't be run");
}

bool Evaluator::slot(const Node& node, Value& out) {
  out = slots_[node.a];
  if (!out.is_absent()) return true;
  if (!node.optional)
    return fail(node, fmt::format("{} is missing", node.label),
                node.label2.empty() ? "" : fmt::format("{} makes it optional", node.label2));
  // a.b.?c: none when c is missing, an error when a.b is.
  if (node.b != kNone && slots_[node.b].is_absent()) return fail(node, fmt::format("{} is missing", node.label2));
  return true;
}

namespace {

const Value* find(std::span<const MapEntry> entries, std::string_view key) {
  for (const MapEntry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

}  // namespace

bool Evaluator::select(const Node& node, Value& out) {
  Value target;
  if (!eval(code_.child(node, 0), target)) return false;
  const Value* found = nullptr;
  if (target.is(Kind::json) && !unpack_json(target, run_, target)) return false;
  if (target.is(Kind::map)) {
    found = find(target.as_map(), node.label2);
  } else if (!target.is_absent() && !target.is_null()) {
    return fail(
        node, fmt::format("{}: {} is {} and has no field {}", node.label, describe(target), to_string(expr_kind_of(target)), node.label2));
  }
  out = found == nullptr ? Value::absent() : *found;
  return !out.is_absent() || node.optional || fail(node, fmt::format("{} is missing", node.label));
}

bool Evaluator::index(const Node& node, Value& out) {
  Value target;
  Value place;
  if (!eval(code_.child(node, 0), target) || !eval(code_.child(node, 1), place)) return false;
  if (!unpack_json(target, run_, target)) return false;
  out = Value::absent();
  if (target.is_absent() || target.is_null()) return node.optional || fail(node, fmt::format("{} is missing", node.label));
  if (target.is(Kind::list)) {
    Value whole = place;
    if (place.is(Kind::decimal) && place.as_decimal().is_integer()) {
      if (const auto n = place.as_decimal().to_int64()) whole = Value::integer(*n);
    }
    if (!whole.is(Kind::integer)) return fail(node, fmt::format("{}: {} is no place in a list", node.label, describe(place)));
    const auto items = target.as_list();
    if (whole.as_int() >= 0 && whole.as_int() < static_cast<std::int64_t>(items.size())) {
      out = items[static_cast<std::size_t>(whole.as_int())];
      return true;
    }
    return node.optional || fail(node, fmt::format("{} is missing: place {} of a list of {}", node.label, whole.as_int(), items.size()),
                                 "places count from 0");
  }
  if (!target.is(Kind::map)) return fail(node, fmt::format("{}: {} is neither a list nor a map", node.label, describe(target)));
  if (!place.is(Kind::text)) return fail(node, fmt::format("{}: {} is no key of a map; keys are texts", node.label, describe(place)));
  if (const Value* found = find(target.as_map(), place.as_text())) out = *found;
  return !out.is_absent() || node.optional || fail(node, fmt::format("{} is missing", node.label));
}

bool Evaluator::call(const Node& node, Value& out) {
  const CallSite& site = code_.calls[node.a];
  std::array<Value, kMaxArguments> arguments;
  for (std::size_t i = 0; i < node.count; ++i) {
    if (!eval(code_.child(node, i), arguments[i])) return false;
  }
  const std::span<Value> given(arguments.data(), node.count);
  for (const Function* function : site.candidates) {
    bool fits = true;
    for (std::size_t i = 0; fits && i < node.count; ++i) fits = contains(function->parameters[i], expr_kind_of(given[i]));
    if (!fits) continue;
    for (Value& argument : given) {
      if (argument.is(Kind::json) && !function->takes_json && !unpack_json(argument, run_, argument)) return false;
    }
    run_.zone = &site.zone;
    run_.position = node.position;
    return function->apply(given, run_, out);
  }
  return no_overload(node, given);
}

bool Evaluator::no_overload(const Node& node, std::span<const Value> arguments) {
  const CallSite& site = code_.calls[node.a];
  const std::string_view name = site.candidates[0]->name;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    KindSet accepted = 0;
    for (const Function* function : site.candidates) accepted |= function->parameters[i];
    const ExprKind kind = expr_kind_of(arguments[i]);
    if (contains(accepted, kind)) continue;
    if (kind == ExprKind::optional)
      return fail(node, fmt::format("{}() got a none", name), ".orValue(x) gives a none a value, .optMap(v, …) skips it");
    return fail(node, fmt::format("{}() takes {}, not {} ({})", name, describe(accepted), to_string(kind), describe(arguments[i])));
  }
  return fail(node, fmt::format("{}() does not take these arguments together", name));
}

bool Evaluator::operation(const Node& node, Value& out) {
  Value left;
  if (!eval(code_.child(node, 0), left)) return false;
  if (node.kind == NodeKind::unary) {
    run_.position = node.position;
    return apply_unary(node.op, left, run_, out);
  }
  Value right;
  if (!eval(code_.child(node, 1), right)) return false;
  run_.position = node.position;
  return apply_binary(node.op, left, right, run_, out);
}

bool Evaluator::condition(const Node& parent, std::uint32_t number, bool& out) {
  Value value;
  if (!eval(number, value)) return false;
  if (!value.is(Kind::boolean)) return fail(parent, fmt::format("{} is not a bool", describe(value)));
  out = value.as_bool();
  return true;
}

// CEL: an operand that decides alone makes the errors of the others irrelevant, whatever their order.
bool Evaluator::junction(const Node& node, bool deciding, Value& out) {
  bool failed = false;
  Error first_error;
  std::size_t first_position = 0;
  for (std::size_t i = 0; i < node.count; ++i) {
    bool value = false;
    if (!condition(node, code_.child(node, i), value)) {
      if (!failed) {
        first_error = std::move(run_.error);
        first_position = run_.position;
      }
      failed = true;
    } else if (value == deciding) {
      out = Value::boolean(deciding);
      return true;
    }
  }
  if (failed) {
    run_.error = std::move(first_error);
    run_.position = first_position;
    return false;
  }
  out = Value::boolean(!deciding);
  return true;
}

bool Evaluator::list(const Node& node, Value& out) {
  auto* items = run_.arena.array<Value>(node.count);
  std::size_t size = 0;
  for (std::size_t i = 0; i < node.count; ++i) {
    if (!eval(code_.child(node, i), items[size])) return false;
    if (!items[size].is_absent()) ++size;
  }
  out = Value::list({items, size});
  return true;
}

bool Evaluator::map(const Node& node, Value& out) {
  auto* entries = run_.arena.array<MapEntry>(node.count / 2);
  std::size_t size = 0;
  for (std::size_t i = 0; i < node.count; i += 2) {
    Value key;
    Value value;
    if (!eval(code_.child(node, i), key) || !eval(code_.child(node, i + 1), value)) return false;
    if (!key.is(Kind::text)) return fail(node, fmt::format("{} is no key of a map; keys are texts", describe(key)));
    if (find({entries, size}, key.as_text()) != nullptr) return fail(node, fmt::format("the key {} stands twice in a map", describe(key)));
    if (!value.is_absent()) entries[size++] = {key.as_text(), value};
  }
  out = Value::map({entries, size});
  return true;
}

bool Evaluator::or_value(const Node& node, Value& out) {
  if (!eval(code_.child(node, 0), out)) return false;
  return !out.is_absent() || eval(code_.child(node, 1), out);
}

bool Evaluator::opt_map(const Node& node, Value& out) {
  if (!eval(code_.child(node, 0), out)) return false;
  if (out.is_absent()) return true;
  locals_[node.a] = out;
  return eval(code_.child(node, 1), out);
}

bool Evaluator::coalesce(const Node& node, Value& out) {
  for (std::size_t i = 0; i < node.count; ++i) {
    if (!eval(code_.child(node, i), out)) return false;
    if (!out.is_absent() && !out.is_null()) return true;
  }
  return true;  // the last one: none or null
}

bool Evaluator::step(const Node& node) {
  return ++run_.steps <= kMaxSteps || fail(node, fmt::format("more than {} rounds of loops", kMaxSteps));
}

bool Evaluator::range(const Node& node, std::span<const Value>& items) {
  Value value;
  if (!eval(code_.child(node, 0), value) || !unpack_json(value, run_, value)) return false;
  if (value.is(Kind::list)) {
    items = value.as_list();
    return true;
  }
  if (!value.is(Kind::map)) return fail(node, fmt::format("{} is neither a list nor a map", describe(value)));
  auto* keys = run_.arena.array<Value>(value.as_map().size());  // of a map: its keys
  std::size_t size = 0;
  for (const MapEntry& entry : value.as_map()) keys[size++] = Value::text(entry.key);
  items = {keys, size};
  return true;
}

bool Evaluator::comprehension(const Node& node, Value& out) {
  std::span<const Value> items;
  if (!range(node, items)) return false;
  switch (node.loop) {
    case Loop::map:
    case Loop::filter: return building_loop(node, items, out);
    case Loop::exists:
    case Loop::all: return deciding_loop(node, items, out);
    case Loop::exists_one: return counting_loop(node, items, out);
  }
  return false;
}

bool Evaluator::building_loop(const Node& node, std::span<const Value> items, Value& out) {
  auto* made = run_.arena.array<Value>(items.size());
  std::size_t size = 0;
  const bool is_map = node.loop == Loop::map;
  const std::uint32_t filter = is_map ? (node.count == 3 ? code_.child(node, 2) : kNone) : code_.child(node, 1);
  for (const Value& item : items) {
    if (!step(node)) return false;
    locals_[node.a] = item;
    bool keep = true;
    if (filter != kNone && !condition(node, filter, keep)) return false;
    if (!keep) continue;
    Value element = item;
    if (is_map && !eval(code_.child(node, 1), element)) return false;
    if (element.is_absent()) return fail(node, "an element is none", ".filter(…) leaves elements out");
    made[size++] = element;
  }
  out = Value::list({made, size});
  return true;
}

// exists and all: an element that decides makes the errors of the others irrelevant.
bool Evaluator::deciding_loop(const Node& node, std::span<const Value> items, Value& out) {
  const bool deciding = node.loop == Loop::exists;
  bool failed = false;
  Error first_error;
  for (const Value& item : items) {
    if (!step(node)) return false;
    locals_[node.a] = item;
    bool value = false;
    if (!condition(node, code_.child(node, 1), value)) {
      if (!failed) first_error = std::move(run_.error);
      failed = true;
    } else if (value == deciding) {
      out = Value::boolean(deciding);
      return true;
    }
  }
  if (failed) {
    run_.error = std::move(first_error);
    return false;
  }
  out = Value::boolean(!deciding);
  return true;
}

bool Evaluator::counting_loop(const Node& node, std::span<const Value> items, Value& out) {
  std::size_t count = 0;
  for (const Value& item : items) {
    if (!step(node)) return false;
    locals_[node.a] = item;
    bool value = false;
    if (!condition(node, code_.child(node, 1), value)) return false;
    count += value ? 1U : 0U;
  }
  out = Value::boolean(count == 1);
  return true;
}

}  // namespace foldline::expr
