#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/json.h"
#include "common/time.h"
#include "sinks/elasticsearch/append_value.h"

namespace foldline::elasticsearch {

namespace {

// date_nanos: 64 bits of nanoseconds since 1970, and nothing before (both families: DateUtils.MAX_NANOSECOND_INSTANT).
constexpr std::int64_t kMaxDateNanosUs = 9'223'372'036'854'775;

void append_int(std::string& out, std::int64_t value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

void append_quoted_plain(std::string& out, std::string_view text) {
  out += '"';
  out += text;
  out += '"';
}

// In well-formed JSON a new line stands between tokens only; in a bulk body it would end the document.
void append_one_line(std::string& out, std::string_view json) {
  const std::size_t begin = out.size();
  out += json;
  std::replace_if(
      out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
}

}  // namespace

Result<void> append_value(std::string& out, const Value& value) {
  switch (value.kind()) {
    case Kind::integer:
    case Kind::interval: append_int(out, value.as_int()); return {};
    case Kind::boolean: out += value.as_bool() ? "true" : "false"; return {};
    case Kind::text: append_json_string(out, value.as_text()); return {};
    case Kind::decimal: append_quoted_plain(out, value.as_decimal().to_string()); return {};
    case Kind::timestamp:
      out += '"';
      append_timestamp(out, value.as_int());
      out += '"';
      return {};
    case Kind::date: append_quoted_plain(out, format_date(value.as_int())); return {};
    case Kind::uuid: append_quoted_plain(out, value.as_uuid().to_string()); return {};
    case Kind::bytes: append_quoted_plain(out, base64(value.as_text())); return {};
    case Kind::json: append_one_line(out, value.as_text()); return {};
    case Kind::floating:
      if (!std::isfinite(value.as_double())) return fail(ErrorCode::store_rejected, "a search store keeps no NaN and no infinity");
      fmt::format_to(std::back_inserter(out), "{}", value.as_double());
      return {};
    case Kind::list: {
      out += '[';
      bool first = true;
      for (const Value& element : value.as_list()) {
        if (!first) out += ',';
        first = false;
        if (auto ok = append_value(out, element); !ok) return ok;
      }
      out += ']';
      return {};
    }
    default: out += "null"; return {};
  }
}

void append_hidden(std::string& out, std::span<const Watermark> watermarks, std::span<const std::string> guards) {
  append_quoted_plain(out, kHiddenField);
  out += R"(:{"w":{)";
  for (std::size_t i = 0; i < watermarks.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, watermarks[i].name);
    out += ':';
    append_int(out, watermarks[i].next_offset);
  }
  out += '}';
  if (!guards.empty()) {
    out += R"(,"g":[)";
    for (std::size_t i = 0; i < guards.size(); ++i) {
      if (i > 0) out += ',';
      append_quoted_plain(out, base64(guards[i]));
    }
    out += ']';
  }
  out += '}';
}

namespace {

Result<void> append_field(std::string& out, const FieldLayout& field, std::string_view name, const rows::OwnedValue& value, Arena& arena) {
  if (value.is_null()) return {};
  out += field.prefix;
  if (auto ok = append_value(out, value.view(arena)); !ok) {
    return fail(ErrorCode::store_rejected, fmt::format("field {}: {}", name, ok.error().message));
  }
  out += ',';
  return {};
}

Result<void> too_long(std::string_view what, std::size_t size_bytes, std::size_t most) {
  return fail(ErrorCode::store_rejected, fmt::format("{} has {} bytes", what, size_bytes),
              fmt::format("a search store takes at most {}: make the field a text, or use hash()", most));
}

}  // namespace

Result<void> append_document(std::string& out, const ViewLayout& layout, const rows::StoredRow& row,
                             std::span<const Watermark> watermarks) {
  Arena arena;  // costs nothing until a list needs it
  out += '{';
  for (std::size_t i = 0; i < layout.key.size(); ++i) {
    if (auto ok = append_field(out, layout.key[i], layout.view->key[i].name, row.key[i], arena); !ok) return ok;
  }
  for (std::size_t i = 0; i < layout.fields.size(); ++i) {
    if (auto ok = append_field(out, layout.fields[i], layout.view->fields[i].name, row.fields[i], arena); !ok) return ok;
  }
  append_hidden(out, watermarks, row.guards);
  out += '}';
  return {};
}

void append_tombstone(std::string& out, std::span<const Watermark> watermarks, std::int64_t deleted_at_ms) {
  out += '{';
  append_hidden(out, watermarks, {});
  fmt::format_to(std::back_inserter(out), R"(,"{}":true,"{}":{}}})", kDeletedField, kDeletedAtField, deleted_at_ms);
}

Result<void> check_value(const Value& value, const Type& type, std::string_view mapping_type) {
  switch (value.kind()) {
    case Kind::list:
      for (const Value& element : value.as_list()) {
        if (auto ok = check_value(element, type.element ? *type.element : type, mapping_type); !ok) return ok;
      }
      return {};
    case Kind::floating:
      if (!std::isfinite(value.as_double())) return fail(ErrorCode::store_rejected, "a search store keeps no NaN and no infinity");
      return {};
    case Kind::timestamp:
      if (mapping_type == "date_nanos" && (value.as_int() < 0 || value.as_int() > kMaxDateNanosUs)) {
        return fail(ErrorCode::store_rejected, fmt::format("{} is outside of 1970 to 2262, which date_nanos holds", describe(value)),
                    "write options: {type: date} at the field: milliseconds in the index, still microseconds in the document");
      }
      return {};
    case Kind::text:
      if (mapping_type == "keyword" && value.as_text().size() > kMaxKeywordBytes) {
        return too_long("a keyword", value.as_text().size(), kMaxKeywordBytes);
      }
      if (mapping_type == "ip" && value.as_text().find('/') != std::string_view::npos) {
        return fail(ErrorCode::store_rejected, fmt::format("{} is a network, and the store's ip type takes addresses", describe(value)),
                    "make the field a keyword");
      }
      return {};
    case Kind::decimal: {
      if (mapping_type != "scaled_float" || type.precision == 0) return {};
      // The type's own check has bounded the digits.
      return {};
    }
    default: return {};
  }
}

}  // namespace foldline::elasticsearch
