#include "config/type_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <utility>

#include "common/expr/expr.h"
#include "config/limits.h"

namespace foldline::config {
namespace {

constexpr std::array<std::pair<std::string_view, TypeKind>, 14> kScalars = {{{"bool", TypeKind::boolean},
                                                                             {"int", TypeKind::int32},
                                                                             {"bigint", TypeKind::bigint},
                                                                             {"numeric", TypeKind::numeric},
                                                                             {"double", TypeKind::floating},
                                                                             {"text", TypeKind::text},
                                                                             {"keyword", TypeKind::keyword},
                                                                             {"uuid", TypeKind::uuid},
                                                                             {"date", TypeKind::date},
                                                                             {"timestamptz", TypeKind::timestamptz},
                                                                             {"interval", TypeKind::interval},
                                                                             {"json", TypeKind::json},
                                                                             {"bytes", TypeKind::bytes},
                                                                             {"inet", TypeKind::inet}}};

// What other systems call them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 24> kOtherNames = {
    {{"boolean", "bool"},          {"integer", "int"},          {"int4", "int"},         {"int32", "int"},
     {"smallint", "int"},          {"int8", "bigint"},          {"int64", "bigint"},     {"long", "bigint"},
     {"decimal", "numeric"},       {"money", "numeric"},        {"float", "double"},     {"float8", "double"},
     {"real", "double"},           {"string", "text"},          {"varchar", "text"},     {"char", "text"},
     {"timestamp", "timestamptz"}, {"datetime", "timestamptz"}, {"time", "timestamptz"}, {"jsonb", "json"},
     {"bytea", "bytes"},           {"blob", "bytes"},           {"array", "list(T)"},    {"duration", "interval"}}};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

TypeText wrong(std::string message, std::string hint) {
  TypeText out;
  out.message = std::move(message);
  out.hint = std::move(hint);
  return out;
}

TypeText right(Type type) {
  TypeText out;
  out.type = std::move(type);
  return out;
}

std::optional<std::int32_t> small_number(std::string_view text) {
  text = trimmed(text);
  std::int32_t out = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

TypeText parse_numeric(std::string_view inside) {
  const std::size_t comma = inside.find(',');
  const auto precision = small_number(inside.substr(0, comma));
  const auto scale = comma == std::string_view::npos ? std::optional<std::int32_t>(0) : small_number(inside.substr(comma + 1));
  if (!precision || !scale || *precision < 1 || *precision > kMaxNumericDigits || *scale < 0 || *scale > *precision) {
    return wrong("numeric(p,s) takes p from 1 to " + std::to_string(kMaxNumericDigits) + " and s from 0 to p",
                 "write numeric(12,2), or numeric for any");
  }
  Type type;
  type.kind = TypeKind::numeric;
  type.precision = *precision;
  type.scale = *scale;
  return right(std::move(type));
}

TypeText parse_collection(TypeKind kind, std::string_view inside) {
  TypeText element = parse_type(inside);
  if (!element.type) return element;
  const TypeKind of = element.type->kind;
  if (of == TypeKind::list || of == TypeKind::set || of == TypeKind::json) {
    return wrong("a list or set of " + element.type->name() + " can't be kept", "use `json` for nested values");
  }
  Type type;
  type.kind = kind;
  type.element = std::make_shared<const Type>(std::move(*element.type));
  return right(std::move(type));
}

TypeText unknown_type(std::string_view name) {
  for (const auto& [other, ours] : kOtherNames) {
    if (other == name) return wrong("unknown type `" + std::string(name) + "`", "here it is called `" + std::string(ours) + "`");
  }
  std::vector<std::string> names;
  for (const auto& [scalar, kind] : kScalars) names.emplace_back(scalar);
  const auto near = expr::did_you_mean(name, names);
  return wrong("unknown type `" + std::string(name.substr(0, 60)) + "`",
               near ? "did you mean `" + *near + "`?"
                    : "the types are bool, int, bigint, numeric, numeric(p,s), double, text, keyword, uuid, "
                      "date, timestamptz, interval, json, bytes, inet, list(T), set(T) and {enum: [...]}");
}

}  // namespace

TypeText parse_type(std::string_view text, bool allow_optional) {
  text = trimmed(text);
  const std::size_t open = text.find('(');
  const std::string_view name = trimmed(text.substr(0, open));
  if (open == std::string_view::npos) {
    for (const auto& [scalar, kind] : kScalars) {
      if (scalar != name) continue;
      Type type;
      type.kind = kind;
      return right(std::move(type));
    }
    if (name == "list" || name == "set")
      return wrong("`" + std::string(name) + "` needs the type of its elements", "write " + std::string(name) + "(text)");
    if (name == "enum") return wrong("`enum` needs its members", "write {enum: [placed, shipped]}");
    if (name == "object" || name == "nested") {
      return wrong("`" + std::string(name) + "` is part of the language and not built yet", "use `json` for nested values");
    }
    return unknown_type(name);
  }
  if (text.back() != ')')
    return wrong("the type `" + std::string(text.substr(0, 60)) + "` lacks its `)`",
                 "a type that holds a comma needs double quotes within {...}: \"numeric(12,2)\"");
  const std::string_view inside = text.substr(open + 1, text.size() - open - 2);
  if (name == "numeric") return parse_numeric(inside);
  if (name == "list") return parse_collection(TypeKind::list, inside);
  if (name == "set") return parse_collection(TypeKind::set, inside);
  if (name == "optional") {
    if (!allow_optional) return wrong("`optional(T)` stands only in `events`", "a field may always hold null: leave `optional` out");
    TypeText out = parse_type(inside);
    out.optional = true;
    return out;
  }
  const bool known = std::any_of(kScalars.begin(), kScalars.end(), [&](const auto& scalar) { return scalar.first == name; });
  if (known) return wrong("the type `" + std::string(name) + "` takes nothing in parentheses", "write " + std::string(name));
  return unknown_type(name);
}

std::string_view refused_in_key(const Type& type) {
  switch (type.kind) {
    case TypeKind::json: return "equal JSON may be written in different ways";
    case TypeKind::inet: return "equal addresses may be written in different ways; use text";
    case TypeKind::list:
    case TypeKind::set: return "a row is found by single values";
    case TypeKind::floating: return "equal amounts may differ in their last bit; use numeric";
    default: return {};
  }
}

const std::vector<std::string>& type_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const auto& [scalar, kind] : kScalars) {
      out.emplace_back(scalar);
      if (kind == TypeKind::numeric) out.emplace_back("numeric(p,s)");
    }
    out.insert(out.end(), {"list(T)", "set(T)"});
    return out;
  }();
  return names;
}

}  // namespace foldline::config
