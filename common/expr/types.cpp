#include "common/expr/types.h"

#include <vector>

namespace foldline::expr {

std::string_view to_string(ExprKind kind) {
  switch (kind) {
    case ExprKind::dyn: return "dyn";
    case ExprKind::null: return "null";
    case ExprKind::boolean: return "bool";
    case ExprKind::integer: return "integer";
    case ExprKind::decimal: return "decimal";
    case ExprKind::floating: return "double";
    case ExprKind::text: return "text";
    case ExprKind::bytes: return "bytes";
    case ExprKind::timestamp: return "timestamp";
    case ExprKind::date: return "date";
    case ExprKind::interval: return "interval";
    case ExprKind::uuid: return "uuid";
    case ExprKind::list: return "list";
    case ExprKind::map: return "map";
    case ExprKind::optional: return "optional";
  }
  return "?";
}

std::string describe(KindSet kinds) {
  std::vector<std::string_view> names;
  for (unsigned i = 0; i <= static_cast<unsigned>(ExprKind::map); ++i) {
    const auto kind = static_cast<ExprKind>(i);
    if (kind != ExprKind::dyn && contains(kinds, kind)) names.push_back(to_string(kind));
  }
  if (names.size() > 10) return "any value";
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i != 0) out += i + 1 == names.size() ? " or " : ", ";
    out += names[i];
  }
  return out;
}

ExprType ExprType::optional_of(const ExprType& inner) {
  if (inner.kind == ExprKind::optional) return inner;
  return {ExprKind::optional, std::make_shared<ExprType>(inner)};
}

ExprType ExprType::list_of(const ExprType& inner) { return {ExprKind::list, std::make_shared<ExprType>(inner)}; }

std::string ExprType::name() const {
  std::string out(to_string(kind));
  if (element && element->kind != ExprKind::dyn) out += '(' + element->name() + ')';
  return out;
}

const ExprType& element_of(const ExprType& type) {
  static const ExprType dyn = ExprType::dyn();
  return type.element ? *type.element : dyn;
}

ExprType expr_type_of(const foldline::Type& type) {
  switch (type.kind) {
    case TypeKind::boolean: return ExprType::of(ExprKind::boolean);
    case TypeKind::int32:
    case TypeKind::bigint: return ExprType::of(ExprKind::integer);
    case TypeKind::numeric: return ExprType::of(ExprKind::decimal);
    case TypeKind::floating: return ExprType::of(ExprKind::floating);
    case TypeKind::text:
    case TypeKind::keyword:
    case TypeKind::inet:
    case TypeKind::enumeration: return ExprType::of(ExprKind::text);
    case TypeKind::uuid: return ExprType::of(ExprKind::uuid);
    case TypeKind::date: return ExprType::of(ExprKind::date);
    case TypeKind::timestamptz: return ExprType::of(ExprKind::timestamp);
    case TypeKind::interval: return ExprType::of(ExprKind::interval);
    case TypeKind::bytes: return ExprType::of(ExprKind::bytes);
    case TypeKind::json: return ExprType::dyn();
    case TypeKind::list:
    case TypeKind::set: return ExprType::list_of(type.element ? expr_type_of(*type.element) : ExprType::dyn());
  }
  return ExprType::dyn();
}

ExprKind expr_kind_of(const Value& value) {
  switch (value.kind()) {
    case Kind::absent: return ExprKind::optional;
    case Kind::null: return ExprKind::null;
    case Kind::boolean: return ExprKind::boolean;
    case Kind::integer: return ExprKind::integer;
    case Kind::decimal: return ExprKind::decimal;
    case Kind::floating: return ExprKind::floating;
    case Kind::text: return ExprKind::text;
    case Kind::bytes: return ExprKind::bytes;
    case Kind::timestamp: return ExprKind::timestamp;
    case Kind::date: return ExprKind::date;
    case Kind::interval: return ExprKind::interval;
    case Kind::uuid: return ExprKind::uuid;
    case Kind::list: return ExprKind::list;
    case Kind::map: return ExprKind::map;
    case Kind::json: {
      if (value.as_text().starts_with('[')) return ExprKind::list;
      const std::size_t first = value.as_text().find_first_not_of(" \t\r\n");
      return first != std::string_view::npos && value.as_text()[first] == '[' ? ExprKind::list : ExprKind::map;
    }
  }
  return ExprKind::dyn;
}

ExprType join(const ExprType& a, const ExprType& b) {
  if (a.kind == ExprKind::optional || b.kind == ExprKind::optional) {
    return ExprType::optional_of(join(a.kind == ExprKind::optional ? element_of(a) : a, b.kind == ExprKind::optional ? element_of(b) : b));
  }
  if (a.kind == ExprKind::null) return b;
  if (b.kind == ExprKind::null) return a;
  if (a.kind == b.kind) {
    if (a.kind == ExprKind::list) return ExprType::list_of(join(element_of(a), element_of(b)));
    return a;
  }
  if (contains(kExactNumbers, a.kind) && contains(kExactNumbers, b.kind)) return ExprType::of(ExprKind::decimal);
  return ExprType::dyn();
}

bool assignable(const ExprType& from, const foldline::Type& to) {
  if (from.kind == ExprKind::optional) return assignable(element_of(from), to);
  if (from.kind == ExprKind::dyn || from.kind == ExprKind::null) return true;
  const auto among = [&from](KindSet kinds) { return contains(kinds, from.kind); };
  switch (to.kind) {
    case TypeKind::boolean: return among(set_of(ExprKind::boolean));
    case TypeKind::int32:
    case TypeKind::bigint:
    case TypeKind::numeric: return among(kExactNumbers | set_of(ExprKind::text));
    case TypeKind::floating: return among(kNumbers | set_of(ExprKind::text));
    case TypeKind::text:
    case TypeKind::keyword:
    case TypeKind::inet:
    case TypeKind::enumeration: return among(set_of(ExprKind::text));
    case TypeKind::uuid: return among(set_of(ExprKind::uuid, ExprKind::text));
    case TypeKind::date: return among(set_of(ExprKind::date, ExprKind::text));
    case TypeKind::timestamptz: return among(kExactNumbers | set_of(ExprKind::timestamp, ExprKind::text));
    case TypeKind::interval: return among(set_of(ExprKind::interval, ExprKind::text));
    case TypeKind::bytes: return among(set_of(ExprKind::bytes));
    case TypeKind::json: return true;
    case TypeKind::list:
    case TypeKind::set: return from.kind == ExprKind::list && (!to.element || assignable(element_of(from), *to.element));
  }
  return false;
}

}  // namespace foldline::expr
