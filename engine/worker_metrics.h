// The worker's /metrics, in Prometheus' text format, collected from the lanes' counters when asked for.
//
//   MetricsPage page("analytics");
//   page.add_lane(0, stats, status);   page.add_worker(3, true);
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

class MetricsPage {
 public:
  explicit MetricsPage(std::string projection) : projection_(std::move(projection)) {}

  void add_lane(std::size_t lane, const LaneStats& stats, const LaneStatus& status);
  void add_worker(std::uint64_t rebalances, bool in_group);
  [[nodiscard]] std::string text() const;

 private:
  enum class Type {
    counter,
    gauge,
  };
  using Labels = std::vector<std::pair<std::string, std::string>>;
  struct Sample {
    Labels labels;
    double value = 0;
  };
  struct Family {
    Type type = Type::counter;
    std::string help;
    std::vector<Sample> samples;
  };
  void add(const std::string& name, Type type, const std::string& help, Labels labels, double value);

  std::string projection_;
  std::map<std::string, Family> families_;
};

}  // namespace foldline
