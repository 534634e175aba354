#include "sinks/postgres/generations.h"

#include <fmt/format.h>

#include <set>

#include "sinks/postgres/catalog.h"
#include "sinks/postgres/exact_ids.h"
#include "sinks/postgres/system_schema.h"

namespace foldline::postgres {

const char* const kStateSql = "SELECT state FROM foldline.generation WHERE projection = $1::text AND generation = $2::int8 FOR SHARE";

namespace {

GenerationState parse_state(const std::string& text) {
  if (text == "building") return GenerationState::building;
  if (text == "dropped") return GenerationState::dropped;
  return text == "retired" ? GenerationState::retired : GenerationState::live;
}

void ensure_schema(pqxx::work& transaction, const std::string& schema) {
  const pqxx::result found = transaction.exec("SELECT FROM pg_namespace WHERE nspname = " + quote_literal(schema));
  if (found.empty()) transaction.exec("CREATE SCHEMA " + quote_identifier(schema));
}

// Who may read the live table may read the one that takes its place.
void copy_grants(pqxx::work& transaction, const TableName& from, const TableName& to) {
  const pqxx::result grants = transaction.exec(
      fmt::format("SELECT x.privilege_type, coalesce(quote_ident(r.rolname), 'PUBLIC'), x.is_grantable FROM pg_class c"
                  " JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee"
                  " WHERE n.nspname = {} AND c.relname = {} AND x.grantee <> c.relowner",
                  quote_literal(from.schema), quote_literal(from.table)));
  for (const auto& grant : grants) {
    transaction.exec(fmt::format("GRANT {} ON {} TO {}{}", grant[0].as<std::string>(), to.quoted(), grant[1].as<std::string>(),
                                 grant[2].as<bool>() ? " WITH GRANT OPTION" : ""));
  }
}

void move_table(pqxx::work& transaction, const TableName& from, const std::string& to_schema) {
  transaction.exec(fmt::format("ALTER TABLE {} SET SCHEMA {}", from.quoted(), quote_identifier(to_schema)));
  transaction.exec(fmt::format("UPDATE foldline.view SET table_schema = {} WHERE table_schema = {} AND table_name = {}",
                               quote_literal(to_schema), quote_literal(from.schema), quote_literal(from.table)));
}

std::vector<TableName> tables_of(pqxx::work& transaction, const std::string& projection, std::int64_t generation) {
  std::vector<TableName> out;
  const pqxx::result rows = transaction.exec(
      fmt::format("SELECT table_schema, table_name FROM foldline.view WHERE projection = {} AND generation = {} ORDER BY 1, 2",
                  quote_literal(projection), generation));
  for (const auto& row : rows) out.push_back({row[0].as<std::string>(), row[1].as<std::string>()});
  return out;
}

void drop_schema_if_empty(pqxx::work& transaction, const std::string& schema) {
  const pqxx::result left = transaction.exec(
      fmt::format("SELECT FROM pg_namespace n WHERE n.nspname = {0} AND NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid)",
                  quote_literal(schema)));
  if (!left.empty()) transaction.exec("DROP SCHEMA " + quote_identifier(schema));
}

// `analytics__g2` → `analytics`.
std::string live_schema(const std::string& schema, std::int64_t generation) {
  const std::string suffix = generation_schema("", generation);
  return schema.ends_with(suffix) ? schema.substr(0, schema.size() - suffix.size()) : schema;
}

}  // namespace

std::string generation_schema(std::string_view schema, std::int64_t generation) { return fmt::format("{}__g{}", schema, generation); }

std::int64_t live_generation(pqxx::work& transaction, const std::string& projection) {
  const pqxx::result found = transaction.exec(
      fmt::format("SELECT max(generation) FROM foldline.generation WHERE projection = {} AND state = 'live'", quote_literal(projection)));
  return found[0][0].is_null() ? 1 : found[0][0].as<std::int64_t>();
}

std::vector<Generation> read_generations(pqxx::work& transaction, const std::string& projection) {
  std::vector<Generation> out;
  if (transaction.exec("SELECT to_regclass('foldline.generation')")[0][0].is_null()) return out;
  const pqxx::result rows = transaction.exec(
      fmt::format("SELECT generation, state FROM foldline.generation WHERE projection = {} ORDER BY 1", quote_literal(projection)));
  for (const auto& row : rows) out.push_back({row[0].as<std::int64_t>(), parse_state(row[1].as<std::string>())});
  return out;
}

Result<void> check_state(pqxx::work& transaction, const StoreShared& shared) {
  const pqxx::result found = transaction.exec(fmt::format("SELECT state FROM foldline.generation WHERE projection = {} AND generation = {}",
                                                          quote_literal(shared.id.projection), shared.id.generation));
  const std::string wanted = shared.building ? "building" : "live";
  if (!found.empty() && found[0][0].as<std::string>() == wanted) return {};
  return fail(ErrorCode::superseded, fmt::format("generation {} of {} is not {}", shared.id.generation, shared.id.projection, wanted),
              "look at the generations: foldline rebuild FILE --list");
}

// Crash at any step: the transaction is gone, the old generation is live. After COMMIT the new one is; a worker of the old one then finds
// another owner in its checkpoints (G1), and its open() finds the generation retired (kStateSql).
Result<void> go_live(pqxx::work& transaction, const StoreShared& shared) {
  const std::string projection = quote_literal(shared.id.projection);
  transaction.exec(fmt::format("SELECT pg_advisory_xact_lock({}); SET LOCAL lock_timeout = {}", kPrepareLock, kGoLiveLockTimeoutMs));
  if (auto ok = check_state(transaction, shared); !ok) return ok;
  const std::int64_t old = live_generation(transaction, shared.id.projection);
  transaction.exec(fmt::format("SELECT FROM foldline.generation WHERE projection = {} ORDER BY generation FOR UPDATE", projection));
  // Commits under way end first; those that come after find themselves fenced.
  transaction.exec(
      fmt::format("SELECT FROM foldline.checkpoint WHERE projection = {} AND generation IN ({}, {}) ORDER BY generation, topic,"
                  " partition FOR UPDATE",
                  projection, old, shared.id.generation));
  transaction.exec(fmt::format("UPDATE foldline.checkpoint SET owner = gen_random_uuid() WHERE projection = {} AND generation IN ({}, {})",
                               projection, old, shared.id.generation));
  std::set<std::string> left;
  std::vector<ViewLayout> live = shared.layouts;
  for (ViewLayout& layout : live) layout.table.schema = live_schema(layout.table.schema, shared.id.generation);
  const std::vector<TableName> retiring = tables_of(transaction, shared.id.projection, old);
  for (std::size_t i = 0; i < live.size(); ++i) {  // while both are there
    for (const TableName& table : retiring) {
      if (table.schema == live[i].table.schema && table.table == live[i].table.table)
        copy_grants(transaction, table, shared.layouts[i].table);
    }
  }
  for (const TableName& table : retiring) {
    ensure_schema(transaction, generation_schema(table.schema, old));
    move_table(transaction, table, generation_schema(table.schema, old));
  }
  for (std::size_t i = 0; i < live.size(); ++i) {
    ensure_schema(transaction, live[i].table.schema);
    move_table(transaction, shared.layouts[i].table, live[i].table.schema);
    left.insert(shared.layouts[i].table.schema);
  }
  for (const std::string& schema : left) drop_schema_if_empty(transaction, schema);
  transaction.exec(
      fmt::format("UPDATE foldline.generation SET state = 'retired' WHERE projection = {} AND generation = {}", projection, old));
  transaction.exec(fmt::format("UPDATE foldline.generation SET state = 'live', definition = {} WHERE projection = {} AND generation = {}",
                               quote_literal(definition_json(live)), projection, shared.id.generation));
  return {};
}

Result<void> drop_generation(pqxx::work& transaction, const std::string& projection, std::int64_t number) {
  transaction.exec(fmt::format("SELECT pg_advisory_xact_lock({}); SET LOCAL lock_timeout = {}", kPrepareLock, kGoLiveLockTimeoutMs));
  for (const Generation& generation : read_generations(transaction, projection)) {
    if (generation.number == number && generation.state == GenerationState::live) {
      return fail(ErrorCode::config, fmt::format("generation {} of {} is live", number, projection), "only others can be dropped");
    }
  }
  std::set<std::string> schemas;
  for (const TableName& table : tables_of(transaction, projection, number)) {
    transaction.exec("DROP TABLE IF EXISTS " + table.quoted());
    schemas.insert(table.schema);
  }
  for (const std::string& schema : schemas) {
    if (schema.ends_with(generation_schema("", number))) drop_schema_if_empty(transaction, schema);
  }
  for (const char* table : {"view", "seen", "checkpoint"}) {
    transaction.exec(
        fmt::format("DELETE FROM foldline.{} WHERE projection = {} AND generation = {}", table, quote_literal(projection), number));
  }
  if (!transaction.exec(fmt::format("SELECT to_regclass('{}')", kExactIdsTable))[0][0].is_null()) {
    transaction.exec(
        fmt::format("DELETE FROM {} WHERE projection = {} AND generation = {}", kExactIdsTable, quote_literal(projection), number));
  }
  transaction.exec(
      fmt::format("UPDATE foldline.generation SET state = 'dropped', definition = '{{}}' WHERE projection = {} AND generation = {}",
                  quote_literal(projection), number));
  return {};
}

}  // namespace foldline::postgres
