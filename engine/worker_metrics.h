// The worker's /metrics, in Prometheus' text format, collected from the lanes' counters when asked for. docs/operating.md lists them all.
//
//   MetricsPage page("analytics");
//   page.add_lane(0, stats, status);   page.add_partitions(stats.partitions(), ends, now_us);   page.add_worker(facts);
//   return page.text();
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/lane.h"
#include "engine/stats.h"

namespace foldline {

// Ends of the log as a broker answered them; the client alone knows only of what it has fetched.
using LogEnds = std::map<TopicPartition, std::int64_t>;

// How much a lane may hold; what it holds is in its LaneStats.
struct QueueFacts {
  std::uint64_t prefetched_records = 0;
  std::uint64_t prefetch_limit_bytes = 0;
  std::uint64_t batch_limit_records = 0;
  std::uint64_t batch_limit_bytes = 0;
};

struct WorkerFacts {
  std::string version;
  std::uint64_t rebalances = 0;
  std::int64_t generation = -1;  // -1: not known yet
  StoreRequests store_requests{};
  bool in_group = false;
  bool ready = false;
  bool alive = true;
};

class MetricsPage {
 public:
  explicit MetricsPage(std::string projection) : projection_(std::move(projection)) {}

  void add_lane(std::size_t lane, const LaneStats& stats, const LaneStatus& status);
  void add_queues(std::size_t lane, const LaneStats& stats, const QueueFacts& facts);
  void add_partitions(const std::vector<PartitionStats>& partitions, const LogEnds& ends, std::int64_t now_us);
  void add_worker(const WorkerFacts& facts);
  [[nodiscard]] std::string text() const;

 private:
  enum class Type {
    counter,
    gauge,
    histogram,
  };
  using Labels = std::vector<std::pair<std::string, std::string>>;
  struct Sample {
    Labels labels;
    double value = 0;
    const Histogram* histogram = nullptr;
    double scale = 1;  // a histogram's values are divided by it
  };
  struct Family {
    Type type = Type::counter;
    std::string help;
    std::vector<Sample> samples;
  };
  void add(const std::string& name, Type type, const std::string& help, Labels labels, double value);
  void add_histogram(const std::string& name, const std::string& help, Labels labels, const Histogram& histogram, double scale);
  void add_events(const std::string& lane, const LaneStats& stats);
  void add_letters(const std::string& lane, const LaneStats& stats);
  Family& family(const std::string& name, Type type, const std::string& help);

  std::string projection_;
  std::map<std::string, Family> families_;
};

}  // namespace foldline
