#include "sinks/postgres/store.h"

#include <fmt/format.h>

#include <pqxx/pqxx>
#include <set>

#include "sinks/postgres/catalog.h"
#include "sinks/postgres/exact_ids.h"
#include "sinks/postgres/generations.h"
#include "sinks/postgres/store_transaction.h"
#include "sinks/postgres/system_schema.h"
#include "sinks/postgres/view_schema.h"

namespace foldline::postgres {

namespace {

// How long prepare() waits for a table that others are using; they keep working meanwhile only up to here.
constexpr int kAlterLockTimeoutMs = 10'000;

}  // namespace

Result<std::unique_ptr<PostgresStore>> PostgresStore::make(const StoreOptions& options, const ProjectionId& id,
                                                           const std::vector<ViewSchema>& views) {
  auto shared = std::make_shared<StoreShared>();
  shared->id = id;
  shared->building = options.building;
  shared->exact_ids = options.exact_ids;
  shared->straight = options.straight;
  shared->max_array_rows = options.max_array_rows;
  if (options.building && id.generation <= 1) return fail(ErrorCode::internal, "the generation to build has no number of its own");
  shared->connect = ConnectOptions{options.url, "foldline/" + id.projection, options.timeouts};
  shared->ownership_lock_timeout_ms = options.ownership_lock_timeout_ms;
  if (auto url = connection_string(shared->connect); !url) return fail(url.error());
  std::set<std::string> tables;
  for (const ViewSchema& view : views) {
    auto layout = make_layout(view, static_cast<std::uint32_t>(shared->layouts.size()), options.schema);
    if (!layout) return fail(layout.error());
    if (!tables.insert(layout->table.quoted()).second) {
      return fail(ErrorCode::config, fmt::format("view {}: another view keeps the table {} too", view.name, layout->table.display()),
                  "give one of the views another name");
    }
    if (options.building) layout->table.schema = generation_schema(layout->table.schema, id.generation);
    if (layout->table.schema.size() > kMaxIdentifierBytes) {
      return fail(ErrorCode::config,
                  fmt::format("view {}: the schema's name {} is too long for PostgreSQL", view.name, layout->table.schema),
                  "a generation is built in a schema of its own, whose name ends with its number: shorten the schema's name");
    }
    shared->layouts.push_back(std::move(*layout));
  }
  return std::unique_ptr<PostgresStore>(new PostgresStore(std::move(shared)));
}

Result<void> PostgresStore::prepare() {
  // Which generation is live stands in the database; sinks share what is fixed from here on.
  auto shared = std::make_shared<StoreShared>(*shared_);
  auto prepared = in_transaction<void>(*shared_, "preparing the store", [&](pqxx::work& transaction) -> Result<void> {
    // Ten workers may start at once: one prepares, the others then find all done. The lock goes with the transaction.
    transaction.exec(
        fmt::format("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock({})", kPrepareLock));
    transaction.exec(fmt::format("SET LOCAL lock_timeout = {}", kAlterLockTimeoutMs));
    if (auto ok = prepare_system_schema(transaction); !ok) return ok;
    if (shared->exact_ids) prepare_exact_ids(transaction);
    if (shared->id.generation == 0) shared->id.generation = live_generation(transaction, shared->id.projection);
    for (const ViewLayout& layout : shared->layouts) {
      if (auto ok = prepare_view(transaction, shared->id, layout); !ok) return ok;
    }
    transaction.exec(
        fmt::format("INSERT INTO foldline.generation (projection, generation, state, definition) VALUES ({}, {}, {}, {})"
                    " ON CONFLICT (projection, generation) DO UPDATE SET definition = excluded.definition"
                    " WHERE generation.definition IS DISTINCT FROM excluded.definition",
                    quote_literal(shared->id.projection), shared->id.generation, shared->building ? "'building'" : "'live'",
                    quote_literal(definition_json(shared->layouts))));
    return check_state(transaction, *shared);
  });
  if (prepared) shared_ = std::move(shared);
  return prepared;
}

Result<std::vector<Generation>> PostgresStore::generations() {
  using Found = std::vector<Generation>;
  return in_transaction<Found>(*shared_, "reading the generations", [&](pqxx::work& transaction) {
    return Result<Found>(read_generations(transaction, shared_->id.projection));
  });
}

Result<bool> PostgresStore::go_live(const GoLiveStep& /*step*/) {
  const auto done = in_transaction<void>(*shared_, fmt::format("making generation {} live", shared_->id.generation),
                                         [&](pqxx::work& transaction) { return postgres::go_live(transaction, *shared_); });
  if (!done) return fail(done.error());
  return true;
}

Result<void> PostgresStore::drop_generation(std::int64_t number) {
  return in_transaction<void>(*shared_, fmt::format("dropping generation {}", number), [&](pqxx::work& transaction) {
    return postgres::drop_generation(transaction, shared_->id.projection, number);
  });
}

SinkTraits PostgresStore::traits() const {
  SinkTraits out;
  out.exact_ids = true;
  return out;
}

Result<std::unique_ptr<Sink>> PostgresStore::new_sink() { return std::make_unique<PostgresSink>(shared_); }

Result<std::vector<StoredCheckpoint>> PostgresStore::checkpoints() {
  using Stored = std::vector<StoredCheckpoint>;
  return in_transaction<Stored>(*shared_, "reading the checkpoints", [&](pqxx::work& transaction) -> Result<Stored> {
    Stored out;
    if (transaction.exec("SELECT to_regclass('foldline.checkpoint')")[0][0].is_null()) return out;
    const std::int64_t generation =
        shared_->id.generation == 0 ? live_generation(transaction, shared_->id.projection) : shared_->id.generation;
    const pqxx::result rows = transaction.exec(
        fmt::format("SELECT topic, partition, next_offset, owner::text, batch_id::text, topic_id, leader_epoch, anchor_offset, anchor_hash,"
                    " max_event_time_us FROM foldline.checkpoint WHERE projection = {} AND generation = {} AND next_offset IS NOT NULL"
                    " ORDER BY topic, partition",
                    quote_literal(shared_->id.projection), generation));
    for (const auto& row : rows) {
      StoredCheckpoint& stored = out.emplace_back();
      stored.topic_partition = {row[0].as<std::string>(), row[1].as<std::int32_t>()};
      Checkpoint& checkpoint = stored.checkpoint;
      checkpoint.next_offset = row[2].as<std::int64_t>();
      checkpoint.owner = Uuid::parse(row[3].as<std::string>()).value_or(Uuid{});
      if (!row[4].is_null()) checkpoint.batch_id = Uuid::parse(row[4].as<std::string>()).value_or(Uuid{});
      checkpoint.topic_id = row[5].as<std::string>();
      checkpoint.leader_epoch = row[6].as<std::int32_t>();
      checkpoint.anchor_offset = row[7].as<std::int64_t>();
      checkpoint.anchor_hash = static_cast<std::uint64_t>(row[8].as<std::int64_t>());
      checkpoint.max_event_time_us = row[9].as<std::int64_t>();
    }
    return out;
  });
}

// The first to come writes; the row's lock makes others wait, and they read what it wrote.
Result<std::string> PostgresStore::first_topics(const std::string& now) {
  return in_transaction<std::string>(*shared_, "reading the first topics", [&](pqxx::work& transaction) -> Result<std::string> {
    const pqxx::result kept = transaction.exec(
        fmt::format("UPDATE foldline.generation SET first_topics = coalesce(first_topics, {}) WHERE projection = {} AND generation = {}"
                    " RETURNING first_topics",
                    quote_literal(now), quote_literal(shared_->id.projection), shared_->id.generation));
    if (kept.size() == 1) return kept[0][0].as<std::string>();
    return fail(ErrorCode::store_unavailable, "the projection's row in foldline.generation is gone", "restart the worker: it makes it anew",
                true);
  });
}

Result<void> PostgresStore::ping() {
  const auto connection = Connection::open(shared_->connect);
  if (!connection) return fail(connection.error());
  return {};
}

}  // namespace foldline::postgres
