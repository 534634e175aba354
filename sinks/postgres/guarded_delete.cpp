#include "sinks/postgres/guarded_delete.h"

#include <fmt/format.h>

namespace foldline::postgres {

std::string guarded_delete_assignment(const ViewLayout& layout) {
  const auto& schema = layout.schema;
  const std::string& alive = layout.guards[static_cast<std::size_t>(schema.guard_alive)].name;
  const std::string& deleted = layout.guards[static_cast<std::size_t>(schema.guard_deleted)].name;
  const std::string& deleted_at = layout.fields[static_cast<std::size_t>(schema.soft_delete)].name;

  std::string columns = fmt::format("{}, {}, {}", alive, deleted, deleted_at);
  std::string values = fmt::format(
      "m.a, m.d, CASE WHEN m.d IS NULL OR m.a > m.d THEN NULL WHEN t.{0} IS NULL OR excluded.{0} > t.{0} THEN excluded.{1} ELSE t.{1} END",
      deleted, deleted_at);
  for (std::size_t i = 0; i < layout.fields.size(); ++i) {
    const int guard = schema.fields[i].guard;
    if (guard < 0 || static_cast<int>(i) == schema.soft_delete) continue;
    const FieldColumn& field = layout.fields[i];
    const std::string& group = layout.guards[static_cast<std::size_t>(guard)].name;
    columns += ", " + field.name;
    values += fmt::format(
        ", CASE WHEN m.cut > greatest(t.{0}, excluded.{0}) THEN {2}"
        " WHEN excluded.{0} IS NOT NULL AND (t.{0} IS NULL OR excluded.{0} > t.{0}) THEN excluded.{1} ELSE t.{1} END",
        group, field.name, field.default_value);
  }
  for (std::size_t g = 0; g < layout.guards.size(); ++g) {
    if (static_cast<int>(g) == schema.guard_alive || static_cast<int>(g) == schema.guard_deleted) continue;
    const std::string& group = layout.guards[g].name;
    columns += ", " + group;
    values += fmt::format(", greatest(t.{0}, excluded.{0}, m.cut)", group);
  }
  return fmt::format(
      "({0}) = (SELECT {1} FROM (SELECT n.a, n.d, CASE WHEN n.d < n.a THEN n.d END AS cut"
      " FROM (SELECT greatest(t.{2}, excluded.{2}) AS a, greatest(t.{3}, excluded.{3}) AS d) n) m)",
      columns, values, alive, deleted);
}

GuardedRow resolve_guards(const ViewLayout& layout, const FoldedRow& row) {
  const GuardStamp alive = row.guards[layout.schema.guard_alive];
  const GuardStamp deleted = row.guards[layout.schema.guard_deleted];
  GuardedRow out;
  out.alive = deleted.empty() || (!alive.empty() && alive > deleted);
  if (!alive.empty() && !deleted.empty() && deleted < alive) out.cut = deleted;
  return out;
}

}  // namespace foldline::postgres
