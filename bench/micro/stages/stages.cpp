// Where the time of an event goes, on one core: each stage alone, and the whole engine between a log and a store that cost nothing.
//
//   build/bench/stages --benchmark_counters_tabular=true
//
// upto_*: the stages one after the other as a lane carries them out, so that the difference of two lines is a stage; the data is the topic
// of `postgres-new` (the same projection, 8 partitions, full ID windows), in batches of as many records as the lane of the last line
// commits at a time, for that decides what the caches hold. lane: the real lane, its commits included. encode_*: what a store's sink makes
// of a batch of folded rows before it is sent.
#include <benchmark/benchmark.h>

#include <chrono>
#include <stdexcept>

#include "bench/micro/stages/in_memory.h"
#include "config/projection_file.h"
#include "engine/batch.h"
#include "engine/id_chunk.h"
#include "engine/id_window.h"
#include "engine/lane.h"
#include "projectors/declarative/compiled.h"
#include "sinks/elasticsearch/check_change.h"
#include "sinks/elasticsearch/document.h"
#include "sinks/postgres/check_change.h"
#include "sinks/postgres/staging.h"
#include "sinks/redis/check_change.h"
#include "sinks/redis/encode.h"

namespace foldline::bench {
namespace {

using Workload = MemoryTopic::Workload;

constexpr std::size_t kBatchRecords = 20'000;
constexpr std::size_t kGroup = kDecodedTogether;  // as in the lane
constexpr std::int64_t kWindow = 250'000;
constexpr std::size_t kWarmUpEvents = kWindow * kPartitions + kEvents;  // until windows and arenas are as large as they get

constexpr const char* kHead = R"(projection: bench
kafka: {brokers: 'localhost:9092'}
store: {postgres: {url: 'postgres://localhost/bench'}}
source:
  topics: orders
  partition_key: data.order_id
  envelope: {type: event_type, id: event_id, time: occurred_at, source: producer, schema_version: schema_version, data: payload}
views:
)";
constexpr const char* kOrders = R"(  orders:
    key: {order_id: text}
    fields: {customer_id: text, total_cents: bigint, currency: text, item_count: int, placed_at: timestamptz, shipped_at: timestamptz}
    on_event:
      OrderPlaced: {copy: [customer_id, total_cents, currency], set: {item_count: size(data.items), placed_at: time}}
      OrderShipped: {set: {shipped_at: time}}
)";
constexpr const char* kCustomers = R"(  customers:
    cross_partition: never
    key: {customer_id: text}
    fields: {orders: bigint, total_cents: bigint}
    on_event:
      OrderPlaced: {add: {orders: 1, total_cents: data.total_cents}}
)";

std::shared_ptr<const declarative::CompiledProjection> compile(Workload workload) {
  config::Diagnostics diagnostics;
  const std::string text = std::string(kHead) + (workload == Workload::customers ? kCustomers : kOrders);
  const auto file = config::load_projection_text(text, "bench.yaml", {}, diagnostics);
  auto compiled = file ? declarative::compile(*file, diagnostics) : nullptr;
  if (!compiled) throw std::runtime_error(diagnostics.to_string());
  return compiled;
}

std::shared_ptr<const std::vector<AssignedPartition>> assignment_of(const MemoryTopic& topic) {
  std::vector<AssignedPartition> out;
  for (const TopicPartition& partition : topic.partitions()) out.push_back({partition, 0, false});
  return std::make_shared<const std::vector<AssignedPartition>>(std::move(out));
}

enum class UpTo {
  stage,    // copied into the batch
  decode,   // ... and decoded
  project,  // ... turned into changes
  dedup,    // ... its ID hashed, looked up and remembered
  fold,     // ... and folded
};

// A lane's reading, without the lane.
class Pipeline {
 public:
  Pipeline(Workload workload, UpTo up_to, std::size_t batch_records)
      : topic_(kEvents, kPartitions, workload),
        up_to_(up_to),
        batch_records_(batch_records),
        compiled_(compile(workload)),
        decoder_(declarative::make_decoder(compiled_, 0)),
        projector_(declarative::make_projector(compiled_)),
        assignment_(assignment_of(topic_)),
        batch_(std::make_unique<Batch>(compiled_->views)),
        other_(std::make_unique<Batch>(compiled_->views)) {
    for (std::size_t p = 0; p < topic_.partitions().size(); ++p) windows_.emplace_back(kWindow);
  }

