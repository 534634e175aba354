// The PostgreSQL sink against PostgreSQL's own limit, in one run, batch by batch in turns, so that a noisy machine hits both alike.
//
//   POSTGRES_URL=... build/bench/postgres_sink [ROWS] [BATCH_ROWS]
//
// The sink does the whole protocol: encoding, compare-and-set of 4 checkpoints, rows, 20 bytes of packed processed IDs an event, moved
// checkpoints, COMMIT. The limit is handed its rows encoded. Goals: 0.8 of COPY for new keys, 0.9 of the staged upsert for updates, 0.5 of
// COPY in events for orders that are placed and then shipped, a fifth of them in a later batch.
//
// Beside the time: processor seconds of both backends (and of this process in the sink), which a busy machine does not change. `no IDs`
// does without processed IDs: what they cost.
#include <fmt/format.h>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <pqxx/pqxx>
#include <sstream>

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

// Which rows a batch has, beside those that are placed and complete.
enum class Mix {
  one_event,            // every row: all fields
  placed_then_shipped,  // a fifth of the orders are shipped (their item_count, here) a batch later
};

double process_cpu_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Of a process of this machine (proc(5), the 14th and 15th field); 0 where it can't be read.
double cpu_of(int pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

class SinkLoad {
 public:
  SinkLoad(const std::string& url, const std::string& table, const std::string& projection, Mix mix, bool with_ids)
      : owner_(Uuid::random()), mix_(mix), with_ids_(with_ids) {
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
    std::vector<FoldedRow> rows;
    rows.reserve(static_cast<std::size_t>(2 * load.batch_rows));
    for (std::int64_t i = n; i < n + load.batch_rows; ++i) {
      const bool later = mix_ == Mix::placed_then_shipped && i % 5 == 0;
      fill(rows.emplace_back(), OrderRow(load.number_of(i)), later ? kPlaced : kAll);
      if (later && i >= load.batch_rows) fill(rows.emplace_back(), OrderRow(load.number_of(i - load.batch_rows)), kShipped);
    }
    std::vector<FoldedRow*> pointers;
    for (FoldedRow& row : rows) pointers.push_back(&row);
    const ViewRows view{0, pointers};
    const std::int64_t events = mix_ == Mix::placed_then_shipped ? 2 * load.batch_rows : load.batch_rows;
    const std::int64_t each = std::max<std::int64_t>(events / kPartitions, 1);
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
      if (!with_ids_) continue;
      part.ids = ids;
      part.ids_first_offset = next_offset_;
      part.ids_last_offset = next_offset_ + each - 1;
      part.trim_ids_below = next_offset_ - kIdWindow;
    }
    next_offset_ += each;
    const CommitBatch batch{owner_, Uuid::random(), partitions, {&view, 1}};
    const double cpu_before_s = process_cpu_s();
    const auto start = std::chrono::steady_clock::now();
    const CommitResult result = sink_->commit(batch);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    cpu_s_ += process_cpu_s() - cpu_before_s;
    if (result.status != CommitStatus::committed) give_up(result.error);
    return seconds;
  }

  [[nodiscard]] double cpu_s() const { return cpu_s_; }
  [[nodiscard]] const RowWays& written() const { return dynamic_cast<const postgres::PostgresSink&>(*sink_).written(); }

 private:
  static constexpr unsigned kAll = 0b11111;
  static constexpr unsigned kShipped = 0b01000;
  static constexpr unsigned kPlaced = kAll & ~kShipped;

  void fill(FoldedRow& row, const OrderRow& order, unsigned fields) {
    Value* key = arena_.array<Value>(1);
    key[0] = Value::text(arena_.copy(order.order_id));
    row.key = key;
    row.upserted = true;
    row.cells = arena_.array<Cell>(5);
    const Value values[] = {Value::text(arena_.copy(order.customer_id)), Value::integer(order.total_cents),
                            Value::text(arena_.copy(order.currency)), Value::integer(order.item_count),
                            Value::timestamp(order.placed_at_us)};
    for (std::size_t i = 0; i < 5; ++i) row.cells[i] = (fields >> i & 1U) != 0 ? Cell{CellState::set, Op::set, values[i]} : Cell{};
  }

  Uuid owner_;
  Mix mix_;
  bool with_ids_;
  double cpu_s_ = 0;
  std::unique_ptr<postgres::PostgresStore> store_;
  std::unique_ptr<Sink> sink_;
  std::vector<TopicPartition> places_;
  Arena arena_;
  std::int64_t next_offset_ = 0;
  std::uint64_t random_ = 1;
};

