#include "sinks/postgres/statements.h"

#include <fmt/format.h>

#include "sinks/postgres/guarded_delete.h"

namespace foldline::postgres {

namespace {

void append(std::string& list, const std::string& item, std::string_view separator = ", ") {
  if (!list.empty()) list += separator;
  list += item;
}

std::string excluded(const std::string& column) { return "excluded." + column; }
std::string stored(const std::string& column) { return "t." + column; }

// `value` combined with the operand, as the fold would have done one by one. Null is "nothing there" for all three.
std::string merged(const FieldColumn& field, CellCode code, const std::string& value, const std::string& operand) {
  switch (code) {
    case CellCode::add: return fmt::format("coalesce({}, {}) + {}", value, field.zero, operand);
    case CellCode::min: return fmt::format("least(({}){}, {})", value, field.collation, operand);
    case CellCode::max: return fmt::format("greatest(({}){}, {})", value, field.collation, operand);
    case CellCode::set: return operand;
    case CellCode::none: break;
  }
  return value;
}

// The staged rows `s` of a shape. unnest() gives its rows in the order of the arrays, so INSERT ... SELECT needs no sort.
std::string unnested(const ViewLayout& layout, const Shape& shape, bool numbered) {
  const std::vector<bool> used = used_columns(layout, shape);
  std::string arrays;
  std::string names;
  int parameter = 0;
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) continue;
    append(arrays, fmt::format("${}::{}[]", ++parameter, layout.columns[i].staged_type));
    append(names, layout.columns[i].staged);
  }
  if (numbered) return fmt::format("unnest({}) WITH ORDINALITY AS s({}, n)", arrays, names);
  return fmt::format("unnest({}) AS s({})", arrays, names);
}

class Upsert {
 public:
  Upsert(const ViewLayout& layout, const Shape& shape, Source source) : layout_(layout), shape_(shape), source_(source) {}

  [[nodiscard]] std::string sql() {
    list_inserted();
    list_assignments();
    std::string conflict = "DO NOTHING";
    if (!assignments_.empty()) conflict = "DO UPDATE SET " + assignments_ + condition();
    return insert(columns_, values_) + conflict;
  }

  // Makes the missing rows from the table's defaults, so that the upsert after it always finds a row to merge its operands into.
  [[nodiscard]] std::string seed() const {
    std::string values;
    for (const KeyColumn& part : layout_.key) append(values, "s." + part.staged);
    return insert(layout_.key_list, values) + "DO NOTHING";
  }

 private:
  // G17: rows in key order, as they came into the arrays, or into staging (layout.cpp).
  [[nodiscard]] std::string insert(const std::string& columns, const std::string& values) const {
    const std::string from =
        source_ == Source::arrays ? unnested(layout_, shape_, false) : fmt::format("{} s WHERE s.shape = $1::int4", layout_.staging);
    return fmt::format("INSERT INTO {} AS t ({}) SELECT {} FROM {} ON CONFLICT ({}) ", layout_.table.quoted(), columns, values, from,
                       layout_.key_list);
  }

  [[nodiscard]] bool is_soft_delete(std::size_t field) const { return static_cast<int>(field) == layout_.schema.soft_delete; }

  void list_inserted() {
    for (const KeyColumn& part : layout_.key) {
      append(columns_, part.name);
      append(values_, "s." + part.staged);
    }
    for (std::size_t i = 0; i < layout_.fields.size(); ++i) {
      const FieldColumn& field = layout_.fields[i];
      const CellCode code = shape_.cells[i];
      if (is_soft_delete(i)) {
        if (!shape_.soft_deleted && shape_.kind != RowKind::reset) continue;
        append(columns_, field.name);
        append(values_, shape_.soft_deleted ? "s." + field.staged : "NULL");
      } else if (shape_.kind == RowKind::reset) {
        append(columns_, field.name);
        append(values_, merged(field, code, field.default_value, "s." + field.staged));
      } else if (code != CellCode::none) {
        append(columns_, field.name);
        append(values_, "s." + field.staged);
      }
    }
    for (std::size_t g = 0; g < layout_.guards.size(); ++g) {
      if (!shape_.guards[g]) continue;
      append(columns_, layout_.guards[g].name);
      append(values_, "s." + layout_.guards[g].staged);
    }
  }

  void list_assignments() {
    if (layout_.guarded_deletes()) {
      assignments_ = guarded_delete_assignment(layout_);
      for (std::size_t i = 0; i < layout_.fields.size(); ++i) {
        if (layout_.schema.fields[i].guard < 0 && !is_soft_delete(i)) assign(i);
      }
      return;
    }
    for (std::size_t i = 0; i < layout_.fields.size(); ++i) assign(i);
    for (std::size_t g = 0; g < layout_.guards.size(); ++g) {
      const std::string& name = layout_.guards[g].name;
      if (shape_.guards[g]) append(assignments_, fmt::format("{} = greatest({}, {})", name, stored(name), excluded(name)));
    }
  }

