// G12 in a lane: which clock says that an event comes too late for its row, and that it says so again after a restart and in a refold
// (G13).
#include "tests/unit/engine/lane_fixture.h"

#include "tests/unit/engine/test_views.h"

namespace foldline::testing {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;

// Rows live ten seconds from `at`, which `at|KEY|SECONDS` sets.
class LaneLate : public LaneTest {
 protected:
  LaneLate() {
    views[0].fields.push_back(field("at", TypeKind::timestamptz, {Op::set}));
    views[0].expire_from = "at";
    views[0].expire_after_us = 10 * kSecondUs;
    make_store({});
  }

  // Events arrive a day after they happened, so that nobody takes the record's time for theirs.
  void event(const std::string& key, int at_s, int time_s) {
    broker.append(tp, "|at|" + key + "|" + std::to_string(at_s) + "|" + std::to_string(time_s), 86'400 * kSecondUs);
  }
  std::string keys() {
    std::string out;
    for (const std::string& row : rows()) out += row.substr(1, row.find('\'', 1) - 1);
    return out;
  }
};

TEST_F(LaneLate, TheGreatestEventTimeBeforeTheEventDecidesNotItsOwnNorItsArrival) {
  event("a", 0, 5);
  event("b", 100, 100);
  event("c", 90, 99);   // ten seconds back: in time
  event("d", 89, 99);   // eleven: late
  event("e", 95, 200);  // its own time does not count against it
  event("f", 95, 200);  // but against what comes after it
  start();
  settle();
  EXPECT_EQ(keys(), "abce");
  EXPECT_EQ(h->stats.late_changes.load(), 2U);
}

TEST_F(LaneLate, ARestartRemembersTheGreatestEventTime) {
  event("a", 100, 100);
  start();
  settle();
  start();
  event("b", 89, 99);
  settle();
  EXPECT_EQ(keys(), "a");
}

TEST_F(LaneLate, ARefoldDecidesAsTheFoldDid) {
  event("a", 100, 100);
  event("b", 95, 100);  // in time where it stands
  append("|poison|x|1|100");
  event("c", 300, 300);  // read before the batch is folded again
  start();
  settle();
  EXPECT_EQ(h->stats.letters_store.load(), 1U);
  EXPECT_EQ(keys(), "abc");
}

}  // namespace
}  // namespace foldline::testing
