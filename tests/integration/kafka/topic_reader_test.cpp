// Whole topics and single records of a real broker.
#include "common/kafka/topic_reader.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/integration/kafka/topic_fixture.h"

namespace foldline {
namespace {

class TopicReaderTest : public TopicFixture {
 protected:
  void SetUp() override {
    TopicFixture::SetUp();
    auto reader = kafka::TopicReader::create(client_);
    ASSERT_TRUE(reader) << reader.error().message;
    reader_ = std::move(*reader);
  }
  std::vector<std::int64_t> offsets_at(const std::string& topic, const std::vector<std::int64_t>& wanted) {
    std::vector<std::int64_t> out;
    const auto read = reader_->read_at({topic, 0}, wanted, [&](std::int32_t, const Record& record) -> Result<void> {
      out.push_back(record.offset);
      EXPECT_EQ(*record.value, "v" + std::to_string(record.offset));
      return {};
    });
    EXPECT_TRUE(read) << read.error().message;
    return out;
  }
  std::unique_ptr<kafka::TopicReader> reader_;
};

TEST_F(TopicReaderTest, EveryRecordOfEveryPartitionIsReadOnceAndInOrder) {
  const std::string topic = new_topic(3);
  produce(topic, 0, 5'000);
  std::set<std::string> values;
  std::map<std::int32_t, std::int64_t> last;
  const auto count = reader_->read_all(topic, 3, [&](std::int32_t partition, const Record& record) -> Result<void> {
    EXPECT_TRUE(values.insert(std::string(*record.value)).second);
    const auto [found, is_new] = last.emplace(partition, record.offset);
    EXPECT_TRUE(is_new || record.offset > found->second);
    found->second = record.offset;
    return {};
  });
  ASSERT_TRUE(count) << count.error().message;
  EXPECT_EQ(*count, 5'000U);
  EXPECT_EQ(values.size(), 5'000U);
}

TEST_F(TopicReaderTest, AnEmptyTopicIsReadAtOnce) {
  EXPECT_EQ(reader_->read_all(new_topic(2), 2, [](std::int32_t, const Record&) { return Result<void>(); }), 0U);
}

TEST_F(TopicReaderTest, SingleRecordsAreReadNearAndFar) {
  const std::string topic = new_topic(1);
  produce(topic, 0, 9'000);
  EXPECT_EQ(offsets_at(topic, {0, 1, 7, 500, 4'000, 4'001, 8'999}), (std::vector<std::int64_t>{0, 1, 7, 500, 4'000, 4'001, 8'999}));
  EXPECT_EQ(offsets_at(topic, {8'998, 9'000, 50'000}), (std::vector<std::int64_t>{8'998}));
  EXPECT_TRUE(offsets_at(topic, {}).empty());
}

TEST_F(TopicReaderTest, TheVisitorsErrorEndsTheCall) {
  const std::string topic = new_topic(1);
  produce(topic, 0, 100);
  int seen = 0;
  const auto count = reader_->read_all(topic, 1, [&](std::int32_t, const Record&) -> Result<void> {
    if (++seen == 10) return fail(ErrorCode::limit, "enough");
    return {};
  });
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().code, ErrorCode::limit);
  EXPECT_EQ(seen, 10);
}

TEST_F(TopicReaderTest, NullEmptyAndHeadersComeAsTheyWereWritten) {
  const std::string topic = new_topic(1);
  std::vector<kafka::OutgoingRecord> records = {{topic, std::nullopt, std::nullopt, {{"none", std::nullopt}, {"empty", ""}}},
                                                {topic, "", "", {{"bytes", std::string("\xff\x00", 2)}}}};
  ASSERT_TRUE(producer_->produce_all(records));
  std::size_t seen = 0;
  const auto count = reader_->read_all(topic, 1, [&](std::int32_t, const Record& record) -> Result<void> {
    const kafka::OutgoingRecord& expected = records[seen++];
    EXPECT_EQ(record.key, expected.key);
    EXPECT_EQ(record.value, expected.value);
    EXPECT_EQ(record.headers.size(), expected.headers.size());
    for (std::size_t i = 0; i < record.headers.size(); ++i) EXPECT_EQ(record.headers[i].value, expected.headers[i].second);
    return {};
  });
  EXPECT_EQ(count, 2U);
}

TEST_F(TopicReaderTest, WithoutABrokerReadingFails) {
  client_.brokers = "127.0.0.1:1";
  client_.options.emplace_back("socket.timeout.ms", Secret("1000"));
  auto reader = kafka::TopicReader::create(client_);
  ASSERT_TRUE(reader);
  const auto count = (*reader)->read_all("nowhere", 1, [](std::int32_t, const Record&) { return Result<void>(); });
  ASSERT_FALSE(count);
  EXPECT_TRUE(count.error().retryable);
}

}  // namespace
}  // namespace foldline
