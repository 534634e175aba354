// A seeded simulation: several workers, each with the real lane, over one fake broker and one shared store, through crashes, zombies,
// rebalances, outages, lost answers, duplicates, poison and failovers. In the end the store must hold what the log says, one event at
// a time, and the letters must be those of the events that can't be applied.
//
//   Simulation simulation(seed);
//   simulation.run();
//   EXPECT_EQ(simulation.verdict(), "");
//
// A history is its seed and a list of actions, each with a seed of its own: so it stays itself when some of them are left out, and
// shortest_failure() finds which ones a failure needs.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/engine/lane_fixture.h"

namespace foldline::testing {

// What went on, to see that the histories reach what they are there for.
struct SimulationTally {
  std::uint64_t events = 0, duplicates = 0, store_letters = 0, fenced = 0, rewinds = 0, retries = 0, halvings = 0, refolds = 0, cuts = 0,
                crashes = 0, zombies = 0, rebalances = 0, failovers = 0, late_jobs = 0;
};

// What a number below 1,000 stands for is act()'s to say.
struct SimulationAction {
  std::uint32_t what = 0;
  std::uint64_t seed = 0;
};
using SimulationHistory = std::vector<SimulationAction>;
std::string_view name_of(const SimulationAction& action);

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed);
  // The whole history of the seed, or these actions of it.
  void run();
  void run(const SimulationHistory& actions);
  [[nodiscard]] const SimulationHistory& history() const { return history_; }
  // Empty: all is as it must be. Else what is not.
  [[nodiscard]] std::string verdict() const;

  SimulationTally tally;

 private:
  // A worker as the group sees it; a zombie is one that the group has given up and that does not know.
  struct Worker {
    std::unique_ptr<LaneHarness> h;
    bool zombie = false;
  };

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  [[nodiscard]] std::int64_t window() const { return options_.exact_ids ? INT32_MAX : options_.id_window; }
  void act(std::uint32_t what);
  [[nodiscard]] std::string invariant() const;
  void produce();
  void step(Worker& worker);
  void run_job(Worker& worker);
  void crash(std::size_t index);
  void rebalance();
  void failover();
  void set_faults();
  void collect(const Worker& worker);
  std::unique_ptr<LaneHarness> make_worker(const std::vector<TopicPartition>& partitions);
  void finish();

  std::uint64_t seed_;
  SimulationHistory history_;
  std::string broken_;  // the first broken invariant, and behind which action
  std::mt19937_64 random_;
  std::uint64_t next_seed_;
  Instant now_{};
  LaneOptions options_;
  std::vector<ViewSchema> views_ = projection_views();
  FakeBroker broker_;
  std::unique_ptr<memory::MemoryStore> store_;
  FakeLetters letters_;
  std::vector<TopicPartition> partitions_;
  std::vector<Worker> workers_;
  std::vector<Worker> graveyard_;  // dead workers whose last job may still reach the store
  std::vector<memory::MemoryStore::State> snapshots_;
  bool store_away_ = false;
  std::size_t fault_one_in_ = 0;
  std::vector<int> next_id_;
};

// As few of a failing history's actions as still fail: tries to leave out halves, then quarters, down to single ones.
SimulationHistory shortest_failure(std::uint64_t seed, SimulationHistory failing);

}  // namespace foldline::testing