  void assign(std::size_t i) {
    const FieldColumn& field = layout_.fields[i];
    const std::string value = assigned(i);
    if (!value.empty()) append(assignments_, field.name + " = " + value);
  }

  // What an existing row's field becomes; empty: it stays.
  [[nodiscard]] std::string assigned(std::size_t i) const {
    const FieldColumn& field = layout_.fields[i];
    const CellCode code = shape_.cells[i];
    if (is_soft_delete(i))
      return shape_.soft_deleted ? excluded(field.name) : shape_.starts_anew || shape_.kind == RowKind::reset ? "NULL" : "";
    if (shape_.kind == RowKind::reset) return excluded(field.name);
    const int guard = layout_.schema.fields[i].guard;
    if (guard >= 0 && code == CellCode::set) {  // G10: only a newer event overwrites
      return fmt::format("CASE WHEN {0} THEN excluded.{1} ELSE t.{1} END", is_newer(guard), field.name);
    }
    if (code == CellCode::none && !shape_.starts_anew) return {};
    std::string value = stored(field.name);
    if (shape_.starts_anew && code != CellCode::set)
      value = fmt::format("CASE WHEN {} IS NULL THEN {} ELSE {} END", deleted_at(), value, field.default_value);
    return merged(field, code, value, excluded(field.name));
  }

  [[nodiscard]] std::string deleted_at() const { return stored(layout_.fields[static_cast<std::size_t>(layout_.schema.soft_delete)].name); }

  [[nodiscard]] std::string is_newer(int guard) const {
    const std::string& name = layout_.guards[static_cast<std::size_t>(guard)].name;
    return fmt::format("(t.{0} IS NULL OR excluded.{0} > t.{0})", name);
  }

  // Spares a new row version where the statement can tell that nothing would change.
  [[nodiscard]] std::string condition() const {
    if (shape_.kind == RowKind::reset || layout_.guarded_deletes()) return {};
    bool only_guarded = true;
    for (std::size_t i = 0; i < layout_.fields.size(); ++i) {
      only_guarded = only_guarded && (shape_.cells[i] == CellCode::none || layout_.schema.fields[i].guard >= 0);
    }
    if (!only_guarded || shape_.soft_deleted) return {};
    std::string newer;
    if (shape_.starts_anew) append(newer, deleted_at() + " IS NOT NULL", " OR ");
    for (std::size_t g = 0; g < layout_.guards.size(); ++g) {
      if (shape_.guards[g]) append(newer, is_newer(static_cast<int>(g)), " OR ");
    }
    return newer.empty() ? "" : " WHERE " + newer;
  }

  const ViewLayout& layout_;
  const Shape& shape_;
  Source source_;
  std::string columns_;
  std::string values_;
  std::string assignments_;
};

std::string same_key(const ViewLayout& layout) {
  std::string out;
  for (const KeyColumn& part : layout.key) append(out, fmt::format("t.{} = s.{}", part.name, part.staged), " AND ");
  return out;
}

// With the connection's settings (connect.cpp) the join walks the rows in their order and probes the primary key.
std::string erase(const ViewLayout& layout, const Shape& shape, Source source) {
  const std::string from = source == Source::arrays ? fmt::format("(SELECT * FROM {} ORDER BY n)", unnested(layout, shape, true))
                                                    : fmt::format("(SELECT * FROM {} WHERE shape = $1::int4)", layout.staging);
  return fmt::format("DELETE FROM {} AS t USING {} s WHERE {}", layout.table.quoted(), from, same_key(layout));
}

}  // namespace

std::vector<std::string> rows_statements(const ViewLayout& layout, const Shape& shape, Source source) {
  if (shape.kind == RowKind::erase) return {erase(layout, shape, source)};
  Upsert upsert(layout, shape, source);
  std::vector<std::string> out;
  if (needs_seed(layout, shape)) out.push_back(upsert.seed());
  out.push_back(upsert.sql());
  return out;
}

std::string update_straight(const ViewLayout& layout, const Shape& shape, std::uint32_t number) {
  std::string assignments;
  for (std::size_t i = 0; i < layout.fields.size(); ++i) {
    if (shape.cells[i] == CellCode::set) append(assignments, fmt::format("{} = s.{}", layout.fields[i].name, layout.fields[i].staged));
  }
  return fmt::format("UPDATE {} AS t SET {} FROM {} s WHERE s.shape = {} AND {}", layout.table.quoted(), assignments, layout.staging,
                     number, same_key(layout));
}

std::string copy_straight(const ViewLayout& layout, const Shape& shape) {
  const std::vector<bool> used = used_columns(layout, shape);
  std::string columns;
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (used[i]) append(columns, layout.columns[i].name);
  }
  return fmt::format("COPY {} ({}) FROM STDIN (FORMAT binary)", layout.table.quoted(), columns);
}

}  // namespace foldline::postgres
