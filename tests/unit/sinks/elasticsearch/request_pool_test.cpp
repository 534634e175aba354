#include "sinks/elasticsearch/request_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <latch>
#include <set>

namespace foldline::elasticsearch {
namespace {

TEST(RequestPool, CarriesOutAsManyAtOnceAsItHasConnections) {
  const auto all = std::make_shared<std::atomic<std::uint32_t>>(0);
  RequestPool pool({}, 3, all);
  std::latch together(3);  // each of the first three waits for the others: with fewer threads the test would never end
  std::atomic<std::uint32_t> most{0};
  for (std::size_t i = 0; i < 3; ++i) {
    pool.start(i, [&](Cluster&) {
      together.arrive_and_wait();
      most = std::max<std::uint32_t>(most, *all);
    });
  }
  EXPECT_EQ(pool.under_way(), 3U);
  std::set<std::size_t> ended;
  while (pool.under_way() > 0) ended.insert(pool.wait());
  EXPECT_EQ(ended, (std::set<std::size_t>{0, 1, 2}));
  EXPECT_LE(most, 3U);
  EXPECT_EQ(*all, 0U);
}

TEST(RequestPool, HasNoMoreUnderWayThanItsConnections) {
  const auto all = std::make_shared<std::atomic<std::uint32_t>>(0);
  RequestPool pool({}, 2, all);
  std::atomic<bool> too_many{false};
  std::atomic<int> done{0};
  for (std::size_t i = 0; i < 200; ++i) {
    pool.start(i, [&](Cluster&) {
      if (*all > 2) too_many = true;
      ++done;
    });
  }
  std::set<std::size_t> ended;
  while (pool.under_way() > 0) ended.insert(pool.wait());
  EXPECT_EQ(ended.size(), 200U);
  EXPECT_EQ(done, 200);
  EXPECT_FALSE(too_many);
}

TEST(RequestPool, EndsWithoutAJob) { const RequestPool pool({}, 4, nullptr); }

}  // namespace
}  // namespace foldline::elasticsearch