  // A lane has two: one is built while the other is committed.
  void run_batch() {
    std::swap(batch_, other_);
    batch_->begin(assignment_);
    for (std::size_t i = 0; i < batch_records_; ++i) batch_->stage(topic_.next(), SIZE_MAX);
    if (up_to_ == UpTo::stage) return;
    std::vector<BatchEntry>& entries = batch_->entries();
    for (std::size_t from = 0; from < entries.size(); from += kGroup) {
      const std::size_t to = std::min(from + kGroup, entries.size());
      for (std::size_t i = from; i < to; ++i) decode(entries[i]);
      if (up_to_ == UpTo::decode) continue;
      changes_.clear();
      ends_.clear();
      for (std::size_t i = from; i < to; ++i) project(entries[i]);
      if (up_to_ == UpTo::project) continue;
      for (std::size_t i = from; i < to; ++i) fold(entries[i], i - from);
    }
  }

  Batch& batch() { return *batch_; }
  [[nodiscard]] const ChangeList& changes() const { return changes_; }  // of the last group
  [[nodiscard]] const std::vector<ViewSchema>& views() const { return compiled_->views; }

 private:
  void decode(BatchEntry& entry) {
    Event& event = entry.content->event;
    if (!decoder_->decode(entry.content->record, batch_->arena(), event)) throw std::runtime_error("an event is not decoded");
    event.record = &entry.content->record;
    if (up_to_ < UpTo::dedup) return;
    const std::string_view source = event.slots[kSlotSource].as_text();
    entry.id = id_hash_(source, event.id);
    windows_[entry.slot].prefetch(entry.id);
  }

  void project(BatchEntry& entry) {
    const std::size_t begin = changes_.size();
    if (!projector_->project(entry.content->event, batch_->arena(), changes_)) throw std::runtime_error("an event is not projected");
    for (std::size_t i = begin; i < changes_.size(); ++i) batch_->fold().prefetch(changes_[i]);
    ends_.push_back(changes_.size());
  }

  void fold(BatchEntry& entry, std::size_t of_group) {
    benchmark::DoNotOptimize(windows_[entry.slot].check_and_record(entry.id, entry.offset));
    if (up_to_ == UpTo::dedup) return;
    const std::size_t begin = of_group == 0 ? 0 : ends_[of_group - 1];
    const std::span<const Change> changes = std::span(changes_).subspan(begin, ends_[of_group] - begin);
    if (batch_->fold().add(changes, {}, entry.content->event.time_us).outcome != FoldOutcome::folded) {
      throw std::runtime_error("an event is not folded");
    }
  }

  MemoryTopic topic_;
  UpTo up_to_;
  std::size_t batch_records_;
  std::shared_ptr<const declarative::CompiledProjection> compiled_;
  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<Projector> projector_;
  std::shared_ptr<const std::vector<AssignedPartition>> assignment_;
  std::vector<IdWindow> windows_;
  EventIdHash id_hash_;
  std::unique_ptr<Batch> batch_;
  std::unique_ptr<Batch> other_;
  ChangeList changes_;  // of a group
  std::vector<std::size_t> ends_;
};

