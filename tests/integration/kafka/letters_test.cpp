// Letters on a real broker: acknowledged, in a topic made on demand.
#include <gtest/gtest.h>

#include "common/kafka/inspector.h"
#include "sinks/dead_letter/kafka_letters.h"
#include "tests/integration/kafka/topic_fixture.h"

namespace foldline {
namespace {

class LettersTest : public TopicFixture {
 protected:
  std::unique_ptr<KafkaLetters> letters() {
    auto producer = kafka::Producer::create(client_);
    EXPECT_TRUE(producer);
    return std::make_unique<KafkaLetters>(std::move(*producer), KafkaLettersOptions{.projection = "p", .redactor_of = {}});
  }
  static Letter letter_of(const std::string& topic, std::int64_t offset) {
    Letter out;
    out.topic_partition = {topic, 0};
    out.offset = offset;
    out.value = "not json at all";
    out.error = "not JSON";
    out.reason = "not JSON";
    return out;
  }
};

TEST_F(LettersTest, TheTopicIsCreatedAndEveryLetterAcknowledged) {
  const std::string topic = "it-" + Uuid::random().to_string();
  std::vector<Letter> batch;
  for (int i = 0; i < 100; ++i) batch.push_back(letter_of(topic, i));
  const auto published = letters()->publish(batch);
  ASSERT_TRUE(published) << published.error().message;
  auto inspector = kafka::Inspector::create(client_);
  ASSERT_TRUE(inspector);
  const auto bounds = (*inspector)->watermarks({topic + ".dlq", 0});
  ASSERT_TRUE(bounds) << bounds.error().message;
  EXPECT_EQ(bounds->high, 100);
}

// A broker refuses the first requests of a topic that it is still making, and takes what was sent behind them.
TEST_F(LettersTest, TheFirstLettersOfANewTopicAreInTheLog) {  // G28
  constexpr int kTopics = 60;
  constexpr int kLetters = 20;
  auto sink = letters();
  auto inspector = kafka::Inspector::create(client_);
  ASSERT_TRUE(inspector);
  const std::string name = "it-" + Uuid::random().to_string();
  for (int round = 0; round < kTopics; ++round) {
    const std::string topic = name + "-" + std::to_string(round);
    std::vector<Letter> batch;
    for (int i = 0; i < kLetters; ++i) batch.push_back(letter_of(topic, i));
    const auto published = sink->publish(batch);
    ASSERT_TRUE(published) << published.error().message;
    const auto bounds = (*inspector)->watermarks({topic + ".dlq", 0});
    ASSERT_TRUE(bounds) << bounds.error().message;
    ASSERT_EQ(bounds->high, kLetters) << "round " << round;
  }
}

TEST_F(LettersTest, WithoutABrokerPublishingFailsAndMayBeTriedAgain) {
  client_.brokers = "127.0.0.1:1";
  client_.options.emplace_back("delivery.timeout.ms", Secret("1500"));
  client_.options.emplace_back("socket.timeout.ms", Secret("1000"));
  std::vector<Letter> batch = {letter_of("nowhere", 1)};
  auto sink = letters();
  const auto published = sink->publish(batch);
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code, ErrorCode::dead_letter);
  EXPECT_TRUE(published.error().retryable);
}

}  // namespace
}  // namespace foldline
