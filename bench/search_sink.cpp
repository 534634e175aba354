// The search sink against the store's own limit, in one run, batch by batch in turns, so that a noisy machine hits both alike.
//
//   SEARCH_URL=... build/bench/search_sink [ROWS] [BATCH_ROWS]
//
// The limit: the same documents by `_bulk` requests that were built before the clock starts, into an index of the same mapping. The sink
// does the whole protocol: folding into documents, watermarks, seq_no, processed IDs, checkpoints. Goal: at least 0.7 of the limit.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "bench/limits/postgres_limit.h"
#include "common/arena.h"
#include "sinks/elasticsearch/store.h"

namespace foldline::bench {
namespace {

namespace es = foldline::elasticsearch;

constexpr int kPartitions = 4;
constexpr std::size_t kIdBytes = 20;
constexpr std::size_t kBulkItems = 5'000;

[[noreturn]] void give_up(const Error& error) {
  fmt::print(stderr, "{}\n{}\n", error.message, error.hint);
  std::exit(1);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Field field(const char* name, TypeKind kind) {
  Field out;
  out.name = name;
  out.type.kind = kind;
  out.ops = op_bit(Op::set);
  return out;
}

ViewSchema orders_view(const std::string& index) {
  ViewSchema out;
  out.name = out.store_name = index;
  out.kind = "index";
  out.index.shards = 1;
  out.index.replicas = 0;
  out.index.refresh_interval = "30s";
  out.key.push_back({"order_id", field("order_id", TypeKind::keyword).type, ""});
  out.fields = {field("customer_id", TypeKind::keyword), field("total_cents", TypeKind::bigint), field("currency", TypeKind::keyword),
                field("item_count", TypeKind::int32), field("placed_at", TypeKind::timestamptz)};
  return out;
}

std::vector<Value> values_of(const OrderRow& order, std::int64_t round, Arena& arena) {
  return {Value::text(arena.copy(order.customer_id)), Value::integer(order.total_cents + round), Value::text(arena.copy(order.currency)),
          Value::integer(order.item_count), Value::timestamp(order.placed_at_us)};
}

// Prebuilt bodies of the same documents.
class BareBulk {
 public:
  BareBulk(const es::HttpOptions& http, const std::string& index) : cluster_(http), view_(orders_view(index)) {
    layout_ = *es::make_layout(view_, 0, {"bench", 1});
    auto store = es::ElasticsearchStore::make({.http = http, .family = "", .limits = {}, .tombstones = {}}, {"bench", 1}, {view_});
    if (auto ok = (*store)->prepare(); !ok) give_up(ok.error());
  }

  double commit(const Load& load, std::int64_t n, std::int64_t round) {
    std::vector<es::BulkBody> bodies;
    Arena arena;
    const std::vector<es::Watermark> marks = {{"orders-0", n + 1}};
    for (std::int64_t i = 0; i < load.batch_rows; ++i) {
      if (i % static_cast<std::int64_t>(kBulkItems) == 0) bodies.emplace_back();
      const OrderRow order(load.number_of(n + i));
      const Value key = Value::text(order.order_id);
      rows::StoredRow row = rows::new_row(view_, &key);
      const auto values = values_of(order, round, arena);
      for (std::size_t f = 0; f < values.size(); ++f) row.fields[f] = rows::OwnedValue(values[f]);
      bodies.back().begin(es::BulkOp::index, {order.order_id, {}}, -1, 0);
      if (auto ok = es::append_document(bodies.back().text(), layout_, row, marks); !ok) give_up(ok.error());
      bodies.back().end();
    }
    const auto start = std::chrono::steady_clock::now();
    for (const es::BulkBody& body : bodies) {
      const auto items = cluster_.bulk("/" + layout_.write_alias + "/_bulk?require_alias=true", body, "bench");
      if (!items) give_up(items.error().error);
      for (const es::ItemAnswer& item : *items) {
        if (!item.ok()) give_up(es::error_of(item, "bench"));
      }
    }
    return seconds_since(start);
  }

 private:
  es::Cluster cluster_;
  ViewSchema view_;
  es::ViewLayout layout_;
};

class SinkLoad {
 public:
  SinkLoad(const es::HttpOptions& http, const std::string& index) : owner_(Uuid::random()) {
    auto store =
        es::ElasticsearchStore::make({.http = http, .family = "", .limits = {}, .tombstones = {}}, {index, 1}, {orders_view(index)});
    if (!store) give_up(store.error());
    store_ = std::move(*store);
    if (auto ok = store_->prepare(); !ok) give_up(ok.error());
    sink_ = std::move(*store_->new_sink());
    for (int p = 0; p < kPartitions; ++p) places_.push_back({"orders", p});
    if (auto ok = sink_->open({places_, owner_, 250'000}); !ok) give_up(ok.error());
  }

  double commit(const Load& load, std::int64_t n, std::int64_t round) {
    arena_.reset();
    const std::int64_t each = load.batch_rows / kPartitions;
    std::vector<FoldedRow> rows(static_cast<std::size_t>(load.batch_rows));
    std::vector<RowSource> sources(rows.size());
    std::vector<FoldedRow*> pointers;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::int64_t offset = next_offset_ + static_cast<std::int64_t>(i) % each;
      sources[i] = {&places_[i / static_cast<std::size_t>(each)], offset, offset};
      fill(rows[i], OrderRow(load.number_of(n + static_cast<std::int64_t>(i))), round);
      rows[i].sources = {&sources[i], 1};
      pointers.push_back(&rows[i]);
    }
    const ViewRows view{0, pointers};
    const std::string ids(static_cast<std::size_t>(each) * kIdBytes, '\x5a');
    std::vector<PartitionCommit> partitions;
    const Uuid batch_id = Uuid::random();
    for (const TopicPartition& place : places_) {
      PartitionCommit& part = partitions.emplace_back();
      part.topic_partition = &place;
      part.expected_offset = next_offset_;
      part.expected_missing = next_offset_ == 0;
      part.after.next_offset = next_offset_ + each;
      part.ids = ids;
      part.ids_first_offset = next_offset_;
      part.ids_last_offset = next_offset_ + each - 1;
    }
    next_offset_ += each;
    const auto start = std::chrono::steady_clock::now();
    const CommitResult result = sink_->commit({owner_, batch_id, partitions, {&view, 1}});
    const double seconds = seconds_since(start);
    if (result.status != CommitStatus::committed) give_up(result.error);
    return seconds;
  }

 private:
  void fill(FoldedRow& row, const OrderRow& order, std::int64_t round) {
    Value* key = arena_.array<Value>(1);
    key[0] = Value::text(arena_.copy(order.order_id));
    row.key = key;
    row.upserted = true;
    const auto values = values_of(order, round, arena_);
    row.cells = arena_.array<Cell>(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) row.cells[i] = Cell{CellState::set, Op::set, values[i]};
  }

  Uuid owner_;
  std::unique_ptr<es::ElasticsearchStore> store_;
  std::unique_ptr<Sink> sink_;
  std::vector<TopicPartition> places_;
  Arena arena_;
  std::int64_t next_offset_ = 0;
};

void compare(const es::HttpOptions& http, const Load& load) {
  const std::string run = "bench-" + Uuid::random().to_string().substr(0, 8);
  {
    BareBulk bare(http, run + "-bare");
    SinkLoad lane(http, run + "-sink");
    for (std::int64_t round = 0; round < 2; ++round) {
      double limit_s = 0;
      double sink_s = 0;
      for (std::int64_t n = 0; n < load.rows; n += load.batch_rows) {
        limit_s += bare.commit(load, n, round);
        sink_s += lane.commit(load, n, round);
      }
      const double rows = static_cast<double>(load.rows);
      fmt::print("{:<14} limit {:>8.0f} documents/s   sink {:>8.0f} documents/s   sink/limit {:.2f}\n", round == 0 ? "new" : "update",
                 rows / limit_s, rows / sink_s, limit_s / sink_s);
    }
  }
  es::HttpClient client(http);
  for (const char* what : {"-bare-g1", "-sink-g1"})
    static_cast<void>(client.send({es::Method::remove, "/" + run + what, es::ContentType::json, {}}));
}

}  // namespace
}  // namespace foldline::bench

int main(int argc, char** argv) {
  const char* url = std::getenv("SEARCH_URL");
  if (url == nullptr) {
    fmt::print(stderr, "set SEARCH_URL\n");
    return 2;
  }
  foldline::bench::Load load;
  load.rows = argc > 1 ? std::atoll(argv[1]) : 200'000;
  load.batch_rows = argc > 2 ? std::atoll(argv[2]) : 10'000;
  load.number_of = [rows = load.rows](std::int64_t n) { return n * 7'919 % rows; };
  fmt::print("{} documents in batches of {}\n", load.rows, load.batch_rows);
  foldline::elasticsearch::HttpOptions http;
  http.urls = {foldline::Secret(url)};
  foldline::bench::compare(http, load);
  return 0;
}
