// The Redis store: one per worker.
//
//   auto store = *RedisStore::make(options, {"today", 1}, views);
//   store->prepare();   auto sink = *store->new_sink();
//
// A Redis that stands alone, 7.0 or newer, with `maxmemory-policy noeviction` (G22). What its user may do: docs/redis.md.
#pragma once

#include <memory>
#include <vector>

#include "common/secret.h"
#include "sinks/redis/sink.h"
#include "sinks/redis/slots.h"
#include "sinks/sink.h"

namespace foldline::redis {

struct StoreOptions {
  Secret url;
  Timeouts timeouts;
  bool building = false;                    // the generation is in the making: it stands apart until go_live()
  std::uint32_t buckets = kDefaultBuckets;  // of a cluster
  std::size_t switch_batch_keys = kSwitchBatchKeys;
};

class RedisStore final : public Store {
 public:
  // Checks the views; connects to nothing yet.
  static Result<std::unique_ptr<RedisStore>> make(const StoreOptions& options, const ProjectionId& id,
                                                  const std::vector<ViewSchema>& views);

  [[nodiscard]] SinkTraits traits() const override;
  // Checks the server, the generation and the user's permissions, and that no other projection keeps the same keys. Crash: what is
  // registered is registered again.
  Result<void> prepare() override;
  Result<std::unique_ptr<Sink>> new_sink() override;
  Result<std::vector<StoredCheckpoint>> checkpoints() override;
  Result<std::string> first_topics(const std::string& now) override;
  Result<std::unique_ptr<RowReader>> read_rows(const RowQuery& query) override;
  [[nodiscard]] std::string name_of_view(std::uint32_t view) const override { return shared_->layouts[view].name.text(); }
  [[nodiscard]] std::int64_t generation() const override { return shared_->id.generation; }
  Result<std::vector<Generation>> generations() override;
  // In steps (go_live.h): while it lasts, readers see rows of both generations.
  Result<bool> go_live(const GoLiveStep& step) override;
  Result<void> drop_generation(std::int64_t number) override;
  // A login as a worker's, to a master.
  Result<void> ping() override;

 private:
  explicit RedisStore(std::shared_ptr<const StoreShared> shared) : shared_(std::move(shared)) {}
  Result<void> register_views(Connection& connection) const;
  std::shared_ptr<const StoreShared> shared_;
};

}  // namespace foldline::redis
