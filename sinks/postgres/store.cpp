#include "sinks/postgres/store.h"

#include <fmt/format.h>

#include <pqxx/pqxx>
#include <set>

#include "sinks/postgres/catalog.h"
#include "sinks/postgres/system_schema.h"
#include "sinks/postgres/view_schema.h"

namespace foldline::postgres {

namespace {

// "ERROR:  message\nDETAIL:  ..." → "message". The detail may quote rows.
std::string first_line(std::string_view text) {
  constexpr std::size_t kLongestSeverity = 12;
  text = text.substr(0, text.find('\n'));
  const std::size_t colon = text.find(":  ");
  if (colon < kLongestSeverity) text.remove_prefix(colon + 3);
  return std::string(text);
}

// libpqxx throws; the rest of Foldline does not. `work` runs in one transaction that is committed when it answers a value.
template <class T, class Work>
Result<T> in_transaction(const StoreShared& shared, std::string_view doing, Work work) {
  // libpq's own attempt first: it tells a wrong password from a server that is away, which libpqxx does not.
  if (auto probe = Connection::open(shared.connect); !probe) return fail(probe.error());
  const auto url = connection_string(shared.connect);
  if (!url) return fail(url.error());
  try {
    pqxx::connection connection(url->reveal());
    pqxx::work transaction(connection);
    transaction.exec("SET LOCAL client_min_messages = error; SET LOCAL search_path = pg_catalog");
    Result<T> out = work(transaction);
    if (out) transaction.commit();
    return out;
  } catch (const pqxx::broken_connection&) {
    return fail(error_of(Failure{}, fmt::format("{}: the connection to PostgreSQL was lost", doing)));
  } catch (const pqxx::sql_error& error) {
    Failure failure;
    failure.sqlstate = error.sqlstate();
    failure.message = first_line(error.what());
    return fail(error_of(failure, doing));
  } catch (const std::exception& error) {
    return fail(ErrorCode::store_unavailable, fmt::format("{}: {}", doing, first_line(error.what())), "the worker tries again", true);
  }
}

// How long prepare() waits for a table that others are using; they keep working meanwhile only up to here.
constexpr int kAlterLockTimeoutMs = 10'000;

}  // namespace

Result<std::unique_ptr<PostgresStore>> PostgresStore::make(const StoreOptions& options, const ProjectionId& id,
                                                           const std::vector<ViewSchema>& views) {
  auto shared = std::make_shared<StoreShared>();
  shared->id = id;
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
    shared->layouts.push_back(std::move(*layout));
  }
  return std::unique_ptr<PostgresStore>(new PostgresStore(std::move(shared)));
}

Result<void> PostgresStore::prepare() {
  return in_transaction<void>(*shared_, "preparing the store", [&](pqxx::work& transaction) -> Result<void> {
    // Ten workers may start at once: one prepares, the others then find all done. The lock goes with the transaction.
    transaction.exec(
        fmt::format("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock({})", kPrepareLock));
    transaction.exec(fmt::format("SET LOCAL lock_timeout = {}", kAlterLockTimeoutMs));
    if (auto ok = prepare_system_schema(transaction); !ok) return ok;
    for (const ViewLayout& layout : shared_->layouts) {
      if (auto ok = prepare_view(transaction, shared_->id, layout); !ok) return ok;
    }
    transaction.exec(
        fmt::format("INSERT INTO foldline.generation (projection, generation, definition) VALUES ({}, {}, {})"
                    " ON CONFLICT (projection, generation) DO UPDATE SET definition = excluded.definition"
                    " WHERE generation.definition IS DISTINCT FROM excluded.definition",
                    quote_literal(shared_->id.projection), shared_->id.generation, quote_literal(definition_json(shared_->layouts))));
    return {};
  });
}

Result<std::unique_ptr<Sink>> PostgresStore::new_sink() { return std::make_unique<PostgresSink>(shared_); }

Result<std::vector<StoredCheckpoint>> PostgresStore::checkpoints() {
  using Stored = std::vector<StoredCheckpoint>;
  return in_transaction<Stored>(*shared_, "reading the checkpoints", [&](pqxx::work& transaction) -> Result<Stored> {
    Stored out;
    if (transaction.exec("SELECT to_regclass('foldline.checkpoint')")[0][0].is_null()) return out;
    const pqxx::result rows = transaction.exec(
        fmt::format("SELECT topic, partition, next_offset, owner::text, batch_id::text, topic_id, leader_epoch, anchor_offset, anchor_hash,"
                    " max_event_time_us FROM foldline.checkpoint WHERE projection = {} AND generation = {} AND next_offset IS NOT NULL"
                    " ORDER BY topic, partition",
                    quote_literal(shared_->id.projection), shared_->id.generation));
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
