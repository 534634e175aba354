#include "cmd/foldline/query_key.h"

#include <fmt/format.h>

#include <algorithm>

#include "cmd/foldline/query_table.h"
#include "common/arena.h"
#include "common/expr/expr.h"
#include "common/json.h"

namespace foldline {

namespace {

std::string suggestion(const std::string& name, const std::vector<std::string>& known) {
  const auto near = expr::did_you_mean(name, known);
  return near ? fmt::format("did you mean {}? ", *near) : "";
}

// A shell has texts only: what a text can't be converted to by the language is spelled as the store's own tools spell it.
Result<Value> value_of(const std::string& word, const Type& type, Arena& arena) {
  const Value text = Value::text(arena.copy(word));
  if (type.kind == TypeKind::boolean && (word == "true" || word == "false")) return Value::boolean(word == "true");
  if (type.kind == TypeKind::bytes) {
    const auto bytes = from_base64(word);
    if (!bytes) return fail(ErrorCode::value, fmt::format("{} is not base64", describe(text)));
    return Value::bytes(arena.copy(*bytes));
  }
  return convert(text, type, arena);
}

std::string example_of(const Type& type) {
  switch (type.kind) {
    case TypeKind::boolean: return "write true or false";
    case TypeKind::int32:
    case TypeKind::bigint: return "write a whole number, such as 42";
    case TypeKind::numeric: return "write a number, such as 12.50";
    case TypeKind::floating: return "write a number, such as 0.5";
    case TypeKind::uuid: return "write it as 123e4567-e89b-12d3-a456-426614174000";
    case TypeKind::date: return "write it as 2026-04-03";
    case TypeKind::timestamptz: return "write it as 2026-04-03T09:15:00Z";
    case TypeKind::interval: return "write it as 1h30m";
    case TypeKind::bytes: return "write it in base64";
    case TypeKind::inet: return "write it as 10.0.0.1";
    default: return {};
  }
}

}  // namespace

Result<std::size_t> find_view(const std::vector<ViewSchema>& views, const std::string& name) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < views.size(); ++i) {
    if (views[i].name == name) return i;
    names.push_back(views[i].name);
  }
  return fail(ErrorCode::config, fmt::format("there is no view {}", visible(name)),
              fmt::format("{}the views are: {}", suggestion(name, names), fmt::join(names, ", ")));
}

std::vector<Column> columns_of(const ViewSchema& view) {
  std::vector<Column> out;
  for (std::size_t i = 0; i < view.key.size(); ++i) out.push_back({view.key[i].name, view.key[i].type, true, i});
  for (std::size_t i = 0; i < view.fields.size(); ++i) out.push_back({view.fields[i].name, view.fields[i].type, false, i});
  return out;
}

std::string described(const std::vector<Column>& columns) {
  std::string out;
  for (const Column& column : columns) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", column.name, column.type.name());
  return out;
}

Result<std::vector<Column>> choose_columns(const ViewSchema& view, const std::vector<std::string>& names) {
  const std::vector<Column> all = columns_of(view);
  if (names.empty()) return all;
  std::vector<std::string> known;
  for (const Column& column : all) known.push_back(column.name);
  std::vector<Column> out;
  for (const std::string& name : names) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const Column& column) { return column.name == name; });
    if (found == all.end()) {
      return fail(ErrorCode::config, fmt::format("--columns: the view {} has no {}", view.name, visible(name)),
                  fmt::format("{}it has: {}", suggestion(name, known), described(all)));
    }
    out.push_back(*found);
  }
  return out;
}

Result<std::vector<rows::OwnedValue>> parse_key(const ViewSchema& view, const std::vector<std::string>& words) {
  if (words.size() > view.key.size()) {
    std::vector<Column> parts = columns_of(view);
    parts.resize(view.key.size());
    return fail(ErrorCode::config,
                fmt::format("the key of {} has {} part{}, and {} are given", view.name, view.key.size(), view.key.size() == 1 ? "" : "s",
                            words.size()),
                "in order: " + described(parts));
  }
  std::vector<rows::OwnedValue> out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    Arena arena;
    const KeyPart& part = view.key[i];
    const auto value = value_of(words[i], part.type, arena);
    if (!value) {
      const std::string example = example_of(part.type);
      return fail(ErrorCode::config, fmt::format("KEY {} ({}): {}", i + 1, part.name, visible(value.error().message)),
                  example.empty() ? value.error().hint : example);
    }
    out.emplace_back(*value);
  }
  return out;
}

}  // namespace foldline