void count(benchmark::State& state, std::size_t events_a_turn) {
  const auto events = static_cast<std::int64_t>(events_a_turn) * static_cast<std::int64_t>(state.iterations());
  state.SetItemsProcessed(events);
  state.counters["ns_per_event"] =
      benchmark::Counter(static_cast<double>(events) * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void upto(benchmark::State& state, Workload workload, UpTo up_to) {
  Pipeline pipeline(workload, up_to, kSmallBatchRecords);
  const std::size_t warm_up = up_to >= UpTo::dedup ? kWarmUpEvents : kEvents;  // windows are long in filling
  for (std::size_t i = 0; i < warm_up / kSmallBatchRecords; ++i) pipeline.run_batch();
  for (auto _ : state) pipeline.run_batch();
  count(state, kSmallBatchRecords);
}
BENCHMARK_CAPTURE(upto, stage, Workload::new_orders, UpTo::stage)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(upto, decode, Workload::new_orders, UpTo::decode)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(upto, project, Workload::new_orders, UpTo::project)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(upto, dedup, Workload::new_orders, UpTo::dedup)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(upto, fold, Workload::new_orders, UpTo::fold)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(upto, fold_shipped, Workload::shipped, UpTo::fold)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(upto, fold_customers, Workload::customers, UpTo::fold)->Unit(benchmark::kMillisecond);

// Letters go nowhere: there are none.
class NoLetters final : public LetterSink {
 public:
  Result<void> publish(std::span<const Letter> letters) override {
    if (!letters.empty()) throw std::runtime_error("an event became a letter");
    return {};
  }
};

// A real lane; what is measured is the way of the topic's records, once more with each turn.
class RunningLane {
 public:
  explicit RunningLane(Workload workload) : topic_(kEvents, kPartitions, workload), compiled_(compile(workload)), log_(topic_) {
    LaneDependencies dependencies{.log = log_,
                                  .sink = sink,
                                  .traits = {},
                                  .executor = executor_,
                                  .letters = letters_,
                                  .decoders = {},
                                  .projector = declarative::make_projector(compiled_),
                                  .views = compiled_->views,
                                  .stats = stats_,
                                  .wall_time_us = [] { return std::int64_t{0}; }};
    dependencies.decoders.push_back(declarative::make_decoder(compiled_, 0));
    LaneOptions options;
    options.id_window = kWindow;
    options.seed = 1;
    lane_ = std::make_unique<Lane>(options, std::move(dependencies));
    lane_->assign(*assignment_of(topic_), now_);
  }

  void run(std::size_t events) {
    const std::uint64_t until = stats_.records.load(std::memory_order_relaxed) + events;
    log_.add(events);
    while (stats_.records.load(std::memory_order_relaxed) < until) {
      if (!lane_->step(now_).progressed) now_ += std::chrono::milliseconds(10);
      if (now_ > Instant{std::chrono::hours(1)}) throw std::runtime_error("the lane stands: " + lane_->status().describe());
    }
  }

  NullSink sink;

 private:
  MemoryTopic topic_;
  std::shared_ptr<const declarative::CompiledProjection> compiled_;
  MemoryLog log_;
  InlineExecutor executor_;
  NoLetters letters_;
  LaneStats stats_;
  Instant now_{std::chrono::seconds(1)};
  std::unique_ptr<Lane> lane_;
};

void lane(benchmark::State& state, Workload workload) {
  RunningLane running(workload);
  running.run(kWarmUpEvents);
  const std::uint64_t rows_before = running.sink.rows;
  for (auto _ : state) running.run(kEvents);
  state.counters["rows"] =
      static_cast<double>(running.sink.rows - rows_before) / static_cast<double>(state.iterations());  // that were written
  count(state, kEvents);
}
BENCHMARK_CAPTURE(lane, new_orders, Workload::new_orders)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lane, shipped, Workload::shipped)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lane, customers, Workload::customers)->Unit(benchmark::kMillisecond);

// Sink::check(): what a store asks of every event before it is folded.
template <class Check>
void check(benchmark::State& state, const Check& check_one) {
  Pipeline pipeline(Workload::new_orders, UpTo::project, kGroup);
  pipeline.run_batch();
  for (auto _ : state) {
    for (const Change& change : pipeline.changes()) {
      if (!check_one(change)) state.SkipWithError("refused");
    }
  }
  count(state, pipeline.changes().size());
}

ViewSchema order_view(std::string kind, std::string store_name) {
  ViewSchema out = compile(Workload::new_orders)->views[0];
  out.kind = std::move(kind);
  out.store_name = std::move(store_name);
  return out;
}

void check_postgres(benchmark::State& state) {
  const ViewSchema view = order_view("table", "orders");
  check(state, [&](const Change& change) { return postgres::check_change(view, change).has_value(); });
}
BENCHMARK(check_postgres);

void check_redis(benchmark::State& state) {
  const ViewSchema view = order_view("hash", "bench:orders:{order_id}");
  const auto layout = redis::make_layout(view, {"bench", 1});
  if (!layout) throw std::runtime_error(layout.error().message);
  check(state, [&](const Change& change) { return redis::check_change(*layout, view, change).has_value(); });
}
BENCHMARK(check_redis);

