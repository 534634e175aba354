#include "sinks/postgres/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "sinks/postgres/column_type.h"

namespace foldline::postgres {

namespace {

constexpr std::uint8_t kBuiltOps = op_bit(Op::set) | op_bit(Op::add) | op_bit(Op::min) | op_bit(Op::max);
// PostgreSQL's own columns (manual, "System Columns"); a table can't have others of these names.
constexpr std::array<std::string_view, 6> kSystemColumns = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"};
constexpr std::string_view kHiddenPrefix = "_newest_";
// A heap row holds at most 1,600 columns, and staging has one more.
constexpr std::size_t kMaxColumns = 1'500;

Result<void> check_column(const ViewSchema& view, const std::string& name, const Type& type, std::set<std::string>& seen) {
  const auto refuse = [&](std::string why, std::string hint) {
    return fail(ErrorCode::config, fmt::format("view {}: the column `{}` {}", view.name, name, why), std::move(hint));
  };
  if (name.size() > kMaxIdentifierBytes)
    return refuse(fmt::format("has a name of {} bytes", name.size()), "PostgreSQL takes at most 63 bytes");
  for (const std::string_view system : kSystemColumns) {
    if (name == system) return refuse("has the name of a system column of PostgreSQL", "choose another name");
  }
  if (name.starts_with(kHiddenPrefix)) return refuse("begins with _newest_, which Foldline uses for hidden columns", "choose another name");
  if (!seen.insert(name).second) return refuse("occurs twice", "names of key parts and fields must differ");
  if (!is_supported(type)) return refuse("is a list of lists, which is not built for PostgreSQL", "use json");
  return {};
}

bool is_zero(const Value& value) {
  return (value.is(Kind::integer) && value.as_int() == 0) || (value.is(Kind::decimal) && value.as_decimal().unscaled == 0) ||
         (value.is(Kind::interval) && value.as_int() == 0) || (value.is(Kind::floating) && value.as_double() == 0.0);
}

FieldColumn make_field(const Field& field, std::size_t index) {
  FieldColumn out;
  out.name = quote_identifier(field.name);
  out.staged = fmt::format("c{}", index);
  out.default_value = literal(field.default_value, field.type);
  out.zero = zero(field.type);
  out.collation = comparison_collation(field.type);
  const bool has_default = !field.default_value.is_null() && !field.default_value.is_absent();
  const bool folds_extremes = (field.ops & (op_bit(Op::min) | op_bit(Op::max))) != 0;
  out.merge_needs_default = has_default && (folds_extremes || !is_zero(field.default_value));
  return out;
}

std::vector<GuardColumn> make_guards(const ViewSchema& schema) {
  std::vector<GuardColumn> out;
  int group = 0;
  for (int i = 0; i < schema.guard_count; ++i) {
    GuardColumn guard;
    if (i == schema.guard_alive) {
      guard.plain_name = "_newest_alive";
    } else if (i == schema.guard_deleted) {
      guard.plain_name = "_newest_deleted";
    } else {
      guard.plain_name = fmt::format("{}{}", kHiddenPrefix, ++group);
    }
    guard.name = quote_identifier(guard.plain_name);
    guard.staged = fmt::format("g{}", i);
    out.push_back(std::move(guard));
  }
  return out;
}

std::vector<EncodedColumn> make_columns(const ViewLayout& layout) {
  constexpr std::uint32_t kByteaOid = 17;
  const auto column = [](const std::string& plain_name, const std::string& staged, const Type& type) {
    return EncodedColumn{plain_name,     quote_identifier(plain_name),
                         staged,         staging_type(type),
                         type_oid(type), type.kind == TypeKind::list || type.kind == TypeKind::set};
  };
  std::vector<EncodedColumn> out;
  for (std::size_t i = 0; i < layout.key.size(); ++i)
    out.push_back(column(layout.schema.key[i].name, layout.key[i].staged, layout.schema.key[i].type));
  for (std::size_t i = 0; i < layout.fields.size(); ++i)
    out.push_back(column(layout.schema.fields[i].name, layout.fields[i].staged, layout.schema.fields[i].type));
  for (const GuardColumn& guard : layout.guards) out.push_back({guard.plain_name, guard.name, guard.staged, "bytea", kByteaOid, false});
  return out;
}

// ON COMMIT DELETE ROWS: staging is empty at the start of each commit, whatever became of the last one.
// Rows come in the order that every worker takes their locks in (G17), and are read in it: a scan goes from the first page to the last
// (no other session joins in the scan of a temporary table), and entries of one shape stand in an index by their place in the table.
void write_staging(ViewLayout& layout) {
  layout.staging = fmt::format("pg_temp.foldline_stage_{}", layout.view);
  std::string columns = "shape int4 NOT NULL";
  for (const EncodedColumn& column : layout.columns) columns += fmt::format(", {} {}", column.staged, column.staged_type);
  layout.create_staging = fmt::format("CREATE TEMPORARY TABLE foldline_stage_{} ({}) ON COMMIT DELETE ROWS", layout.view, columns);
  layout.copy_staging = fmt::format("COPY {} FROM STDIN (FORMAT binary)", layout.staging);
  layout.staging_columns = static_cast<std::int16_t>(1 + layout.columns.size());
}

}  // namespace

bool ViewLayout::has_lists() const {
  return std::any_of(columns.begin(), columns.end(), [](const EncodedColumn& column) { return column.is_list; });
}

Result<ViewLayout> make_layout(const ViewSchema& schema, std::uint32_t view, std::string_view default_schema) {
  const auto refuse = [&](std::string why, std::string hint) {
    return fail(ErrorCode::config, fmt::format("view {}: {}", schema.name, why), std::move(hint));
  };
  if (schema.kind != "table") return refuse(fmt::format("PostgreSQL keeps no `{}`", schema.kind), "use kind: table");
  if (schema.key.empty()) return refuse("it has no key", "name at least one key part");
  if (schema.key.size() + schema.fields.size() + static_cast<std::size_t>(schema.guard_count) > kMaxColumns) {
    return refuse("it has too many fields", fmt::format("a table takes at most {} columns here", kMaxColumns));
  }
  if ((schema.guard_alive >= 0 || schema.guard_deleted >= 0) &&
      !(schema.guard_alive >= 0 && schema.guard_deleted >= 0 && schema.soft_delete >= 0)) {
    return refuse("a guarded view deletes softly (G10)", "name a timestamptz field under soft_delete");
  }

  ViewLayout layout;
  layout.schema = schema;
  layout.view = view;
  auto table = parse_table_name(schema.store_name.empty() ? schema.name : schema.store_name, default_schema);
  if (!table) return refuse(table.error().message, table.error().hint);
  layout.table = std::move(*table);

  std::set<std::string> seen;
  for (const KeyPart& part : schema.key) {
    if (auto ok = check_column(schema, part.name, part.type, seen); !ok) return fail(ok.error());
    if (part.type.kind == TypeKind::json || part.type.kind == TypeKind::list || part.type.kind == TypeKind::set) {
      return refuse(fmt::format("the key part `{}` is a {}", part.name, part.type.name()), "a key part must be one plain value");
    }
    layout.key.push_back({quote_identifier(part.name), fmt::format("k{}", layout.key.size())});
    layout.key_list += (layout.key_list.empty() ? "" : ", ") + layout.key.back().name;
  }
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    const Field& field = schema.fields[i];
    if (auto ok = check_column(schema, field.name, field.type, seen); !ok) return fail(ok.error());
    if ((field.ops & ~kBuiltOps) != 0) {
      return refuse(fmt::format("`append` and `remove` on the field `{}` are not built for PostgreSQL", field.name), "set the whole list");
    }
    layout.fields.push_back(make_field(field, i));
  }
  layout.guards = make_guards(schema);
  layout.columns = make_columns(layout);
  write_staging(layout);
  return layout;
}

}  // namespace foldline::postgres
