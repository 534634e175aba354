// The Redis sink against Redis' own limit, in one run, batch by batch in turns, so that a noisy machine hits both alike.
//
//   REDIS_URL=... build/bench/redis_sink [EVENTS] [BATCH_ROWS]
//
// The sink does the whole protocol: encoding, one script that compares 4 checkpoints, looks at every key, writes it and its time to live,
// 20 bytes of packed processed IDs an event, moved checkpoints. The limit is one pipelined command an event (two where rows
// expire), encoded before the clock starts. `folded`: what a lane hands over, with keys that repeat within a batch. Goal: at least 0.6 of
// the limit.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <unordered_map>

#include "bench/limits/redis_limit.h"
#include "common/arena.h"
#include "sinks/redis/store.h"

namespace foldline::bench {
namespace {

constexpr int kPartitions = 4;
constexpr std::size_t kIdBytes = 20;
constexpr std::int64_t kIdWindow = 250'000;

[[noreturn]] void give_up(const Error& error) {
  fmt::print(stderr, "{}\n{}\n", error.message, error.hint);
  std::exit(1);
}

struct Run {
  std::string name;
  ViewSchema view;
  std::int64_t keys = 0;  // events go to as many
  CommandWords (*command)(const std::string& key, std::int64_t n) = nullptr;
  std::int64_t expire_after_us = 0;
};

Field sum_field(const char* name) {
  Field out;
  out.name = name;
  out.type.kind = TypeKind::bigint;
  out.ops = op_bit(Op::add);
  out.default_value = Value::integer(0);
  out.not_null = true;
  return out;
}

Field text_field(const char* name) {
  Field out;
  out.name = name;
  out.ops = op_bit(Op::set);
  return out;
}

ViewSchema view_of(const std::string& kind, std::vector<Field> fields, const char* key = "id") {
  ViewSchema out;
  out.kind = kind;
  KeyPart part;
  part.name = key;
  out.key.push_back(part);
  out.fields = std::move(fields);
  return out;
}

class SinkLoad {
 public:
  SinkLoad(const std::string& url, const ViewSchema& view, const std::string& projection) : view_(view), owner_(Uuid::random()) {
    redis::StoreOptions options;
    options.url = Secret(url);
    auto store = redis::RedisStore::make(options, {projection, 1}, {view});
    if (!store) give_up(store.error());
    store_ = std::move(*store);
    if (auto ok = store_->prepare(); !ok) give_up(ok.error());
    sink_ = std::move(*store_->new_sink());
    for (int p = 0; p < kPartitions; ++p) places_.push_back({"orders", p});
    if (auto ok = sink_->open({places_, owner_, kIdWindow}); !ok) give_up(ok.error());
    commit_rows({}, 0);
  }

  // `events`: key numbers. One row for each different one.
  double commit(const std::vector<std::int64_t>& events) {
    arena_.reset();
    std::unordered_map<std::int64_t, FoldedRow*> by_key;
    rows_.assign(events.size(), FoldedRow{});
    std::vector<FoldedRow*> pointers;
    for (const std::int64_t event : events) {
      FoldedRow*& row = by_key[event];
      if (row == nullptr) {
        row = &rows_[pointers.size()];
        pointers.push_back(row);
        start(*row, event);
      }
      for (std::size_t f = 0; f < view_.fields.size(); ++f) {
        Cell& cell = row->cells[f];
        const bool sum = view_.fields[f].type.kind == TypeKind::bigint;
        if (!sum) cell = {CellState::set, Op::set, Value::text(arena_.copy(fmt::format("text {}", event)))};
        if (sum) cell = {CellState::merge, Op::add, Value::integer((cell.state == CellState::merge ? cell.value.as_int() : 0) + 1)};
      }
    }
    return commit_rows(pointers, static_cast<std::int64_t>(events.size()));
  }

 private:
  void start(FoldedRow& row, std::int64_t number) {
    Value* key = arena_.array<Value>(1);
    key[0] = Value::text(arena_.copy(fmt::format("k{}", number)));
    row.key = key;
    row.upserted = true;
    row.cells = arena_.array<Cell>(view_.fields.size());
    std::uninitialized_default_construct_n(row.cells, view_.fields.size());
    row.newest_event_time_us = 4'102'444'800'000'000;  // 2100: nothing expires while it is measured
  }

  double commit_rows(std::vector<FoldedRow*> pointers, std::int64_t events) {
    const ViewRows view{0, pointers};
    const std::int64_t each = events / kPartitions;
    const std::string ids(static_cast<std::size_t>(each) * kIdBytes, 'x');
    std::vector<PartitionCommit> partitions;
    for (const TopicPartition& place : places_) {
      PartitionCommit& part = partitions.emplace_back();
      part.topic_partition = &place;
      part.expected_offset = next_offset_;
      part.expected_missing = events == 0;
      part.after.next_offset = next_offset_ + each;
      if (events == 0) continue;
      part.ids = ids;
      part.ids_first_offset = next_offset_;
      part.ids_last_offset = next_offset_ + each - 1;
      if (next_offset_ / 15'000 != (next_offset_ + each) / 15'000)
        part.trim_ids_below = std::max<std::int64_t>(0, next_offset_ - kIdWindow);
    }
    next_offset_ += each;
    const CommitBatch batch{owner_, Uuid::random(), partitions, {&view, pointers.empty() ? 0U : 1U}};
    const auto begin = std::chrono::steady_clock::now();
    const CommitResult result = sink_->commit(batch);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (result.status != CommitStatus::committed) give_up(result.error);
    return seconds;
  }

