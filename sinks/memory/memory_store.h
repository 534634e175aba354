// A store in memory: for `foldline try`, for tests, and `store: {memory: {}}`. The whole sink contract, several atomic domains
// included, with failures that a test can inject at each step.
//
//   MemoryStore store(views);   auto sink = *store.new_sink();
//   store.rows(0);              // what a reader of the first view would see
//
// Everything is gone with the process. Threads: any; one mutex.
//
// Crash semantics (a fault hook plays them): commit_begin leaves nothing behind; domain_begin leaves the domains below applied, each
// with its own checkpoint; commit_applied leaves all applied and the answer lost. IDs are kept with domain 0 and stored first.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/view.h"
#include "sinks/rows/stored_row.h"
#include "sinks/sink.h"

namespace foldline::memory {

using rows::StoredRow;

enum class Step {
  open,    // before anything
  opened,  // ownership is written, the answer is lost
  reload,
  commit_begin,    // before anything
  domain_begin,    // before each domain's part, with its number
  row_begin,       // with row watermarks: before each row
  rows_written,    // with row watermarks: all rows stand, the checkpoints have not moved
  commit_applied,  // everything is written, the answer is lost
};

enum class Fault {
  none,
  unavailable,  // open, reload: an error; commit: retry
  fenced,       // commit only
  rejected,     // commit_begin only
};

// Rows by encode_key().
using Rows = std::map<std::string, StoredRow>;

struct MemoryOptions {
  std::uint32_t domains = 1;
  bool row_watermarks = false;  // as a search store: rows first, one by one, each with its watermarks, then the checkpoints; one domain
  bool checkpoint_may_vanish = false;  // G22, for tests
  std::size_t max_batch_rows = 50'000;
};

class MemoryStore final : public Store {
 public:
  // All that the store holds: copy it to play a failover to a replica that is a little behind.
  struct Partition {
    std::vector<Checkpoint> checkpoints;  // one a domain
    std::map<std::int64_t, IdChunk> ids;  // by first offset
  };
  // Of each row, deleted ones too: per partition the last offset it includes + 1 (G24, G25).
  using Watermarks = std::map<TopicPartition, std::int64_t>;
  struct State {
    std::vector<Rows> views;
    std::vector<std::map<std::string, Watermarks>> watermarks;
    std::map<TopicPartition, Partition> partitions;
    std::set<Hash128> exact_ids;  // G16
    std::optional<std::string> first_topics;
  };
  using FaultHook = std::function<Fault(Step step, std::uint32_t domain)>;
  // True when the store can never take this folded row.
  using RejectHook = std::function<bool(const ViewSchema& view, const FoldedRow& row)>;

  explicit MemoryStore(std::vector<ViewSchema> views, MemoryOptions options = {});

  [[nodiscard]] SinkTraits traits() const override;
  Result<void> prepare() override { return {}; }
  Result<std::unique_ptr<Sink>> new_sink() override;
  Result<std::vector<StoredCheckpoint>> checkpoints() override;
  Result<std::string> first_topics(const std::string& now) override;
  Result<void> ping() override { return {}; }
  Result<std::unique_ptr<RowReader>> read_rows(const RowQuery& query) override;
  [[nodiscard]] std::string name_of_view(std::uint32_t view) const override;

  void set_fault_hook(FaultHook hook);
  void set_reject_hook(RejectHook hook);
  // What its sinks answer to batch_rows() from now on; SIZE_MAX at first.
  void ask_for_batch_rows(std::size_t rows) { batch_rows_.store(rows, std::memory_order_relaxed); }

  [[nodiscard]] State snapshot() const;
  void restore(State state);
  [[nodiscard]] Rows rows(std::size_t view) const;
  // One line a row, in key order: what a test compares and a person reads. `guards`: with the hidden stamps.
  [[nodiscard]] std::vector<std::string> dump(std::size_t view, bool guards = false) const;
  [[nodiscard]] std::uint32_t domain_of(std::uint32_t view, std::uint64_t key_hash) const;

 private:
  friend class MemorySink;

  const std::vector<ViewSchema> views_;
  const MemoryOptions options_;
  mutable std::mutex mutex_;
  State state_;
  FaultHook fault_hook_;
  RejectHook reject_hook_;
  std::atomic<std::size_t> batch_rows_{SIZE_MAX};
};

}  // namespace foldline::memory
