// How fast PostgreSQL itself takes the orders' rows over one connection, encoded before the clock starts: no Kafka, no checkpoint, no
// processed IDs, no fence.
//
//   POSTGRES_URL=... build/bench/postgres_rows --mode copy --rows 1000000
//
// copy: binary COPY straight into a new table with its primary key, a transaction for each batch.
// upsert: the table holds all keys already; COPY into a temporary table, then INSERT ... SELECT ... ON CONFLICT DO UPDATE of every column.
// One line of JSON: rows, seconds. The table is dropped first, and stays afterwards.
#include <libpq-fe.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string_view>
#include <vector>

#include "bench/limits/program.h"
#include "bench/orders/order.h"
#include "sinks/postgres/binary.h"

namespace foldline::bench {
namespace {

constexpr std::string_view kCopyHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
constexpr std::int64_t kCustomers = 1'000;
constexpr const char* kColumns =
    "order_id text {}, customer_id text, total_cents bigint, currency text, item_count integer, placed_at timestamptz";

struct Options {
  std::string url;
  std::string mode = "copy";
  std::int64_t rows = 1'000'000;
  std::int64_t batch_rows = 10'000;
};

void append_row(std::string& out, const Order& order) {
  using postgres::put;
  put<std::int16_t>(out, 6);
  postgres::put_bytes(out, order.order_id);
  postgres::put_bytes(out, order.customer_id);
  put<std::int32_t>(out, 8);
  put<std::int64_t>(out, order.total_cents);
  postgres::put_bytes(out, order.currency);
  put<std::int32_t>(out, 4);
  put<std::int32_t>(out, order.item_count);
  put<std::int32_t>(out, 8);
  put<std::int64_t>(out, order.placed_at_us - postgres::kPostgresEpochUs);
}

class Table {
 public:
  explicit Table(const Options& options) : options_(options), connection_(PQconnectdb(options.url.c_str()), &PQfinish) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) give_up("{}", PQerrorMessage(connection_.get()));
    run("SET client_min_messages = warning");
    run("DROP TABLE IF EXISTS bare_orders");
    run("CREATE TABLE bare_orders (" + fmt::format(fmt::runtime(kColumns), "PRIMARY KEY") + ")");
  }

  double load(bool upsert, std::int64_t revision) {
    if (upsert) run("CREATE TEMPORARY TABLE staged (" + fmt::format(fmt::runtime(kColumns), "") + ") ON COMMIT DELETE ROWS");
    const std::vector<std::string> batches = encode(revision);
    run("CHECKPOINT");
    const Stopwatch watch;
    for (const std::string& batch : batches) upsert ? upsert_batch(batch) : copy("bare_orders", batch);
    return watch.seconds();
  }

 private:
  std::vector<std::string> encode(std::int64_t revision) const {
    std::vector<std::string> out;
    for (std::int64_t n = 0; n < options_.rows; ++n) {
      if (n % options_.batch_rows == 0) out.emplace_back(kCopyHeader);
      append_row(out.back(), Order(n, n % kCustomers, revision));
      if ((n + 1) % options_.batch_rows == 0 || n + 1 == options_.rows) postgres::put<std::int16_t>(out.back(), -1);
    }
    return out;
  }

  void upsert_batch(const std::string& batch) {
    run("BEGIN");
    copy("staged", batch);
    run("INSERT INTO bare_orders SELECT * FROM staged ON CONFLICT (order_id) DO UPDATE SET customer_id = excluded.customer_id, "
        "total_cents = excluded.total_cents, currency = excluded.currency, item_count = excluded.item_count, "
        "placed_at = excluded.placed_at");
    run("COMMIT");
  }

  void copy(const std::string& table, const std::string& data) {
    PGconn* c = connection_.get();
    run("COPY " + table + " FROM STDIN (FORMAT binary)");
    if (PQputCopyData(c, data.data(), static_cast<int>(data.size())) != 1 || PQputCopyEnd(c, nullptr) != 1) {
      give_up("COPY: {}", PQerrorMessage(c));
    }
    while (PGresult* result = PQgetResult(c)) {
      if (PQresultStatus(result) != PGRES_COMMAND_OK) give_up("COPY: {}", PQerrorMessage(c));
      PQclear(result);
    }
  }

  void run(const std::string& sql) {
    PGresult* result = PQexec(connection_.get(), sql.c_str());
    const ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_COPY_IN) give_up("{}: {}", sql, PQerrorMessage(connection_.get()));
  }

  const Options& options_;
  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
};

void run(const Options& options) {
  Table table(options);
  double seconds = table.load(false, 0);
  if (options.mode == "upsert") seconds = table.load(true, 1);
  fmt::print("{{\"events\": {}, \"seconds\": {:.6f}}}\n", options.rows, seconds);
}

}  // namespace
}  // namespace foldline::bench

int main(int argc, char** argv) {
  foldline::bench::Options options;
  CLI::App app{"PostgreSQL alone"};
  app.add_option("--url", options.url, "of a database whose table bare_orders may go")->envname("POSTGRES_URL")->required();
  app.add_option("--mode", options.mode)->check(CLI::IsMember({"copy", "upsert"}))->capture_default_str();
  app.add_option("--rows", options.rows)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--batch-rows", options.batch_rows)->check(CLI::Range(1, 10'000'000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  foldline::bench::run(options);
  return 0;
}
