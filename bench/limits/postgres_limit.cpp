#include "bench/limits/postgres_limit.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "sinks/postgres/binary.h"

namespace foldline::bench {

namespace {

using postgres::put;
using postgres::put_bytes;

constexpr std::string_view kCopyHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);

[[noreturn]] void give_up(PGconn* connection, std::string_view doing) {
  fmt::print(stderr, "{}: {}\n", doing, PQerrorMessage(connection));
  std::exit(1);
}

void append(std::string& out, const OrderRow& row) {
  put<std::int16_t>(out, 6);
  put_bytes(out, row.order_id);
  put_bytes(out, row.customer_id);
  put<std::int32_t>(out, 8);
  put<std::int64_t>(out, row.total_cents);
  put_bytes(out, row.currency);
  put<std::int32_t>(out, 4);
  put<std::int32_t>(out, row.item_count);
  put<std::int32_t>(out, 8);
  put<std::int64_t>(out, row.placed_at_us - postgres::kPostgresEpochUs);
}

}  // namespace

OrderRow::OrderRow(std::int64_t number)
    : order_id(fmt::format("o-{}", number)),
      customer_id(fmt::format("c-{}", number % 1'000)),
      total_cents(2'598 + number),
      currency("USD"),
      item_count(static_cast<std::int32_t>(number % 7)),
      placed_at_us(1'767'225'600'000'000 + number) {}

BareWriter::BareWriter(const std::string& conninfo, std::string table, BareWay way)
    : connection_(PQconnectdb(conninfo.c_str()), &PQfinish), table_(std::move(table)), way_(way) {
  if (PQstatus(connection_.get()) != CONNECTION_OK) give_up(connection_.get(), "connecting");
  run("SET synchronous_commit = on");
  run("CREATE TEMPORARY TABLE staged (order_id text, customer_id text, total_cents bigint, currency text, item_count integer, placed_at "
      "timestamptz)"
      " ON COMMIT DELETE ROWS");
}

void BareWriter::run(const std::string& sql) {
  PGresult* result = PQexec(connection_.get(), sql.c_str());
  const ExecStatusType status = PQresultStatus(result);
  PQclear(result);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN) give_up(connection_.get(), sql);
}

double BareWriter::commit(const Load& load, std::int64_t n) {
  data_ = kCopyHeader;
  for (std::int64_t i = n; i < n + load.batch_rows; ++i) append(data_, OrderRow(load.number_of(i)));
  put<std::int16_t>(data_, -1);
  const auto start = std::chrono::steady_clock::now();
  if (way_ == BareWay::copy) {
    copy_into(table_);
  } else {
    run("BEGIN");
    copy_into("staged");
    run(
        fmt::format("INSERT INTO {} SELECT * FROM staged ON CONFLICT (order_id) DO UPDATE SET customer_id = excluded.customer_id,"
                    " total_cents = excluded.total_cents, currency = excluded.currency, item_count = excluded.item_count, placed_at = "
                    "excluded.placed_at",
                    table_));
    run("COMMIT");
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void BareWriter::copy_into(const std::string& table) {
  PGconn* c = connection_.get();
  run(fmt::format("COPY {} FROM STDIN (FORMAT binary)", table));
  if (PQputCopyData(c, data_.data(), static_cast<int>(data_.size())) != 1 || PQputCopyEnd(c, nullptr) != 1) give_up(c, "COPY");
  while (PGresult* result = PQgetResult(c)) {
    if (PQresultStatus(result) != PGRES_COMMAND_OK) give_up(c, "COPY");
    PQclear(result);
  }
}

}  // namespace foldline::bench
