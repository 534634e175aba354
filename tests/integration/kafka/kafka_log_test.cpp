// The log on a real broker: what a lane relies on when it opens, rewinds and is rebalanced.
#include "engine/kafka_log.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <set>

#include "tests/integration/kafka/log_member.h"
#include "tests/integration/kafka/topic_fixture.h"

namespace foldline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

testing::AssertionResult started(KafkaLog& log, std::uint32_t slot) {
  const auto result = log.start(slot, 0);
  return result ? testing::AssertionSuccess() : testing::AssertionFailure() << result.error().message;
}

class KafkaLogTest : public TopicFixture {};

TEST_F(KafkaLogTest, DeliversFromTheStartedOffsetAndThenTheEnd) {
  const std::string topic = new_topic(1);
  produce(topic, 0, 100);
  Member member(client_, topic);
  ASSERT_TRUE(member.join(topic, 1));
  ASSERT_TRUE(member.log->start(0, 40));
  Collected seen;
  ASSERT_TRUE(member.poll_until([&] { return seen.ends.contains(0); }, &seen));
  EXPECT_EQ(seen.offsets[0], range(40, 100));
  EXPECT_EQ(seen.ends[0], 100);
  EXPECT_TRUE(seen.errors.empty());
}

TEST_F(KafkaLogTest, NothingIsDeliveredBeforeAStart) {
  const std::string topic = new_topic(1);
  Member member(client_, topic);
  ASSERT_TRUE(member.join(topic, 1));
  produce(topic, 0, 50);
  Collected seen;
  const auto until = std::chrono::steady_clock::now() + milliseconds(700);
  member.poll_until([&] { return std::chrono::steady_clock::now() > until; }, &seen);
  EXPECT_TRUE(seen.offsets.empty());
  ASSERT_TRUE(member.log->start(0, 0));
  ASSERT_TRUE(member.poll_until([&] { return seen.offsets[0].size() >= 50; }, &seen));
  EXPECT_EQ(seen.offsets[0], range(0, 50));
}

