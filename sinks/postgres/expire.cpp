#include "sinks/postgres/expire.h"

#include <fmt/format.h>

namespace foldline::postgres {

namespace {

// Event times outside of the years 1 to 9999 say nothing and would not fit PostgreSQL's arithmetic.
constexpr std::int64_t kFirstUs = -62'135'596'800'000'000;
constexpr std::int64_t kLastUs = 253'402'300'799'000'000;

bool is_date(const ViewLayout& layout) {
  for (const KeyPart& part : layout.schema.key) {
    if (part.name == layout.schema.expire_from) return part.type.kind == TypeKind::date;
  }
  const int field = layout.schema.field_index(layout.schema.expire_from);
  return field >= 0 && layout.schema.fields[static_cast<std::size_t>(field)].type.kind == TypeKind::date;
}

}  // namespace

// SKIP LOCKED: another lane may be writing the row; it is expired all the same and goes with a later batch.
std::string expire_sql(const ViewLayout& layout) {
  const std::string horizon = fmt::format(
      "(SELECT 'epoch'::timestamptz + (max(least(c.max_event_time_us, {})) - {}) * interval '1 microsecond' FROM foldline.checkpoint c"
      " WHERE c.projection = $1::text AND c.generation = $2::int8 AND c.max_event_time_us > {})",
      kLastUs, layout.schema.expire_after_us, kFirstUs);
  // A date expires by its first moment in UTC.
  const std::string condition = is_date(layout) ? fmt::format("<= (({} - interval '1 microsecond') AT TIME ZONE 'UTC')::date", horizon)
                                                : fmt::format("< {}", horizon);
  return fmt::format(
      "DELETE FROM {0} AS t WHERE t.ctid = ANY (ARRAY(SELECT x.ctid FROM {0} AS x WHERE x.{1} {2} LIMIT {3} FOR UPDATE SKIP LOCKED))",
      layout.table.quoted(), quote_identifier(layout.schema.expire_from), condition, kExpireBatchRows);
}

Params expire_params(const ProjectionId& id) {
  Params out;
  out.add(id.projection).add(id.generation);
  return out;
}

}  // namespace foldline::postgres
