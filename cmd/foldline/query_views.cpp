#include "cmd/foldline/query_views.h"

#include <fmt/format.h>

#include <span>

#include "cmd/foldline/query_key.h"
#include "cmd/foldline/query_table.h"
#include "common/json.h"

namespace foldline {

namespace {

void append_columns(std::string& out, const char* name, std::span<const Column> columns) {
  out += fmt::format(",\"{}\":[", name);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    out += i == 0 ? "{\"name\":" : ",{\"name\":";
    append_json_string(out, columns[i].name);
    out += ",\"type\":";
    append_json_string(out, columns[i].type.name());
    out += '}';
  }
  out += ']';
}

std::string view_json(const ViewSchema& view, const std::string& name, std::span<const Column> key, std::span<const Column> fields) {
  std::string out = "{\"view\":";
  append_json_string(out, view.name);
  out += ",\"kind\":";
  append_json_string(out, view.kind);
  out += ",\"name\":";
  append_json_string(out, name);
  append_columns(out, "key", key);
  append_columns(out, "fields", fields);
  return out + "}";
}

}  // namespace

void print_views(const declarative::CompiledProjection& projection, const Store& store, bool json, std::ostream& out) {
  for (std::size_t i = 0; i < projection.views.size(); ++i) {
    const ViewSchema& view = projection.views[i];
    const std::string name = store.name_of_view(static_cast<std::uint32_t>(i));
    const std::vector<Column> columns = columns_of(view);
    const std::vector<Column> key(columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(view.key.size()));
    const std::vector<Column> fields(columns.begin() + static_cast<std::ptrdiff_t>(view.key.size()), columns.end());
    if (json) {
      out << view_json(view, name, key, fields) << '\n';
      continue;
    }
    out << fmt::format("{}\n  {:<7} {}\n  key     {}\n", view.name, view.kind, visible(name), described(key));
    if (!fields.empty()) out << fmt::format("  fields  {}\n", described(fields));
    if (!view.doc.empty()) out << "  about   " << visible(view.doc) << '\n';
  }
}

}  // namespace foldline
