// What the lane's work in memory can cost at best: a bare program that copies the same records, reads with simdjson the fields that end up
// in a row (and type, ID and time), and sums into a flat table by a hash of the key. No IDs to remember, no projection, no types, no
// errors: nothing is kept, so nothing could be written to a store.
//
//   build/bench/stages --benchmark_filter='limit/|lane/new_orders'
#include <benchmark/benchmark.h>
#include <simdjson.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "bench/micro/stages/in_memory.h"

namespace foldline::bench {
namespace {

constexpr std::size_t kLongestRecordBytes = 4'096;

struct UsedFields {
  std::size_t text_bytes = 0;  // of what is only read
  std::string_view order_id;
  std::int64_t total_cents = 0;
  std::int64_t item_count = 0;
};

class BareReader {
 public:
  // Views into a buffer of the reader's own; valid until the next call.
  UsedFields read(std::string_view record) {
    if (record.size() > kLongestRecordBytes) throw std::runtime_error("a record is longer than the bench makes them");
    std::memcpy(buffer_, record.data(), record.size());
    auto event = parser_.iterate(buffer_, record.size(), sizeof buffer_);
    const std::string_view type = event["event_type"];
    const std::string_view id = event["event_id"];
    const std::string_view time = event["occurred_at"];
    auto data = event["payload"].get_object().value();
    UsedFields out;
    out.order_id = data["order_id"];
    const std::string_view customer = data["customer_id"];
    for (auto item : data["items"]) {
      benchmark::DoNotOptimize(item.error());
      ++out.item_count;
    }
    out.total_cents = data["total_cents"];
    const std::string_view currency = data["currency"];
    out.text_bytes = type.size() + id.size() + time.size() + customer.size() + currency.size();
    return out;
  }

 private:
  simdjson::ondemand::parser parser_;
  char buffer_[kLongestRecordBytes + simdjson::SIMDJSON_PADDING] = {};
};

// Emptied for every batch, as a batch's fold is.
class FlatTable {
 public:
  FlatTable() : hashes_(kPlaces), rows_(kPlaces) {}
  void add(const UsedFields& fields) {
    const std::uint64_t hash = XXH3_64bits(fields.order_id.data(), fields.order_id.size()) | 1U;
    std::size_t place = hash >> kShift;
    while (hashes_[place] != 0 && hashes_[place] != hash) place = (place + 1) % kPlaces;
    if (hashes_[place] == 0) rows_[place] = {};
    hashes_[place] = hash;
    rows_[place].total_cents += fields.total_cents;
    rows_[place].item_count = fields.item_count;
  }
  void clear() { std::ranges::fill(hashes_, 0); }

 private:
  static constexpr unsigned kPlaceBits = 13;  // four for each record of a batch
  static constexpr std::size_t kPlaces = 1U << kPlaceBits;
  static constexpr unsigned kShift = 64 - kPlaceBits;
  struct Row {
    std::int64_t total_cents = 0;
    std::int64_t item_count = 0;
  };
  std::vector<std::uint64_t> hashes_;
  std::vector<Row> rows_;
};

void limit(benchmark::State& state, bool fold) {
  MemoryTopic topic(kEvents, kPartitions, MemoryTopic::Workload::new_orders);
  BareReader reader;
  FlatTable table;
  for (auto _ : state) {
    table.clear();
    for (std::size_t i = 0; i < kSmallBatchRecords; ++i) {
      const UsedFields fields = reader.read(topic.next().value.value());
      benchmark::DoNotOptimize(fields.text_bytes);
      if (fold) table.add(fields);
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(kSmallBatchRecords) * static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK_CAPTURE(limit, read, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(limit, fold, true)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace foldline::bench
