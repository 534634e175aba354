// How long one core takes from a record's bytes to its changes: 310-byte order events, the projection of two views (facts and revenue of
// the day). The budget is 0.3 µs an event; simdjson alone needs 0.1 for the used fields.
//
//   build/bench/decode_project --benchmark_min_time=2
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "config/projection_file.h"
#include "projectors/declarative/compiled.h"

namespace foldline {
namespace {

constexpr const char* kProjection = R"(projection: analytics
kafka: {brokers: 'localhost:9092'}
store: {postgres: {url: 'postgres://localhost/bench'}}
source:
  topics: orders.events
  partition_key: data.order_id
  envelope: {type: event_type, id: event_id, time: occurred_at, data: payload}
views:
  fact_orders:
    key: {order_id: text}
    fields: {customer_id: text, currency: text, total_cents: bigint, item_count: int, status: {enum: [placed, shipped]}, placed_at: timestamptz, shipped_at: timestamptz}
    on_event:
      OrderPlaced: {copy: [customer_id, currency, total_cents], set: {item_count: size(data.items), status: placed, placed_at: time}}
      OrderShipped: {set: {status: shipped, shipped_at: time}}
  daily_revenue:
    key: {day: {type: date, from: date(time)}, currency: text}
    fields: {orders: bigint, revenue_cents: bigint}
    on_event:
      OrderPlaced: {add: {orders: 1, revenue_cents: data.total_cents}}
)";

// As many records as do not fit the caches, as a worker meets them.
constexpr std::size_t kEvents = 200'000;
constexpr std::size_t kBatchEvents = 5'000;

std::string make_event(std::size_t i) {
  char text[1024];
  const std::size_t order = i / 2;
  if (i % 2 == 0) {
    std::snprintf(
        text, sizeof text,
        R"({"event_type":"OrderPlaced","event_id":"%08zx-1234-4abc-a123-%012zx","schema_version":1,"occurred_at":"2026-01-01T00:00:00.123Z","producer":"order-service","payload":{"order_id":"o-%zu","customer_id":"c-%zu","items":[{"sku":"SKU-%zu","quantity":2,"unit_price_cents":1999},{"sku":"SKU-7","quantity":1,"unit_price_cents":499}],"total_cents":%zu,"currency":"USD"}})",
        i, i, order, order % 1000, order % 97, order % 9000);
  } else {
    std::snprintf(
        text, sizeof text,
        R"({"event_type":"OrderShipped","event_id":"%08zx-1234-4abc-a123-%012zx","schema_version":1,"occurred_at":"2026-01-01T00:00:00.123Z","producer":"shipping-service","payload":{"order_id":"o-%zu","carrier":"UPS","tracking_number":"1Z%010zu"}})",
        i, i, order, order);
  }
  return text;
}

struct Log {
  std::vector<char> bytes;
  std::vector<Record> records;
  TopicPartition topic_partition{"orders.events", 0};
};

const Log& log() {
  static const Log* const made = [] {
    auto* out = new Log;
    std::vector<std::size_t> starts;
    std::vector<std::size_t> sizes;
    for (std::size_t i = 0; i < kEvents; ++i) {
      const std::string event = make_event(i);
      starts.push_back(out->bytes.size());
      sizes.push_back(event.size());
      out->bytes.insert(out->bytes.end(), event.begin(), event.end());
      out->bytes.insert(out->bytes.end(), kRecordPaddingBytes, '\0');
    }
    for (std::size_t i = 0; i < kEvents; ++i) {
      Record record;
      record.topic_partition = &out->topic_partition;
      record.offset = static_cast<std::int64_t>(i);
      record.value = std::string_view(out->bytes.data() + starts[i], sizes[i]);
      out->records.push_back(record);
    }
    return out;
  }();
  return *made;
}

std::shared_ptr<const declarative::CompiledProjection> plan() {
  config::Diagnostics diagnostics;
  const auto file = config::load_projection_text(kProjection, "bench.yaml", {}, diagnostics);
  auto compiled = file ? declarative::compile(*file, diagnostics) : nullptr;
  if (!compiled) throw std::runtime_error(diagnostics.to_string());
  return compiled;
}

void run(benchmark::State& state, bool project) {
  const Log& input = log();
  const auto compiled = plan();
  const auto decoder = declarative::make_decoder(compiled, 0);
  const auto projector = declarative::make_projector(compiled);
  Arena arena;
  ChangeList changes;
  Event event;
  std::size_t at = 0;
  std::size_t total = 0;
  for (auto _ : state) {
    if (at % kBatchEvents == 0) {
      arena.reset();
      changes.clear();
    }
    const auto decoded = decoder->decode(input.records[at], arena, event);
    if (!decoded || (project && !projector->project(event, arena, changes))) state.SkipWithError("an event failed");
    total += changes.size();
    if (++at == input.records.size()) at = 0;
  }
  benchmark::DoNotOptimize(total);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

void decode(benchmark::State& state) { run(state, false); }
void decode_and_project(benchmark::State& state) { run(state, true); }

BENCHMARK(decode);
BENCHMARK(decode_and_project);

}  // namespace
}  // namespace foldline

BENCHMARK_MAIN();