  ViewSchema view_;
  Uuid owner_;
  std::unique_ptr<redis::RedisStore> store_;
  std::unique_ptr<Sink> sink_;
  std::vector<TopicPartition> places_;
  std::vector<FoldedRow> rows_;
  Arena arena_;
  std::int64_t next_offset_ = 0;
};

void compare(const std::string& url, const Run& run, std::int64_t events, std::int64_t batch_events) {
  const std::string projection = "bench-" + Uuid::random().to_string().substr(0, 8);
  ViewSchema view = run.view;
  view.name = "v";
  view.expire_after_us = run.expire_after_us;
  BarePipeline bare(*redis::parse_address(Secret(url)));
  SinkLoad sink(url, view, projection);
  double limit_s = 0;
  double sink_s = 0;
  double longest_s = 0;
  std::uint64_t random = 1;
  for (std::int64_t n = 0; n < events; n += batch_events) {
    std::vector<std::int64_t> batch;
    std::vector<CommandWords> commands;
    for (std::int64_t i = 0; i < batch_events; ++i) {
      random = random * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
      const std::int64_t key =
          run.keys > 0 ? static_cast<std::int64_t>((random >> 33) % static_cast<std::uint64_t>(run.keys)) : (n + i) % 500'000;
      batch.push_back(key);
      const std::string name = fmt::format("{}:bare:k{}", projection, key);
      commands.push_back(run.command(name, key));
      if (run.expire_after_us > 0) commands.push_back({"PEXPIREAT", name, "4102444800000"});  // two commands an event
    }
    limit_s += bare.run(commands);
    const double seconds = sink.commit(batch);
    sink_s += seconds;
    longest_s = std::max(longest_s, seconds);
  }
  bare.delete_keys(projection + ":*");
  bare.delete_keys("foldline:{" + projection + "*");
  bare.run({{"HDEL", "foldline:views", projection + ":v:*"}, {"HDEL", "foldline:views", projection + ":v"}});
  const auto count = static_cast<double>(events);
  fmt::print("{:<28} limit {:>9.0f}/s   sink {:>9.0f}/s   sink/limit {:.2f}   commit {:>5.1f} ms, longest {:>5.1f} ms\n", run.name,
             count / limit_s, count / sink_s, limit_s / sink_s, 1e3 * sink_s * static_cast<double>(batch_events) / count, 1e3 * longest_s);
}

CommandWords incr(const std::string& key, std::int64_t) { return {"INCRBY", key, "1"}; }
CommandWords hincr(const std::string& key, std::int64_t) { return {"HINCRBY", key, "orders", "1"}; }
CommandWords hset(const std::string& key, std::int64_t n) {
  const std::string text = fmt::format("text {}", n);
  return {"HSET", key, "a", text, "b", text, "c", text};
}
CommandWords set_json(const std::string& key, std::int64_t n) { return {"SET", key, fmt::format("{{\"a\":\"text {}\",\"n\":1}}", n)}; }

void run_all(const std::string& url, std::int64_t events, std::int64_t batch) {
  constexpr std::int64_t kDayUs = 86'400'000'000;
  const ViewSchema counter = view_of("counter", {sum_field("value")});
  const ViewSchema sums = view_of("hash", {sum_field("orders")});
  const ViewSchema texts = view_of("hash", {text_field("a"), text_field("b"), text_field("c")});
  compare(url, {"counter, all keys differ", counter, 0, incr}, events, batch);
  compare(url, {"counter, 100,000 at random", counter, 100'000, incr}, events, batch);
  compare(url, {"counter with expire", counter, 0, incr, kDayUs}, events, batch);
  compare(url, {"counter, folded 1,000 keys", counter, 1'000, incr}, events, batch);
  compare(url, {"hash sum, all keys differ", sums, 0, hincr}, events, batch);
  compare(url, {"hash sum, folded 1,000 keys", sums, 1'000, hincr}, events, batch);
  compare(url, {"hash of 3 texts", texts, 0, hset}, events, batch);
  compare(url, {"json, read and compared", view_of("json", {text_field("a"), sum_field("n")}), 0, set_json}, events / 4, batch);
}

}  // namespace
}  // namespace foldline::bench

int main(int argc, char** argv) {
  const char* url = std::getenv("REDIS_URL");
  if (url == nullptr) {
    fmt::print(stderr, "set REDIS_URL\n");
    return 2;
  }
  std::int64_t events = 1'000'000;
  std::int64_t batch = static_cast<std::int64_t>(foldline::redis::kMinBatchRows);
  if (argc > 1) events = std::atoll(argv[1]);
  if (argc > 2) batch = std::atoll(argv[2]);
  fmt::print("{} events in batches of {}\n", events, batch);
  foldline::bench::run_all(url, events, batch);
  return 0;
}