// G2: a fence rewinds; what was read before must not mix with what is read again.
TEST_F(KafkaLogTest, ARewindInTheMiddleOfAStreamDeliversEachOffsetInOrderAgain) {
  const std::string topic = new_topic(2);
  produce(topic, 0, 20'000);
  Member member(client_, topic);
  ASSERT_TRUE(member.join(topic, 2));
  ASSERT_TRUE(member.log->start(0, 0));
  ASSERT_TRUE(member.log->start(1, 0));
  for (int round = 0; round < 20; ++round) {
    Collected seen;
    ASSERT_TRUE(member.poll_until([&] { return seen.offsets[0].size() + seen.offsets[1].size() > 500; }, &seen));
    for (const auto& [slot, offsets] : seen.offsets) {
      for (std::size_t i = 1; i < offsets.size(); ++i) ASSERT_EQ(offsets[i], offsets[i - 1] + 1) << "slot " << slot << " round " << round;
    }
    const std::int64_t back = 10 + round;
    ASSERT_TRUE(member.log->start(0, back));
    ASSERT_TRUE(member.log->start(1, back + 5));
    Collected again;
    ASSERT_TRUE(member.poll_until([&] { return !again.offsets[0].empty() && !again.offsets[1].empty(); }, &again));
    EXPECT_EQ(again.offsets[0].front(), back) << "round " << round;
    EXPECT_EQ(again.offsets[1].front(), back + 5) << "round " << round;
  }
}

// G7: partition queues are split again on each assignment; a new one must not fall back to the group's own queue.
TEST_F(KafkaLogTest, EachRebalanceSplitsTheQueuesAnew) {
  const std::string topic = new_topic(4);
  produce(topic, 0, 1'000);
  Member one(client_, topic);
  ASSERT_TRUE(one.join(topic, 4));
  for (int round = 0; round < 3; ++round) {
    {
      Member two(client_, topic);
      ASSERT_TRUE(two.consumer->subscribe({topic}));
      ASSERT_TRUE(one.poll_until([&] {
        two.consumer->poll(milliseconds(10));
        return one.assigned.size() == 2 && two.assigned.size() == 2;
      }));
      std::size_t read = 0;
      for (Member* member : {&one, &two}) {
        ASSERT_TRUE(started(*member->log, 0));
        ASSERT_TRUE(started(*member->log, 1));
        Collected seen;
        ASSERT_TRUE(member->poll_until([&] { return seen.ends.size() == 2; }, &seen));
        for (const std::uint32_t slot : {0U, 1U}) {
          EXPECT_EQ(seen.offsets[slot], range(0, seen.ends[slot])) << "round " << round << ", " << member->assigned[slot].to_string();
        }
        for (const Error& error : seen.errors) ADD_FAILURE() << error.message;
        read += seen.offsets[0].size() + seen.offsets[1].size();
      }
      EXPECT_EQ(read, 1'000U) << "round " << round;
      two.consumer->leave();
    }
    ASSERT_TRUE(one.poll_until([&] { return one.assigned.size() == 4; }));
  }
}

TEST_F(KafkaLogTest, APositionOutsideTheLogIsLostAndNeverReset) {
  const std::string topic = new_topic(1);
  produce(topic, 0, 10);
  Member member(client_, topic);
  ASSERT_TRUE(member.join(topic, 1));
  ASSERT_TRUE(member.log->start(0, 5'000));
  Collected seen;
  ASSERT_TRUE(member.poll_until([&] { return !seen.errors.empty(); }, &seen));
  EXPECT_EQ(seen.errors.front().code, ErrorCode::log_lost);
  EXPECT_TRUE(seen.offsets.empty());
}

TEST_F(KafkaLogTest, BoundsAndTheOffsetForATime) {
  const std::string topic = new_topic(1);
  produce(topic, 0, 10);
  Member member(client_, topic);
  ASSERT_TRUE(member.join(topic, 1));
  const auto bounds = member.log->bounds(0);
  ASSERT_TRUE(bounds) << bounds.error().message;
  EXPECT_EQ(bounds->low, 0);
  EXPECT_EQ(bounds->high, 10);
  EXPECT_EQ(*member.log->offset_for_time(0, 0), 0);
  EXPECT_EQ(*member.log->offset_for_time(0, 4'000'000'000'000'000), 10) << "the end when no record is that young";
}

TEST_F(KafkaLogTest, AnUnknownTopicHasNoPartitions) {
  Member member(client_, "it-nobody");
  EXPECT_EQ(*member.consumer->partition_count("it-there-is-no-such-topic", seconds(5)), 0);
  EXPECT_EQ(*member.consumer->partition_count(new_topic(3), seconds(5)), 3);
}

// One request for all partitions answers what a request for each does; and it is spent by being used: a rewind asks the broker again.
TEST_F(KafkaLogTest, BoundsAskedForTogetherAreThoseOfEachPartitionAndServeOnce) {
  const std::string topic = new_topic(3);
  produce(topic, 0, 500);
  Member member(client_, topic);
  ASSERT_TRUE(member.join(topic, 3));
  std::vector<std::int64_t> singly;
  for (std::uint32_t slot = 0; slot < 3; ++slot) singly.push_back(member.log->bounds(slot)->high);
  const auto together = member.log->queue().watermarks(member.assigned, seconds(10));
  ASSERT_TRUE(together) << together.error().message;
  std::int64_t sum = 0;
  for (std::uint32_t slot = 0; slot < 3; ++slot) {
    ASSERT_TRUE((*together)[slot]) << "slot " << slot;
    EXPECT_EQ((*together)[slot]->low, 0);
    EXPECT_EQ((*together)[slot]->high, singly[slot]);
    sum += singly[slot];
  }
  EXPECT_EQ(sum, 500);

  member.log->ask_all_bounds();
  produce(topic, 500, 500);
  const auto bounds_sum = [&] {
    std::int64_t out = 0;
    for (std::uint32_t slot = 0; slot < 3; ++slot) out += member.log->bounds(slot)->high;
    return out;
  };
  EXPECT_EQ(bounds_sum(), 500) << "what was asked for together";
  EXPECT_EQ(bounds_sum(), 1'000) << "asked anew";
}

TEST_F(KafkaLogTest, BoundsOfAPartitionThatIsNotThereLeaveTheOthersAnswered) {
  const std::string topic = new_topic(1);
  produce(topic, 0, 10);
  Member member(client_, topic);
  ASSERT_TRUE(member.join(topic, 1));
  const auto found = member.log->queue().watermarks(std::vector<TopicPartition>{{topic, 0}, {topic, 7}}, seconds(2));
  if (!found) return;  // refused as a whole: the lane then asks for each
  ASSERT_TRUE((*found)[0]);
  EXPECT_EQ((*found)[0]->high, 10);
  EXPECT_FALSE((*found)[1]);
}

// The queue holds far less than the backlog, so the client stops fetching again and again, and is woken while the queue is emptied.
TEST_F(KafkaLogTest, ABacklogManyTimesTheQueuesSizeIsReadOnceAndInOrder) {
  const std::string topic = new_topic(4);
  const std::string value(1'000, 'v');
  constexpr int kRecords = 24'000;
  std::vector<kafka::OutgoingRecord> records;
  for (int i = 0; i < kRecords; ++i) records.push_back({topic, "k" + std::to_string(i), value, {}});
  ASSERT_TRUE(producer_->produce_all(records));
  client_.options.emplace_back("queued.max.messages.kbytes", Secret("1024"));
  Member member(client_, topic);
  ASSERT_TRUE(member.join(topic, 4));
  for (std::uint32_t slot = 0; slot < 4; ++slot) ASSERT_TRUE(member.log->start(slot, 0));
  Collected seen;
  ASSERT_TRUE(member.poll_until([&] { return seen.ends.size() == 4; }, &seen));
  std::int64_t all = 0;
  for (const auto& [slot, offsets] : seen.offsets) {
    EXPECT_EQ(offsets, range(0, seen.ends[slot])) << "slot " << slot;
    all += seen.ends[slot];
  }
  EXPECT_EQ(all, kRecords);
  EXPECT_TRUE(seen.errors.empty());
}

}  // namespace
}  // namespace foldline
