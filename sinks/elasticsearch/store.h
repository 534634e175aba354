// The search store: one per worker.
//
//   auto store = *ElasticsearchStore::make(options, {"orders-search", 1}, views);
//   store->prepare();   auto sink = *store->new_sink();
//
// A worker's user needs: the cluster privilege to monitor; on its indices and on foldline-checkpoints* and foldline-ids*: to create them,
// manage their mappings and aliases, read and write documents, and read their stats.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sinks/elasticsearch/sink.h"
#include "sinks/sink.h"

namespace foldline::elasticsearch {

struct StoreOptions {
  HttpOptions http;
  std::string family;  // "opensearch" or "elasticsearch": what the projection file says; a cluster of the other is refused by name
  BulkLimits limits;
  TombstoneLimits tombstones;
  std::size_t cache_bytes = kCacheBytes;
  bool building = false;  // the generation is in the making (generations.h)
};

inline constexpr std::size_t kMaxBatchRows = 20'000;
inline constexpr std::size_t kMaxBatchBytes = 16U << 20U;

class ElasticsearchStore final : public Store {
 public:
  // Checks the views; connects to nothing yet.
  static Result<std::unique_ptr<ElasticsearchStore>> make(const StoreOptions& options, const ProjectionId& id,
                                                          const std::vector<ViewSchema>& views);

  [[nodiscard]] SinkTraits traits() const override {
    return {.domains = 1, .row_watermarks = true, .max_batch_rows = kMaxBatchRows, .max_batch_bytes = kMaxBatchBytes};
  }
  // Each step is atomic in the cluster and does nothing where it has been done: workers that start at once may all run it.
  Result<void> prepare() override;
  Result<std::unique_ptr<Sink>> new_sink() override;
  // Empty before the first prepare().
  Result<std::vector<StoredCheckpoint>> checkpoints() override;
  // One document, made by whoever comes first; the others' create is a conflict, and they read it.
  Result<std::string> first_topics(const std::string& now) override;
  // query.cpp
  Result<std::unique_ptr<RowReader>> read_rows(const RowQuery& query) override;
  [[nodiscard]] std::string name_of_view(std::uint32_t view) const override { return shared_->layouts[view].read_alias; }
  [[nodiscard]] std::int64_t generation() const override { return shared_->id.generation; }
  Result<std::vector<Generation>> generations() override;
  // In steps, each of which may be the last before a crash: see switch.h. After the second it can't be taken back, and whoever starts next
  // finishes it.
  Result<bool> go_live(const GoLiveStep& step) override;
  Result<void> drop_generation(std::int64_t number) override;
  [[nodiscard]] StoreRequests requests() const override {
    return {*requests_under_way_, static_cast<std::uint32_t>(options_.limits.connections)};
  }
  Result<void> ping() override;

 private:
  ElasticsearchStore(std::shared_ptr<const StoreShared> shared, StoreOptions options, std::int64_t wanted)
      : requests_under_way_(shared->requests_under_way), shared_(std::move(shared)), options_(std::move(options)), wanted_(wanted) {}

  Result<void> prepare_building(Cluster& cluster);
  Result<void> prepare_live(Cluster& cluster);
  Result<std::int64_t> bind_to_live(Cluster& cluster);

  const std::shared_ptr<std::atomic<std::uint32_t>> requests_under_way_;  // never replaced: requests() reads it from any thread
  std::shared_ptr<const StoreShared> shared_;
  StoreOptions options_;
  std::int64_t wanted_;  // 0: the live one, whichever it is
};

}  // namespace foldline::elasticsearch
