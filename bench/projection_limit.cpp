// PostgreSQL's limit for one projection: the rows that a worker writes for a topic, replayed without a worker. No Kafka while the clock
// runs, no checkpoint, no processed IDs, no fence, no order: COPY into temporary tables, INSERT ... SELECT ... ON CONFLICT, COMMIT.
//
//   KAFKA_BROKERS=... POSTGRES_URL=... build/bench/projection_limit orders-analytics.yaml [BATCH_RECORDS]
//
// The tables are made by the product in the file's database, which should hold nothing else. One line of JSON: records, rows, seconds.
#include <fmt/format.h>
#include <libpq-fe.h>

#include <chrono>
#include <cstdlib>
#include <memory>

#include "bench/limits/folded_rows.h"
#include "sinks/postgres/layout.h"
#include "sinks/registry.h"

namespace foldline::bench {
namespace {

[[noreturn]] void give_up(std::string_view why) {
  fmt::print(stderr, "{}\n", why);
  std::exit(1);
}

// What a plain program would say: absent fields stay, sums add up, all else is overwritten, stamps rise.
std::string assignment(const ViewSchema& view, const Field& field, const std::string& name) {
  if (field.ops == op_bit(Op::set)) return fmt::format("{0} = coalesce(excluded.{0}, t.{0})", name);
  if (field.ops == op_bit(Op::add)) return fmt::format("{0} = coalesce(t.{0}, 0) + coalesce(excluded.{0}, 0)", name);
  give_up(fmt::format("view {}, field {}: the limit knows `set` and `add` alone", view.name, field.name));
}

struct ViewLoad {
  explicit ViewLoad(const postgres::ViewLayout& layout) {
    std::string columns = layout.key_list;
    std::string sets;
    for (std::size_t i = 0; i < layout.fields.size(); ++i) {
      columns += ", " + layout.fields[i].name;
      sets += (sets.empty() ? "" : ", ") + assignment(layout.schema, layout.schema.fields[i], layout.fields[i].name);
    }
    for (const postgres::GuardColumn& guard : layout.guards) {
      columns += ", " + guard.name;
      sets += fmt::format(", {0} = greatest(t.{0}, excluded.{0})", guard.name);
    }
    const std::string staging = fmt::format("limit_{}", layout.view);
    create = fmt::format("CREATE TEMPORARY TABLE {} ON COMMIT DELETE ROWS AS SELECT {} FROM {} WHERE false", staging, columns,
                         layout.table.quoted());
    copy = fmt::format("COPY {} FROM STDIN (FORMAT binary)", staging);
    insert = fmt::format("INSERT INTO {} AS t ({}) SELECT {} FROM {} ON CONFLICT ({}) DO UPDATE SET {}", layout.table.quoted(), columns,
                         columns, staging, layout.key_list, sets);
  }
  std::string create;
  std::string copy;
  std::string insert;
};

class Replay {
 public:
  Replay(const std::string& url, const std::vector<ViewLoad>& views) : connection_(PQconnectdb(url.c_str()), &PQfinish), views_(views) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) give_up(PQerrorMessage(connection_.get()));
    for (const ViewLoad& view : views_) run(view.create);
  }

  void commit(const FoldedBatch& batch) {
    run("BEGIN");
    for (std::size_t v = 0; v < views_.size(); ++v) {
      if (!batch.copy_data[v].empty()) copy(views_[v], batch.copy_data[v]);
    }
    for (std::size_t v = 0; v < views_.size(); ++v) {
      if (!batch.copy_data[v].empty()) run(views_[v].insert);
    }
    run("COMMIT");
  }

 private:
  void run(const std::string& sql) {
    PGresult* result = PQexec(connection_.get(), sql.c_str());
    const ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_COPY_IN) give_up(fmt::format("{}: {}", sql, PQerrorMessage(connection_.get())));
  }

  void copy(const ViewLoad& view, const std::string& data) {
    PGconn* c = connection_.get();
    run(view.copy);
    if (PQputCopyData(c, data.data(), static_cast<int>(data.size())) != 1 || PQputCopyEnd(c, nullptr) != 1) give_up(PQerrorMessage(c));
    while (PGresult* result = PQgetResult(c)) {
      if (PQresultStatus(result) != PGRES_COMMAND_OK) give_up(fmt::format("{}: {}", view.copy, PQerrorMessage(c)));
      PQclear(result);
    }
  }

  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
  const std::vector<ViewLoad>& views_;
};

std::vector<ViewLoad> make_tables(const FoldedRows& rows) {
  const config::ProjectionFile& file = rows.projection->file;
  const StoreContext context{{file.projection, 1}, rows.projection->views, file.id_window};
  auto store = open_store(file.store, context);
  if (!store) give_up(store.error().message);
  if (auto ok = (*store)->prepare(); !ok) give_up(ok.error().message);
  std::vector<ViewLoad> out;
  for (const ViewSchema& view : rows.projection->views) {
    auto layout =
        postgres::make_layout(view, static_cast<std::uint32_t>(out.size()), file.store.schema.empty() ? "public" : file.store.schema);
    if (!layout) give_up(layout.error().message);
    out.emplace_back(*layout);
  }
  return out;
}

void run(const std::string& file, const std::string& brokers, const std::string& url, std::size_t batch_records) {
  const FoldedRows rows = fold_topic(file, brokers, batch_records);
  const std::vector<ViewLoad> views = make_tables(rows);
  Replay replay(url, views);
  const auto start = std::chrono::steady_clock::now();
  for (const FoldedBatch& batch : rows.batches) replay.commit(batch);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print("{{\"records\": {}, \"batches\": {}, \"rows\": {}, \"seconds\": {:.3f}}}\n", rows.records, rows.batches.size(), rows.rows,
             seconds);
}

}  // namespace
}  // namespace foldline::bench

int main(int argc, char** argv) {
  const char* brokers = std::getenv("KAFKA_BROKERS");
  const char* url = std::getenv("POSTGRES_URL");
  if (argc < 2 || brokers == nullptr || url == nullptr) {
    fmt::print(stderr, "usage: KAFKA_BROKERS=... POSTGRES_URL=... {} FILE [BATCH_RECORDS]\n", argv[0]);
    return 2;
  }
  foldline::bench::run(argv[1], brokers, url, argc > 2 ? static_cast<std::size_t>(std::atoll(argv[2])) : 10'000);
  return 0;
}
