// Tombstones (G25): the stripped documents that deletes leave for their watermarks' sake, and when they may go.
//
//   purge.run_when_due(partitions);   // after a commit, every so often; a bounded number
//
// A tombstone may go when every watermark in it is below or at the durable checkpoint of its partition (no worker will read an event again
// that it includes) and it is old enough that no frozen worker can still hold a batch from before. Deleted under its seq_no: one that
// came back to life meanwhile stays. Crash: some are gone, the others' turn comes.
// One thread at a time.
#pragma once

#include <chrono>
#include <map>
#include <span>

#include "sinks/elasticsearch/document.h"
#include "sinks/elasticsearch/layout.h"
#include "sinks/elasticsearch/partitions.h"

namespace foldline::elasticsearch {

struct TombstoneLimits {
  std::chrono::seconds min_age{24 * 3600};  // far longer than a frozen worker's connections live
  std::chrono::seconds every{300};
  int max_purged = 500;  // of each view, each time
};

class TombstonePurge {
 public:
  TombstonePurge(Cluster& cluster, std::span<const ViewLayout> layouts, const ProjectionId& id, TombstoneLimits limits)
      : cluster_(cluster), layouts_(layouts), id_(id), limits_(limits), next_(std::chrono::steady_clock::now() + limits.every) {}

  // Failures are logged: the next time is soon enough.
  void run_when_due(Partitions& partitions);
  // How many went.
  Result<std::size_t> run(Partitions& partitions);

 private:
  Result<std::size_t> purge(const ViewLayout& layout, Partitions& partitions);
  Result<bool> is_passed(const std::vector<Watermark>& watermarks, Partitions& partitions);

  Cluster& cluster_;
  std::span<const ViewLayout> layouts_;
  const ProjectionId& id_;
  TombstoneLimits limits_;
  std::chrono::steady_clock::time_point next_;
  std::map<std::string, std::int64_t> passed_;  // durable next offsets by watermark name, of this run
};

}  // namespace foldline::elasticsearch