void check_search(benchmark::State& state) {
  const ViewSchema view = order_view("index", "orders");
  const auto layout = elasticsearch::make_layout(view, 0, {"bench", 1});
  if (!layout) throw std::runtime_error(layout.error().message);
  check(state, [&](const Change& change) { return elasticsearch::check_change(*layout, view, change).has_value(); });
}
BENCHMARK(check_search);

void encode_postgres(benchmark::State& state) {
  Pipeline pipeline(Workload::new_orders, UpTo::fold, kBatchRecords);
  pipeline.run_batch();
  const auto layout = *postgres::make_layout(pipeline.views()[0], 0, "public");
  const auto rows = pipeline.batch().fold().rows();
  postgres::Stager stager;
  postgres::StagedView staged;
  for (auto _ : state) {
    if (!stager.stage(layout, rows.front().rows)) state.SkipWithError("not staged");
    stager.lay_out(nullptr, postgres::kMaxArrayRows, staged);
  }
  count(state, kBatchRecords);
}
BENCHMARK(encode_postgres)->Unit(benchmark::kMillisecond);

void encode_redis(benchmark::State& state) {
  Pipeline pipeline(Workload::new_orders, UpTo::fold, kBatchRecords);
  pipeline.run_batch();
  const ViewSchema view = order_view("hash", "bench:orders:{order_id}");
  const auto layout = redis::make_layout(view, {"bench", 1});
  if (!layout) throw std::runtime_error(layout.error().message);
  const auto rows = pipeline.batch().fold().rows();
  redis::RowEncoder encoder;
  redis::ScriptInput input;
  for (auto _ : state) {
    input.clear();
    if (!encoder.encode(*layout, rows.front().rows, input)) state.SkipWithError("not encoded");
  }
  count(state, kBatchRecords);
}
BENCHMARK(encode_redis)->Unit(benchmark::kMillisecond);

void encode_search(benchmark::State& state) {
  Pipeline pipeline(Workload::new_orders, UpTo::fold, kBatchRecords);
  pipeline.run_batch();
  const ViewSchema view = order_view("index", "orders");
  const auto layout = elasticsearch::make_layout(view, 0, {"bench", 1});
  if (!layout) throw std::runtime_error(layout.error().message);
  const auto rows = pipeline.batch().fold().rows();
  const std::vector<elasticsearch::Watermark> marks = {{"orders-0", 1'000'000}};
  std::string out;
  for (auto _ : state) {
    out.clear();
    for (const FoldedRow* row : rows.front().rows) {
      const auto stored = rows::apply(view, nullptr, *row);
      if (!stored || !*stored || !elasticsearch::append_document(out, *layout, **stored, marks)) state.SkipWithError("not encoded");
    }
  }
  count(state, kBatchRecords);
}
BENCHMARK(encode_search)->Unit(benchmark::kMillisecond);

void pack_ids(benchmark::State& state) {
  IdPacker packer;
  for (auto _ : state) {
    packer.clear();
    for (std::uint64_t i = 0; i < kBatchRecords; ++i) packer.add({i * 0x9e3779b97f4a7c15ULL, i}, static_cast<std::int64_t>(i));
    benchmark::DoNotOptimize(packer.bytes().data());
  }
  count(state, kBatchRecords);
}
BENCHMARK(pack_ids)->Unit(benchmark::kMillisecond);

void load_ids_of_a_million(benchmark::State& state) {
  constexpr std::uint64_t kIds = 1'000'000;
  std::vector<std::string> chunks;
  IdPacker packer;
  for (std::uint64_t i = 0; i < kIds; ++i) {
    packer.add({i * 0x9e3779b97f4a7c15ULL, i}, static_cast<std::int64_t>(i));
    if (i % kBatchRecords != kBatchRecords - 1) continue;
    chunks.emplace_back(packer.bytes());
    packer.clear();
  }
  for (auto _ : state) {
    IdWindow window(static_cast<std::int64_t>(kIds));
    window.reserve(kIds);
    PastIds past;
    for (const std::string& chunk : chunks) benchmark::DoNotOptimize(load_ids(chunk, static_cast<std::int64_t>(kIds), window, past));
    state.counters["bytes_per_id"] = static_cast<double>(window.size_bytes()) / static_cast<double>(kIds);
  }
  count(state, kIds);
}
BENCHMARK(load_ids_of_a_million)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace foldline::bench

BENCHMARK_MAIN();
