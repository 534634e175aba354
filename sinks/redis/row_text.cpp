#include "sinks/redis/row_text.h"

#include <fmt/format.h>

#include "common/json.h"
#include "sinks/redis/errors.h"
#include "sinks/redis/value_text.h"

namespace foldline::redis {

namespace {

using rows::OwnedValue;
using rows::StoredRow;

tl::unexpected<Error> unreadable(std::string_view name, const Error& error) {
  return fail(error.code, fmt::format("field {}: {}", name, error.message), error.hint);
}

void skip_spaces(std::string_view json, std::size_t& at) {
  while (at < json.size() && is_json_space(json[at])) ++at;
}

// Behind the closing quote of the string that starts at `at`; npos: it does not end.
std::size_t end_of_string(std::string_view json, std::size_t at) {
  for (++at; at < json.size(); ++at) {
    if (json[at] == '\\') {
      ++at;
    } else if (json[at] == '"') {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

// Behind the value that starts at `at`. Only where it ends is looked at: what it holds is read by its type.
std::size_t end_of_value(std::string_view json, std::size_t at) {
  int depth = 0;
  while (at < json.size()) {
    const char c = json[at];
    if (c == '"') {
      at = end_of_string(json, at);
      if (at == std::string_view::npos) return at;
      if (depth == 0) return at;
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) return at;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) return at + 1;
    ++at;
  }
  return at;
}

Result<Value> json_value(std::string_view raw, const Type& type, Arena& arena) {
  if (raw == "null") return Value::null();
  const auto wrong = [&](const Error& error) {
    return fail(ErrorCode::store_rejected, fmt::format("it holds {}: {}", describe(Value::text(raw)), error.message),
                "somebody else writes there: restore the value, or rebuild the projection");
  };
  if (type.kind == TypeKind::json) return Value::json(arena.copy(raw));
  if (type.kind == TypeKind::list || type.kind == TypeKind::set) {
    auto list = convert(Value::json(arena.copy(raw)), type, arena);
    if (!list) return wrong(list.error());
    return deep_copy(*list, arena);
  }
  Value value = Value::text(arena.copy(raw));  // a number, whose digits say more than a parsed one
  if (raw == "true" || raw == "false") value = Value::boolean(raw == "true");
  if (raw.starts_with('"')) {
    auto text = parse_json(raw, arena);
    if (!text) return wrong(text.error());
    value = *text;
    if (type.kind == TypeKind::bytes) {
      const auto bytes = from_base64(value.as_text());
      if (!bytes) return wrong({ErrorCode::decode, "no base64", "", false});
      value = Value::bytes(arena.copy(*bytes));
    }
  }
  auto converted = convert(value, type, arena);
  if (!converted) return wrong(converted.error());
  return *converted;
}

void append_member(std::string& out, std::string_view name) {
  if (out.size() > 1) out += ',';
  append_json_string(out, name);
  out += ':';
}

void append_json_value(std::string& out, const Value& value, const Type& type) {
  if (value.is(Kind::timestamp)) return append_json_string(out, to_text(value, type));
  if (value.is(Kind::decimal) && type.precision > 0) {  // 12.50 of a numeric(8,2), also where a default says 12.5
    const auto scaled = rescale(value.as_decimal(), type.scale);
    return append_json(out, scaled ? Value::decimal(*scaled) : value);
  }
  append_json(out, value);
}

}  // namespace

std::vector<std::string> hash_names(const ViewLayout& layout) {
  std::vector<std::string> out;
  for (const FieldLayout& field : layout.fields) out.push_back(field.name);
  out.insert(out.end(), layout.guard_names.begin(), layout.guard_names.end());
  return out;
}

std::vector<std::string> hash_words(const ViewLayout& layout, const StoredRow& row) {
  std::vector<std::string> out;
  Arena arena;
  for (std::size_t i = 0; i < layout.fields.size(); ++i) {
    const bool there = !row.fields[i].is_null();
    std::string& word = out.emplace_back(there ? "=" : kNoText);
    if (there) append_text(word, row.fields[i].view(arena), layout.fields[i].type);
  }
  for (const std::string& stamp : row.guards) out.push_back(stamp.empty() ? std::string(kNoText) : "=" + base64(stamp));
  return out;
}

Result<std::optional<StoredRow>> row_from_hash(const ViewLayout& layout, const Value* key, const std::vector<std::string>& words) {
  std::optional<StoredRow> out;
  Arena arena;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == kNoText) continue;
    if (!out) out = rows::new_row(layout.schema, key);
    const std::string_view text = std::string_view(words[i]).substr(1);
    if (i < layout.fields.size()) {
      const auto value = value_from_text(text, layout.fields[i].type, arena);
      if (!value) return unreadable(layout.fields[i].name, value.error());
      out->fields[i] = OwnedValue(*value);
      continue;
    }
    auto stamp = from_base64(text);
    if (!stamp)
      return unreadable(layout.guard_names[i - layout.fields.size()], {ErrorCode::store_rejected, "it is no stamp of ours", "", false});
    out->guards[i - layout.fields.size()] = std::move(*stamp);
  }
  return out;
}

std::string json_of(const ViewLayout& layout, const StoredRow& row) {
  std::string out = "{";
  Arena arena;
  for (std::size_t i = 0; i < layout.fields.size(); ++i) {
    append_member(out, layout.fields[i].name);
    append_json_value(out, row.fields[i].view(arena), layout.fields[i].type);
  }
  for (std::size_t g = 0; g < row.guards.size(); ++g) {
    if (row.guards[g].empty()) continue;
    append_member(out, layout.guard_names[g]);
    append_json_string(out, base64(row.guards[g]));
  }
  return out + "}";
}

std::optional<std::vector<std::pair<std::string, std::string_view>>> json_members(std::string_view json) {
  std::vector<std::pair<std::string, std::string_view>> out;
  std::size_t at = 0;
  skip_spaces(json, at);
  if (at >= json.size() || json[at] != '{') return std::nullopt;
  ++at;
  skip_spaces(json, at);
  if (at < json.size() && json[at] == '}') return out;
  for (;;) {
    skip_spaces(json, at);
    if (at >= json.size() || json[at] != '"') return std::nullopt;
    const std::size_t name_end = end_of_string(json, at);
    if (name_end == std::string_view::npos) return std::nullopt;
    const std::string_view name = json.substr(at + 1, name_end - at - 2);  // ours are snake_case, without escapes
    at = name_end;
    skip_spaces(json, at);
    if (at >= json.size() || json[at] != ':') return std::nullopt;
    ++at;
    skip_spaces(json, at);
    const std::size_t end = end_of_value(json, at);
    if (end == std::string_view::npos || end == at) return std::nullopt;
    out.emplace_back(name, trim_json(json.substr(at, end - at)));
    at = end;
    skip_spaces(json, at);
    if (at >= json.size()) return std::nullopt;
    if (json[at] == '}') return out;
    if (json[at] != ',') return std::nullopt;
    ++at;
  }
}

Result<StoredRow> row_from_json(const ViewLayout& layout, const Value* key, std::string_view json) {
  const auto members = json_members(json);
  if (!members) {
    return fail(ErrorCode::store_rejected, fmt::format("it holds {}, which is no JSON object", describe(Value::text(json))),
                "somebody else writes there: restore the value, or rebuild the projection");
  }
  StoredRow out = rows::new_row(layout.schema, key);
  Arena arena;
  for (const auto& [name, raw] : *members) {
    const int field = layout.schema.field_index(name);
    if (field >= 0) {
      const auto i = static_cast<std::size_t>(field);
      auto value = json_value(raw, layout.fields[i].type, arena);
      if (!value) return unreadable(name, value.error());
      if (!value->is_null() || !layout.fields[i].has_default) out.fields[i] = OwnedValue(*value);
      continue;
    }
    for (std::size_t g = 0; g < layout.guard_names.size(); ++g) {
      if (layout.guard_names[g] != name) continue;
      auto stamp = raw.size() >= 2 ? from_base64(raw.substr(1, raw.size() - 2)) : std::nullopt;
      if (!stamp) return unreadable(name, {ErrorCode::store_rejected, "it is no stamp of ours", "", false});
      out.guards[g] = std::move(*stamp);
    }
  }
  return out;
}

}  // namespace foldline::redis
