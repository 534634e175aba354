#include "sinks/postgres/sql.h"

#include <fmt/format.h>

#include "common/hash.h"

namespace foldline::postgres {

namespace {

std::string doubled(std::string_view text, char quote) {
  std::string out;
  out.reserve(text.size() + 2);
  out += quote;
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  out += quote;
  return out;
}

Result<void> check_identifier(std::string_view name, std::string_view what) {
  if (name.empty()) return fail(ErrorCode::config, fmt::format("the {} of a table name is empty", what), "write `table` or `schema.table`");
  if (name.size() > kMaxIdentifierBytes) {
    return fail(ErrorCode::config, fmt::format("the {} `{}` has {} bytes", what, name, name.size()),
                fmt::format("PostgreSQL takes at most {} bytes: choose a shorter name", kMaxIdentifierBytes));
  }
  if (name.find('\0') != std::string_view::npos) return fail(ErrorCode::config, fmt::format("the {} of a table name holds a NUL", what));
  return {};
}

}  // namespace

std::string quote_identifier(std::string_view name) { return doubled(name, '"'); }

std::string quote_literal(std::string_view text) {
  if (text.find('\\') == std::string_view::npos) return doubled(text, '\'');
  std::string escaped;  // E'...' reads backslashes the same way under every setting
  escaped.reserve(text.size() + 8);
  for (const char c : text) {
    if (c == '\\') escaped += '\\';
    escaped += c;
  }
  return "E" + doubled(escaped, '\'');
}

Result<TableName> parse_table_name(std::string_view store_name, std::string_view default_schema) {
  TableName out;
  const std::size_t dot = store_name.find('.');
  if (dot == std::string_view::npos) {
    out.schema = default_schema;
    out.table = store_name;
  } else {
    out.schema = store_name.substr(0, dot);
    out.table = store_name.substr(dot + 1);
    if (out.table.find('.') != std::string::npos) {
      return fail(ErrorCode::config, fmt::format("the table name `{}` has more than one dot", store_name),
                  "write `table` or `schema.table`");
    }
  }
  if (auto ok = check_identifier(out.schema, "schema"); !ok) return fail(ok.error());
  if (auto ok = check_identifier(out.table, "table"); !ok) return fail(ok.error());
  if (out.schema == "foldline" || out.schema == "pg_catalog" || out.schema == "information_schema") {
    return fail(ErrorCode::config, fmt::format("the schema `{}` is not for views", out.schema),
                "choose another schema for the view's table");
  }
  return out;
}

std::string index_name(std::string_view table, const std::string& columns, bool unique) {
  const std::string_view suffix = unique ? "_key" : "_idx";
  std::string name = fmt::format("{}_{}{}", table, columns, suffix);
  if (name.size() <= kMaxIdentifierBytes) return name;
  const std::string tail = fmt::format("_{:08x}{}", static_cast<std::uint32_t>(hash64(name)), suffix);
  return name.substr(0, kMaxIdentifierBytes - tail.size()) + tail;
}

}  // namespace foldline::postgres
