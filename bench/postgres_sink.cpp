// The PostgreSQL sink against PostgreSQL's own limit, in one run, batch by batch in turns, so that a noisy machine hits both alike.
//
//   POSTGRES_URL=... build/bench/postgres_sink [ROWS] [BATCH_ROWS]
//
// The sink does the whole protocol: encoding, staging, compare-and-set of 4 checkpoints, rows, 20 bytes of packed processed IDs an event,
// moved checkpoints, COMMIT. The limit is handed its rows encoded. Goal: at least 0.85 of the limit.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <pqxx/pqxx>

#include "bench/limits/postgres_limit.h"
#include "common/arena.h"
#include "sinks/postgres/store.h"

namespace foldline::bench {
namespace {

constexpr int kPartitions = 4;
constexpr std::size_t kIdBytes = 20;
constexpr std::int64_t kIdWindow = 250'000;

[[noreturn]] void give_up(const Error& error) {
  fmt::print(stderr, "{}\n{}\n", error.message, error.hint);
  std::exit(1);
}

Field field(const char* name, TypeKind kind) {
  Field out;
  out.name = name;
  out.type.kind = kind;
  out.ops = op_bit(Op::set);
  return out;
}

ViewSchema orders_view(const std::string& table) {
  ViewSchema out;
  out.name = table;
  out.store_name = table;
  KeyPart key;
  key.name = "order_id";
  out.key.push_back(key);
  out.fields = {field("customer_id", TypeKind::text), field("total_cents", TypeKind::bigint), field("currency", TypeKind::text),
                field("item_count", TypeKind::int32), field("placed_at", TypeKind::timestamptz)};
  return out;
}

class SinkLoad {
 public:
  SinkLoad(const std::string& url, const std::string& table, const std::string& projection) : owner_(Uuid::random()) {
    postgres::StoreOptions options;
    options.url = Secret(url);
    auto store = postgres::PostgresStore::make(options, {projection, 1}, {orders_view(table)});
    if (!store) give_up(store.error());
    store_ = std::move(*store);
    if (auto ok = store_->prepare(); !ok) give_up(ok.error());
    sink_ = std::move(*store_->new_sink());
    for (int p = 0; p < kPartitions; ++p) places_.push_back({"orders", p});
    if (auto ok = sink_->open({places_, owner_, kIdWindow}); !ok) give_up(ok.error());
  }

  double commit(const Load& load, std::int64_t n) {
    arena_.reset();
    std::vector<FoldedRow> rows(static_cast<std::size_t>(load.batch_rows));
    std::vector<FoldedRow*> pointers;
    for (std::size_t i = 0; i < rows.size(); ++i)
      pointers.push_back(fill(rows[i], OrderRow(load.number_of(n + static_cast<std::int64_t>(i)))));
    const ViewRows view{0, pointers};
    const std::int64_t each = load.batch_rows / kPartitions;
    std::string ids(static_cast<std::size_t>(each) * kIdBytes, '\0');
    for (char& byte : ids)
      byte = static_cast<char>(random_ = random_ * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL, random_ >> 56);
    std::vector<PartitionCommit> partitions;
    for (const TopicPartition& place : places_) {
      PartitionCommit& part = partitions.emplace_back();
      part.topic_partition = &place;
      part.expected_offset = next_offset_;
      part.expected_missing = next_offset_ == 0;
      part.after.next_offset = next_offset_ + each;
      part.ids = ids;
      part.ids_first_offset = next_offset_;
      part.ids_last_offset = next_offset_ + each - 1;
      part.trim_ids_below = next_offset_ - kIdWindow;
    }
    next_offset_ += each;
    const CommitBatch batch{owner_, Uuid::random(), partitions, {&view, 1}};
    const auto start = std::chrono::steady_clock::now();
    const CommitResult result = sink_->commit(batch);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (result.status != CommitStatus::committed) give_up(result.error);
    return seconds;
  }

 private:
  FoldedRow* fill(FoldedRow& row, const OrderRow& order) {
    Value* key = arena_.array<Value>(1);
    key[0] = Value::text(arena_.copy(order.order_id));
    row.key = key;
    row.upserted = true;
    row.cells = arena_.array<Cell>(5);
    const Value values[] = {Value::text(arena_.copy(order.customer_id)), Value::integer(order.total_cents),
                            Value::text(arena_.copy(order.currency)), Value::integer(order.item_count),
                            Value::timestamp(order.placed_at_us)};
    for (std::size_t i = 0; i < 5; ++i) row.cells[i] = Cell{CellState::set, Op::set, values[i]};
    return &row;
  }

  Uuid owner_;
  std::unique_ptr<postgres::PostgresStore> store_;
  std::unique_ptr<Sink> sink_;
  std::vector<TopicPartition> places_;
  Arena arena_;
  std::int64_t next_offset_ = 0;
  std::uint64_t random_ = 1;
};

void compare(const std::string& url, std::string_view name, const Load& load, std::int64_t stored_rows) {
  const std::string run = Uuid::random().to_string().substr(0, 8);
  const std::string bare_table = "bench_bare_" + run;
  const std::string sink_table = "bench_sink_" + run;
  pqxx::connection connection(url);
  pqxx::nontransaction work(connection);
  work.exec("SET client_min_messages = error");
  work.exec(fmt::format("CREATE TABLE {} ({})", bare_table, kOrderColumns));
  SinkLoad lane(url, sink_table, "bench-" + run);
  BareUpsert bare(url, bare_table);
  for (const std::string& table : {bare_table, sink_table}) {
    work.exec(
        fmt::format("INSERT INTO {} SELECT 'o-' || n, 'c', 0, 'EUR', 0, now() FROM generate_series(0, {}) n", table, stored_rows - 1));
  }
  double limit_s = 0;
  double sink_s = 0;
  for (std::int64_t n = 0; n < load.rows; n += load.batch_rows) {
    limit_s += bare.commit(load, n);
    sink_s += lane.commit(load, n);
  }
  work.exec(
      fmt::format("DROP TABLE {}; DROP TABLE {}; DELETE FROM foldline.view WHERE table_name = '{}'", bare_table, sink_table, sink_table));
  for (const char* table : {"generation", "seen", "checkpoint"}) {
    work.exec(fmt::format("DELETE FROM foldline.{} WHERE projection = 'bench-{}'", table, run));
  }
  const double rows = static_cast<double>(load.rows);
  fmt::print("{:<14} limit {:>8.0f} rows/s   sink {:>8.0f} rows/s   sink/limit {:.2f}\n", name, rows / limit_s, rows / sink_s,
             limit_s / sink_s);
}

}  // namespace
}  // namespace foldline::bench

int main(int argc, char** argv) {
  using foldline::bench::Load;
  const char* url = std::getenv("POSTGRES_URL");
  if (url == nullptr) {
    fmt::print(stderr, "set POSTGRES_URL\n");
    return 2;
  }
  Load load;
  if (argc > 1) load.rows = std::atoll(argv[1]);
  if (argc > 2) load.batch_rows = std::atoll(argv[2]);
  fmt::print("{} rows in batches of {}\n", load.rows, load.batch_rows);
  load.number_of = [](std::int64_t n) { return n; };
  foldline::bench::compare(url, "new, rising", load, 0);
  // A permutation of [0, rows): rows is no multiple of the prime.
  load.number_of = [rows = load.rows](std::int64_t n) { return n * 7'919 % rows; };
  foldline::bench::compare(url, "new, random", load, 0);
  foldline::bench::compare(url, "update, random", load, load.rows);
  return 0;
}