struct Case {
  std::string_view name;
  BareWay limit = BareWay::upsert;
  Mix mix = Mix::one_event;
  std::int64_t stored_rows = 0;
  bool with_ids = true;
};

void compare(const std::string& url, const Load& load, const Case& what) {
  const std::string run = Uuid::random().to_string().substr(0, 8);
  const std::string bare_table = "bench_bare_" + run;
  const std::string sink_table = "bench_sink_" + run;
  pqxx::connection connection(url);
  pqxx::nontransaction work(connection);
  work.exec("SET client_min_messages = error");
  work.exec(fmt::format("CREATE TABLE {} ({})", bare_table, kOrderColumns));
  SinkLoad lane(url, sink_table, "bench-" + run, what.mix, what.with_ids);
  BareWriter bare(url, bare_table, what.limit);
  for (const std::string& table : {bare_table, sink_table}) {
    work.exec(
        fmt::format("INSERT INTO {} SELECT 'o-' || n, 'c', 0, 'EUR', 0, now() FROM generate_series(0, {}) n", table, what.stored_rows - 1));
  }
  const int sink_pid =
      work.exec(fmt::format("SELECT pid FROM pg_stat_activity WHERE application_name = 'foldline/bench-{}'", run))[0][0].as<int>();
  double limit_s = 0;
  double sink_s = 0;
  for (std::int64_t n = 0; n < load.rows; n += load.batch_rows) {
    limit_s += bare.commit(load, n);
    sink_s += lane.commit(load, n);
  }
  const double limit_cpu_s = cpu_of(bare.backend_pid());
  const double sink_cpu_s = cpu_of(sink_pid);
  work.exec(
      fmt::format("DROP TABLE {}; DROP TABLE {}; DELETE FROM foldline.view WHERE table_name = '{}'", bare_table, sink_table, sink_table));
  for (const char* table : {"generation", "seen", "checkpoint"}) {
    work.exec(fmt::format("DELETE FROM foldline.{} WHERE projection = 'bench-{}'", table, run));
  }
  const auto rows = static_cast<double>(load.rows);
  const double events = what.mix == Mix::placed_then_shipped ? 2 * rows : rows;
  fmt::print(
      "{:<22} {:<7} {:>8.0f} rows/s  sink {:>8.0f} events/s  {:.2f}   backends {:.2f} and {:.2f} s, worker {:.2f} s  copied {}, refused "
      "{}\n",
      what.name, what.limit == BareWay::copy ? "COPY" : "upsert", rows / limit_s, events / sink_s, events / sink_s * limit_s / rows,
      limit_cpu_s, sink_cpu_s, lane.cpu_s(), lane.written().copied, lane.written().refused);
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
  using foldline::bench::BareWay;
  using foldline::bench::compare;
  using foldline::bench::Mix;
  load.number_of = [](std::int64_t n) { return n; };
  compare(url, load, {.name = "new, rising", .limit = BareWay::copy});
  compare(url, load, {.name = "new, rising, no IDs", .limit = BareWay::copy, .with_ids = false});
  compare(url, load, {.name = "placed, then shipped", .limit = BareWay::copy, .mix = Mix::placed_then_shipped});
  // A permutation of [0, rows): rows is no multiple of the prime.
  load.number_of = [rows = load.rows](std::int64_t n) { return n * 7'919 % rows; };
  compare(url, load, {.name = "new, random", .limit = BareWay::copy});
  compare(url, load, {.name = "update, random", .stored_rows = load.rows});
  return 0;
}
