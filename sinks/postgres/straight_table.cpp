#include "sinks/postgres/straight_table.h"

#include <fmt/format.h>

namespace foldline::postgres {

std::string straight_check_name(const ViewLayout& layout) { return fmt::format("foldline_straight_{}", layout.view); }

std::string lock_straight_table(const ViewLayout& layout) {
  return fmt::format("LOCK TABLE {} IN ROW EXCLUSIVE MODE", layout.table.quoted());
}

std::string prepare_straight_check(const ViewLayout& layout) {
  std::string names;
  std::string types;
  for (const EncodedColumn& column : layout.columns) {
    names += (names.empty() ? "" : ", ") + quote_literal(column.plain_name);
    types += (types.empty() ? "" : ", ") + fmt::format("{}", column.type_oid);
  }
  std::string key;
  for (const KeyPart& part : layout.schema.key) key += (key.empty() ? "" : ", ") + quote_literal(part.name);
  return fmt::format(R"(
PREPARE {} AS
SELECT 1 / count(*) FROM pg_class c
WHERE c.oid = to_regclass({})
  AND c.relkind = 'r' AND NOT c.relispartition AND NOT c.relhasrules AND NOT c.relhastriggers AND NOT c.relrowsecurity
  AND (SELECT count(*) FROM unnest(ARRAY[{}]::name[], ARRAY[{}]::oid[]) AS e(name, type), pg_attribute a
       WHERE a.attrelid = c.oid AND a.attname = e.name AND a.atttypid = e.type AND NOT a.attisdropped
         AND a.attidentity = '' AND a.attgenerated = '') = {}
  AND EXISTS (SELECT FROM pg_index i
              WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid AND i.indimmediate
                AND (SELECT array_agg(a.attname ORDER BY k.n)
                     FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n), pg_attribute a
                     WHERE a.attrelid = c.oid AND a.attnum = k.attnum) = ARRAY[{}]::name[]))",
                     straight_check_name(layout), quote_literal(layout.table.quoted()), names, types, layout.columns.size(), key);
}

}  // namespace foldline::postgres
