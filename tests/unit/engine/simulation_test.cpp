#include "tests/unit/engine/simulation.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <cstdlib>

namespace foldline::testing {
namespace {

void tell_shortest(std::uint64_t seed, const SimulationHistory& failing) {
  const SimulationHistory shortest = shortest_failure(seed, failing);
  Simulation simulation(seed);
  simulation.run(shortest);
  std::string story;
  for (const SimulationAction& action : shortest) story += std::string(name_of(action)) + ", ";
  std::printf("seed %llu, the shortest history that fails has %zu actions: %s\n%s\n", static_cast<unsigned long long>(seed),
              shortest.size(), story.c_str(), simulation.verdict().c_str());
}

// FOLDLINE_SEEDS=from-to runs others than the default; one seed alone tells its story with FOLDLINE_SEEDS=7-7.
TEST(Simulation, EveryHistoryEndsAsTheLogSays) {
  std::uint64_t from = 1;
  std::uint64_t to = 2000;
  if (const char* seeds = std::getenv("FOLDLINE_SEEDS")) {
    char* end = nullptr;
    from = std::strtoull(seeds, &end, 10);
    to = *end == '-' ? std::strtoull(end + 1, nullptr, 10) : from;
  }
  const auto level = spdlog::get_level();
  if (from != to) spdlog::set_level(spdlog::level::off);
  SimulationTally sum;
  for (std::uint64_t seed = from; seed <= to; ++seed) {
    Simulation simulation(seed);
    simulation.run();
    EXPECT_EQ(simulation.verdict(), "") << "seed " << seed << ", " << simulation.history().size() << " actions";
    if (HasFailure()) {
      tell_shortest(seed, simulation.history());
      break;
    }
    const SimulationTally& t = simulation.tally;
    sum.events += t.events;
    sum.duplicates += t.duplicates;
    sum.store_letters += t.store_letters;
    sum.fenced += t.fenced;
    sum.rewinds += t.rewinds;
    sum.retries += t.retries;
    sum.halvings += t.halvings;
    sum.refolds += t.refolds;
    sum.cuts += t.cuts;
    sum.crashes += t.crashes;
    sum.zombies += t.zombies;
    sum.rebalances += t.rebalances;
    sum.failovers += t.failovers;
    sum.late_jobs += t.late_jobs;
  }
  spdlog::set_level(level);
  std::printf(
      "seeds %llu to %llu: events %llu, duplicates %llu, store letters %llu, fenced %llu, rewinds %llu, retries %llu, halvings %llu, "
      "refolds %llu, cuts "
      "%llu, crashes %llu, zombies %llu, rebalances %llu, failovers %llu, late jobs %llu\n",
      static_cast<unsigned long long>(from), static_cast<unsigned long long>(to), static_cast<unsigned long long>(sum.events),
      static_cast<unsigned long long>(sum.duplicates), static_cast<unsigned long long>(sum.store_letters),
      static_cast<unsigned long long>(sum.fenced), static_cast<unsigned long long>(sum.rewinds),
      static_cast<unsigned long long>(sum.retries), static_cast<unsigned long long>(sum.halvings),
      static_cast<unsigned long long>(sum.refolds), static_cast<unsigned long long>(sum.cuts), static_cast<unsigned long long>(sum.crashes),
      static_cast<unsigned long long>(sum.zombies), static_cast<unsigned long long>(sum.rebalances),
      static_cast<unsigned long long>(sum.failovers), static_cast<unsigned long long>(sum.late_jobs));
  if (to - from < 1'500 || HasFailure()) return;
  // The histories must reach what they are there for.
  for (const std::uint64_t n : {sum.duplicates, sum.store_letters, sum.fenced, sum.rewinds, sum.retries, sum.halvings, sum.refolds,
                                sum.cuts, sum.crashes, sum.zombies, sum.failovers, sum.late_jobs}) {
    EXPECT_GT(n, 100U);
  }
}

}  // namespace
}  // namespace foldline::testing
