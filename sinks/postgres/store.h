// The PostgreSQL store: one per worker.
//
//   auto store = *PostgresStore::make(spec, {"analytics", 1}, views);
//   store->prepare();   auto sink = *store->new_sink();
//
// A worker's role needs: CREATE on the database (or the schemas made for it), TEMPORARY, and to own its tables. Connection poolers must
// pool sessions, not transactions: staging tables and prepared statements live in the session.
#pragma once

#include <memory>
#include <vector>

#include "common/secret.h"
#include "sinks/postgres/sink.h"
#include "sinks/sink.h"

namespace foldline::postgres {

struct StoreOptions {
  Secret url;
  std::string schema = "public";  // of views whose name has none
  Timeouts timeouts;
  int ownership_lock_timeout_ms = kOwnershipLockTimeoutMs;
  bool exact_ids = false;                      // G16
  bool building = false;                       // the generation is in the making, in schemas of its own (generations.h)
  StraightOptions straight{};                  // docs/decisions/0052
  std::size_t max_array_rows = kMaxArrayRows;  // the same
};

class PostgresStore final : public Store {
 public:
  // Checks the views; connects to nothing yet.
  static Result<std::unique_ptr<PostgresStore>> make(const StoreOptions& options, const ProjectionId& id,
                                                     const std::vector<ViewSchema>& views);

  [[nodiscard]] SinkTraits traits() const override;
  // All in one transaction: a crash leaves the schema as it was.
  Result<void> prepare() override;
  Result<std::unique_ptr<Sink>> new_sink() override;
  // Empty before the first prepare().
  Result<std::vector<StoredCheckpoint>> checkpoints() override;
  Result<std::string> first_topics(const std::string& now) override;
  [[nodiscard]] std::int64_t generation() const override { return shared_->id.generation; }
  Result<std::vector<Generation>> generations() override;
  Result<bool> go_live(const GoLiveStep& step) override;
  Result<void> drop_generation(std::int64_t number) override;
  // query.cpp
  Result<std::unique_ptr<RowReader>> read_rows(const RowQuery& query) override;
  [[nodiscard]] std::string name_of_view(std::uint32_t view) const override { return shared_->layouts[view].table.display(); }
  // A login as a worker's: reachable, accepted, and writable.
  Result<void> ping() override;

 private:
  explicit PostgresStore(std::shared_ptr<const StoreShared> shared) : shared_(std::move(shared)) {}
  std::shared_ptr<const StoreShared> shared_;
};

}  // namespace foldline::postgres
