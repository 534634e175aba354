// What the engine's hot path costs an event: the processed-ID window, and the fold. Decoding and projecting are measured elsewhere.
//
//   build/bench/engine_bench --benchmark_min_time=1
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "common/big_endian.h"
#include "engine/fold.h"
#include "engine/id_chunk.h"
#include "engine/id_window.h"

namespace {

using namespace foldline;

constexpr std::int64_t kWindow = 250'000;
constexpr std::size_t kBatch = 20'000;

// Full windows of `partitions` partitions, new IDs only; prefetched `ahead` events early as the lane does, or not at all.
void dedup(benchmark::State& state) {
  const auto partitions = static_cast<std::size_t>(state.range(0));
  const bool ahead = state.range(1) != 0;
  std::mt19937_64 random(1);
  std::vector<IdWindow> windows;
  for (std::size_t p = 0; p < partitions; ++p) windows.emplace_back(kWindow);
  std::int64_t offset = 0;
  for (; offset < kWindow * 2; ++offset) {
    for (IdWindow& window : windows) window.check_and_record({random(), random()}, offset);
  }
  constexpr std::size_t kGroup = 32;
  std::vector<Hash128> group(kGroup);
  std::size_t events = 0;
  std::uint64_t duplicates = 0;
  for (auto _ : state) {
    IdWindow& window = windows[events / kGroup % partitions];
    for (Hash128& id : group) {
      id = {random(), random()};
      if (ahead) window.prefetch(id);
    }
    for (const Hash128& id : group) duplicates += window.check_and_record(id, offset++) ? 1U : 0U;
    events += kGroup;
    offset -= static_cast<std::int64_t>(kGroup - kGroup / partitions);
  }
  benchmark::DoNotOptimize(duplicates);
  state.SetItemsProcessed(static_cast<std::int64_t>(events));
}
BENCHMARK(dedup)->ArgNames({"partitions", "prefetch"})->Args({1, 0})->Args({1, 1})->Args({8, 1});

void hash_event(benchmark::State& state) {
  const std::string id = "0198c1f2-1234-4abc-a123-00000000beef";
  for (auto _ : state) benchmark::DoNotOptimize(hash_event_id("order-service", id));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(hash_event);

Type type_of(TypeKind kind) {
  Type type;
  type.kind = kind;
  return type;
}

Field field_of(const char* name, TypeKind kind, Op op, std::int16_t guard = -1) {
  Field field;
  field.name = name;
  field.type = type_of(kind);
  field.ops = op_bit(op);
  field.guard = guard;
  return field;
}

// The tour's two views: facts of an order (six sets), revenue of a day (two adds).
std::vector<ViewSchema> tour_views(bool guarded) {
  const std::int16_t guard = guarded ? 0 : -1;
  ViewSchema facts;
  facts.name = "fact_orders";
  facts.key.push_back({"order_id", type_of(TypeKind::text), ""});
  for (const char* name : {"customer_id", "currency", "status"}) facts.fields.push_back(field_of(name, TypeKind::text, Op::set, guard));
  for (const char* name : {"total_cents", "item_count", "placed_at"})
    facts.fields.push_back(field_of(name, TypeKind::bigint, Op::set, guard));
  facts.guard_count = guarded ? 1 : 0;
  ViewSchema revenue;
  revenue.name = "daily_revenue";
  revenue.key.push_back({"day", type_of(TypeKind::date), ""});
  revenue.key.push_back({"currency", type_of(TypeKind::text), ""});
  revenue.fields.push_back(field_of("orders", TypeKind::bigint, Op::add));
  revenue.fields.push_back(field_of("revenue_cents", TypeKind::bigint, Op::add));
  return {facts, revenue};
}

// Changes are made once; the loop folds them in batches of 20,000 events, `orders` distinct keys a batch.
void fold(benchmark::State& state) {
  const auto orders = static_cast<std::size_t>(state.range(0));
  const bool both_views = state.range(1) != 0;
  const bool guarded = state.range(2) != 0;
  const std::vector<ViewSchema> views = tour_views(guarded);
  Arena made;
  std::mt19937_64 random(1);
  std::vector<ChangeList> events(kBatch);
  for (std::size_t i = 0; i < events.size(); ++i) {
    auto* key = made.array<Value>(1);
    *key = Value::text(made.copy("order-" + std::to_string(random() % orders)));
    auto* sets = made.array<Assignment>(6);
    for (std::uint16_t f = 0; f < 6; ++f) sets[f] = {f, Op::set, f < 3 ? Value::text("EUR") : Value::integer(static_cast<std::int64_t>(i))};
    std::string stamp(16, '\0');
    store_big_endian(stamp.data(), i);
    Change& facts = events[i].emplace_back();
    facts.key = key;
    facts.key_hash = hash_key({key, 1});
    facts.assignments = {sets, 6};
    if (guarded) facts.guard = made.copy(stamp);
    if (!both_views) continue;
    auto* day = made.array<Value>(2);
    day[0] = Value::date(20'000 + static_cast<std::int64_t>(random() % 3));
    day[1] = Value::text("EUR");
    auto* adds = made.array<Assignment>(2);
    adds[0] = {0, Op::add, Value::integer(1)};
    adds[1] = {1, Op::add, Value::integer(1999)};
    Change& revenue = events[i].emplace_back();
    revenue.view = 1;
    revenue.key = day;
    revenue.key_hash = hash_key({day, 2});
    revenue.assignments = {adds, 2};
  }
  Arena arena;
  Fold fold(views);
  for (auto _ : state) {
    arena.reset();
    fold.begin(arena);
    for (const ChangeList& changes : events) {
      if (fold.add(changes).outcome != FoldOutcome::folded) state.SkipWithError("an event was not folded");
    }
    benchmark::DoNotOptimize(fold.rows());
  }
  state.counters["rows"] = static_cast<double>(fold.row_count());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
}
BENCHMARK(fold)
    ->ArgNames({"orders", "both_views", "guarded"})
    ->Args({100, 0, 0})
    ->Args({10'000, 0, 0})
    ->Args({10'000, 1, 0})
    ->Args({10'000, 1, 1})
    ->Args({1'000'000, 1, 0})
    ->Unit(benchmark::kMillisecond);

void load_ids_of_a_window(benchmark::State& state) {
  constexpr std::uint64_t kIds = 1'000'000;
  std::mt19937_64 random(1);
  std::vector<std::string> chunks;
  IdPacker packer;
  for (std::uint64_t i = 0; i < kIds; ++i) {
    packer.add({random(), random()}, static_cast<std::int64_t>(i));
    if (i % kBatch == kBatch - 1) {
      chunks.emplace_back(packer.bytes());
      packer.clear();
    }
  }
  for (auto _ : state) {
    IdWindow window(static_cast<std::int64_t>(kIds));
    window.reserve(kIds);
    PastIds past;
    for (const std::string& chunk : chunks) benchmark::DoNotOptimize(load_ids(chunk, kIds, window, past));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kIds));
}
BENCHMARK(load_ids_of_a_window)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
