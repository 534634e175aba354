#include "sinks/postgres/exact_ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

namespace foldline::postgres {

namespace {

constexpr std::uint32_t kUuidOid = 2950;

// Canonical byte order, as in packed chunks: an ID is the same on every machine.
std::string bytes_of(const Hash128& id) {
  std::string out;
  for (const std::uint64_t half : {id.high, id.low}) {
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(half >> shift & 0xffU);
  }
  return out;
}

}  // namespace

// The hash as uuid: 16 bytes without a header. It is random, so no order of columns makes the index grow at one end.
void prepare_exact_ids(pqxx::work& transaction) {
  transaction.exec(
      fmt::format("CREATE TABLE IF NOT EXISTS {} (projection text COLLATE \"C\" NOT NULL, generation bigint NOT NULL, id uuid NOT NULL,"
                  " PRIMARY KEY (id, projection, generation))",
                  kExactIdsTable));
}

const char* const kAddExactIdsSql = R"(
WITH added AS (
  INSERT INTO foldline.processed_id (projection, generation, id)
  SELECT $1::text, $2::int8, e.id FROM unnest($3::uuid[]) AS e(id) ORDER BY e.id
  ON CONFLICT DO NOTHING RETURNING 1)
SELECT 1 / CASE WHEN count(*) = cardinality($3::uuid[]) THEN 1 ELSE 0 END FROM added)";

Params exact_ids_params(const ProjectionId& id, std::span<const Hash128> ids) {
  ArrayParam array(kUuidOid);
  for (const Hash128& one : ids) array.add(std::string_view(bytes_of(one)));
  Params out;
  out.add(id.projection).add(id.generation).add(array);
  return out;
}

Answer<std::vector<std::uint32_t>> read_known_ids(Connection& connection, const ProjectionId& id, std::span<const Hash128> ids) {
  static const char* const kRead = R"(
SELECT e.n - 1 FROM unnest($3::uuid[]) WITH ORDINALITY AS e(id, n)
JOIN foldline.processed_id p ON p.id = e.id AND p.projection = $1::text AND p.generation = $2::int8)";
  std::vector<std::uint32_t> out;
  std::set<Hash128> before;
  for (std::uint32_t i = 0; i < ids.size(); ++i) {
    if (!before.insert(ids[i]).second) out.push_back(i);
  }
  auto rows = connection.query(kRead, exact_ids_params(id, ids));
  if (!rows) return tl::unexpected(rows.error());
  for (int i = 0; i < rows->size(); ++i) out.push_back(static_cast<std::uint32_t>(rows->int64(i, 0)));
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace foldline::postgres
