// The store of a Redis Cluster: one per worker (docs/decisions/0063-redis-cluster.md).
//
//   auto store = *ClusterStore::make(options, {"today", 1}, views);     // options.url is redis+cluster://
//   store->prepare();   auto sink = *store->new_sink();
//
// Not built: a second generation beside the live one. `rebuild` is refused by name.
#pragma once

#include <memory>
#include <vector>

#include "sinks/redis/cluster_sink.h"
#include "sinks/redis/store.h"

namespace foldline::redis {

class ClusterStore final : public Store {
 public:
  // Checks the views; connects to nothing yet.
  static Result<std::unique_ptr<ClusterStore>> make(const StoreOptions& options, const ProjectionId& id,
                                                    const std::vector<ViewSchema>& views);

  [[nodiscard]] SinkTraits traits() const override;
  // Checks every master and the user's permissions there, the number of buckets, and what the views keep. Crash: what is registered is
  // registered again.
  Result<void> prepare() override;
  Result<std::unique_ptr<Sink>> new_sink() override;
  // Of each partition the smallest of its buckets'.
  Result<std::vector<StoredCheckpoint>> checkpoints() override;
  Result<std::string> first_topics(const std::string& now) override;
  Result<std::unique_ptr<RowReader>> read_rows(const RowQuery& query) override;
  [[nodiscard]] std::string name_of_view(std::uint32_t view) const override;
  Result<std::vector<Generation>> generations() override;
  Result<bool> go_live(const GoLiveStep& step) override;
  Result<void> drop_generation(std::int64_t number) override;
  // Every bucket has a master, and each of those takes a login as a worker's.
  Result<void> ping() override;

 private:
  explicit ClusterStore(std::shared_ptr<const ClusterShared> shared) : shared_(std::move(shared)) {}
  [[nodiscard]] Cluster connect() const { return Cluster(shared_->address, shared_->timeouts); }
  Result<void> check_masters(Cluster& cluster, bool commands) const;
  Result<void> check_buckets(Cluster& cluster) const;
  Result<void> register_views(Cluster& cluster) const;

  std::shared_ptr<const ClusterShared> shared_;
};

}  // namespace foldline::redis
