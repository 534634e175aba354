// How records come out of librdkafka: in runs that are cut anywhere, beside rewinds and rebalances, with their headers.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/kafka_log.h"
#include "tests/integration/kafka/log_member.h"
#include "tests/integration/kafka/topic_fixture.h"

namespace foldline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ConsumeTest : public TopicFixture {};

// Takes a few records a call, so that librdkafka's run of callbacks is cut in the middle again and again.
struct Hesitant : Collected {
  std::size_t most = 0;
  std::size_t taken = 0;
  bool on_record(const Record& record) override {
    Collected::on_record(record);
    return ++taken % most != 0;
  }
};

// What is left of a run when the visitor says enough goes back to the queue's head, and what arrives meanwhile stands behind it.
TEST_F(ConsumeTest, AVisitorThatTakesFewRecordsAtATimeGetsEachOnceAndInOrder) {
  const std::string topic = new_topic(3);
  produce(topic, 0, 5'000);
  Member member(client_, topic);
  ASSERT_TRUE(member.join(topic, 3));
  for (std::uint32_t slot = 0; slot < 3; ++slot) ASSERT_TRUE(member.log->start(slot, 0));
  int produced = 5'000;
  for (const std::size_t most : {1U, 7U, 511U, 512U, 513U}) {
    Hesitant seen;
    seen.most = most;
    std::map<std::uint32_t, std::int64_t> from;
    for (std::uint32_t slot = 0; slot < 3; ++slot) ASSERT_TRUE(member.log->start(slot, 0));
    const auto deadline = std::chrono::steady_clock::now() + seconds(30);
    std::size_t all = 0;
    bool more = true;
    while (all < static_cast<std::size_t>(produced) && std::chrono::steady_clock::now() < deadline) {
      const std::size_t before = seen.taken;
      member.log->poll(1'000, seen);
      ASSERT_LE(seen.taken - before, most) << "no more after it has said enough";
      all = seen.taken;
      if (all > 2'000 && std::exchange(more, false)) {
        produce(topic, produced, 500);
        produced += 500;
      }
      member.consumer->poll(milliseconds(0));
    }
    EXPECT_EQ(all, static_cast<std::size_t>(produced)) << "by " << most;
    for (const auto& [slot, offsets] : seen.offsets) {
      EXPECT_EQ(offsets, range(0, static_cast<std::int64_t>(offsets.size()))) << "slot " << slot << " by " << most;
    }
  }
}

struct Thrower : Collected {
  std::int64_t at = 0;
  bool on_record(const Record& record) override {
    if (record.offset == at && std::exchange(at, -1) >= 0) throw std::runtime_error("as a lane without memory would");
    return Collected::on_record(record);
  }
};

TEST_F(ConsumeTest, WhatAVisitorThrowsGoesThroughAndTheNextPollGoesOn) {
  const std::string topic = new_topic(1);
  produce(topic, 0, 3'000);
  Member member(client_, topic);
  ASSERT_TRUE(member.join(topic, 1));
  ASSERT_TRUE(member.log->start(0, 0));
  Thrower seen;
  seen.at = 700;
  int thrown = 0;
  ASSERT_TRUE(member.poll_until([&] {
    try {
      member.log->poll(1'000, seen);
    } catch (const std::runtime_error&) {
      ++thrown;
    }
    return seen.ends.contains(0);
  }));
  EXPECT_EQ(thrown, 1);
  std::vector<std::int64_t> expected = range(0, 3'000);
  expected.erase(expected.begin() + 700);
  EXPECT_EQ(seen.offsets[0], expected) << "only the record that it threw at is gone";
}

// Two lanes' queues on two threads, as a worker has them; rewinds and rebalances beside them. Each lane reads its own partitions only.
struct TwoLanes : kafka::RebalanceListener {
  std::unique_ptr<kafka::Consumer> consumer;
  std::array<std::unique_ptr<KafkaLog>, 2> logs;
  std::array<std::vector<TopicPartition>, 2> assigned;
  std::size_t total = 0;

  TwoLanes(const kafka::ClientOptions& client, const std::string& group) {
    auto made = kafka::Consumer::create({.client = client, .group = group}, *this);
    EXPECT_TRUE(made) << made.error().message;
    consumer = std::move(*made);
    for (auto& log : logs) log = std::make_unique<KafkaLog>(consumer->new_queue());
  }
  ~TwoLanes() override { consumer.reset(); }
  std::vector<kafka::PartitionQueue*> on_assign(const std::vector<TopicPartition>& partitions) override {
    std::vector<kafka::PartitionQueue*> out;
    assigned = {};
    total = partitions.size();
    for (std::size_t i = 0; i < partitions.size(); ++i) {  // the lanes change places with the number of partitions
      const std::size_t lane = (i + partitions.size() / 2) % 2;
      assigned[lane].push_back(partitions[i]);
      out.push_back(&logs[lane]->queue());
    }
    for (std::size_t lane = 0; lane < 2; ++lane) logs[lane]->reset(assigned[lane]);
    return out;
  }
  void on_revoke(const std::vector<TopicPartition>& /*partitions*/) override {
    total = 0;
    for (auto& log : logs) log->reset({});
  }
};

TEST_F(ConsumeTest, LanesThatReadOnTheirThreadsThroughRewindsAndRebalancesSkipNothing) {
  const std::string topic = new_topic(6);
  const std::string value(300, 'v');
  std::vector<kafka::OutgoingRecord> records;
  for (int i = 0; i < 60'000; ++i) records.push_back({topic, "k" + std::to_string(i), value, {}});
  ASSERT_TRUE(producer_->produce_all(records));
  client_.options.emplace_back("queued.max.messages.kbytes", Secret("512"));
  TwoLanes member(client_, topic);
  ASSERT_TRUE(member.consumer->subscribe({topic}));
  const auto poll_until = [&](const std::function<bool()>& done, kafka::Consumer* other = nullptr) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(30);
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      member.consumer->poll(milliseconds(5));
      if (other != nullptr) other->poll(milliseconds(5));
    }
    return done();
  };
  // Of each start: the offset, then all that came until the next one.
  const auto read_for = [&](milliseconds time, const std::function<void()>& beside) {
    std::array<Collected, 2> seen;
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (std::size_t lane = 0; lane < 2; ++lane) {
      threads.emplace_back([&, lane] {
        while (!stop) member.logs[lane]->poll(2'000, seen[lane]);
      });
    }
    beside();
    const auto until = std::chrono::steady_clock::now() + time;
    poll_until([&] { return std::chrono::steady_clock::now() > until; });
    stop = true;
    for (std::thread& thread : threads) thread.join();
    for (const Collected& lane : seen) {
      for (const auto& [slot, offsets] : lane.offsets) {
        for (std::size_t i = 1; i < offsets.size(); ++i) {
          ASSERT_TRUE(offsets[i] == offsets[i - 1] + 1 || offsets[i] % 10 == 0)
              << "slot " << slot << ": " << offsets[i] << " behind " << offsets[i - 1];
        }
      }
    }
  };
  for (int round = 0; round < 4; ++round) {
    ASSERT_TRUE(poll_until([&] { return member.total == 6; }));
    std::array<std::int64_t, 2> begun{};
    read_for(milliseconds(100), [&] {
      for (int rewind = 0; rewind < 10; ++rewind) {
        for (std::size_t lane = 0; lane < 2; ++lane) {
          for (std::uint32_t slot = 0; slot < member.assigned[lane].size(); ++slot) {
            const auto result = member.logs[lane]->start(slot, 10 * (round + rewind));
            ASSERT_TRUE(result) << result.error().message;
            ++begun[lane];
          }
        }
      }
    });
    Member other(client_, topic);  // joins, and goes again
    ASSERT_TRUE(other.consumer->subscribe({topic}));
    ASSERT_TRUE(poll_until([&] { return member.total == 3 && other.assigned.size() == 3; }, other.consumer.get()));
    read_for(milliseconds(50), [&] {
      for (std::size_t lane = 0; lane < 2; ++lane) {
        for (std::uint32_t slot = 0; slot < member.assigned[lane].size(); ++slot) {
          ASSERT_TRUE(member.logs[lane]->start(slot, 10 * round));
        }
      }
    });
    other.consumer->leave();
  }
  // To the end, once, whole.
  ASSERT_TRUE(poll_until([&] { return member.total == 6; }));
  std::size_t all = 0;
  for (std::size_t lane = 0; lane < 2; ++lane) {
    for (std::uint32_t slot = 0; slot < member.assigned[lane].size(); ++slot) ASSERT_TRUE(member.logs[lane]->start(slot, 0));
    Collected seen;
    ASSERT_TRUE(poll_until([&] {
      member.logs[lane]->poll(2'000, seen);
      return seen.ends.size() == member.assigned[lane].size();
    }));
    for (const auto& [slot, offsets] : seen.offsets) EXPECT_EQ(offsets, range(0, seen.ends[slot])) << "lane " << lane << ", slot " << slot;
    for (const auto& [slot, end] : seen.ends) all += static_cast<std::size_t>(end);
  }
  EXPECT_EQ(all, records.size());
}

// A lane that has no partition any more must not read through the one that it had: another lane has it now.
TEST_F(ConsumeTest, ALaneWithoutPartitionsTakesNothingFromTheOneThatHasItsPartitionNow) {
  const std::string topic = new_topic(2);
  produce(topic, 0, 4'000);
  TwoLanes member(client_, topic);
  ASSERT_TRUE(member.consumer->assign({{topic, 0}, {topic, 1}}));
  ASSERT_EQ(member.assigned[1], (std::vector<TopicPartition>{{topic, 0}}));
  ASSERT_TRUE(member.consumer->assign({{topic, 0}}));
  ASSERT_EQ(member.assigned[0], (std::vector<TopicPartition>{{topic, 0}}));
  ASSERT_TRUE(member.logs[0]->start(0, 0));
  std::array<Collected, 2> seen;
  const auto deadline = std::chrono::steady_clock::now() + seconds(30);
  while (!seen[0].ends.contains(0) && std::chrono::steady_clock::now() < deadline) {
    member.logs[1]->poll(2'000, seen[1]);
    member.logs[0]->poll(10, seen[0]);
    member.consumer->poll(milliseconds(0));
  }
  EXPECT_EQ(member.logs[1]->unstarted_records(), 0U);
  EXPECT_EQ(seen[0].offsets[0], range(0, seen[0].ends[0]));
}

// G28, replayed letters: headers are found whatever the sizes around them, and where there are none, none is made up.
TEST_F(ConsumeTest, HeadersAreThoseThatWereWrittenForEverySizeOfValue) {
  struct Headers : Collected {
    std::vector<std::size_t> wrong;
    std::size_t seen = 0;
    bool on_record(const Record& record) override {
      const auto i = static_cast<std::size_t>(std::stoul(std::string(*record.key)));
      const std::size_t count = i % 3;
      bool right = record.headers.size() == count;
      for (std::size_t h = 0; right && h < count; ++h) {
        right = record.headers[h].name == "h" + std::to_string(h) && record.headers[h].value == std::to_string(i);
      }
      if (!right) wrong.push_back(i);
      ++seen;
      return true;
    }
  };
  const std::string topic = new_topic(1);
  // Around each change of the length's own length (a varint of twice the size), and values that end in what a count looks like.
  std::vector<std::size_t> sizes;
  for (std::size_t s = 0; s < 200; ++s) sizes.push_back(s);
  for (std::size_t s = 8'150; s < 8'240; ++s) sizes.push_back(s);
  std::vector<kafka::OutgoingRecord> records;
  for (std::size_t i = 0; i < sizes.size() * 3; ++i) {
    kafka::OutgoingRecord record{topic, std::to_string(i), std::string(sizes[i / 3], i % 2 == 0 ? '\0' : 'v'), {}};
    for (std::size_t h = 0; h < i % 3; ++h) record.headers.push_back({"h" + std::to_string(h), std::to_string(i)});
    records.push_back(std::move(record));
  }
  ASSERT_TRUE(producer_->produce_all(records));
  Member member(client_, topic);
  ASSERT_TRUE(member.join(topic, 1));
  ASSERT_TRUE(member.log->start(0, 0));
  Headers seen;
  ASSERT_TRUE(member.poll_until([&] { return seen.ends.contains(0); }, &seen));
  EXPECT_EQ(seen.seen, records.size());
  EXPECT_EQ(seen.wrong, std::vector<std::size_t>{});
}

}  // namespace
}  // namespace foldline
