// A replayed record gives the event that the original gave, and nothing else passes for one (G14, G28).
#include "common/codec/replay_decoder.h"

#include <gtest/gtest.h>

#include "tests/unit/codec/padded.h"

namespace foldline::codec {
namespace {

// Answers what it was given.
class Recorder final : public Decoder {
 public:
  Result<Decoded> decode(const Record& record, Arena& arena, Event& event) override {
    event = Event{};
    event.record = &record;
    event.id = "own";
    event.type = arena.copy(*record.value);
    if (event.type == "bad") return fail(ErrorCode::decode, "bad");
    return event.type == "skip" ? Decoded::skipped : Decoded::event;
  }
};

class ReplayDecoderTest : public ::testing::Test {
 protected:
  ReplayDecoderTest() {
    ReplayDecoderOptions options{.index = 2, .projection = "shop", .source_of = {}, .decoders = {}};
    options.source_of = [](const std::string& topic) { return topic == "orders" ? 1 : topic == "shop.replay" ? 2 : -1; };
    options.decoders.push_back(nullptr);
    options.decoders.push_back(std::make_unique<Recorder>());
    decoder_ = make_replay_decoder(std::move(options));
  }

  Result<Decoded> decode(const std::string& value, const OwnedHeaders& headers) {
    owned_ = headers;
    headers_.clear();
    for (const auto& [name, text] : owned_) headers_.push_back({name, text ? std::optional<std::string_view>(*text) : std::nullopt});
    value_ = std::make_unique<Padded>(value);
    record_ = Record{};
    record_.topic_partition = &place_;
    record_.offset = 77;
    record_.timestamp_us = 9;
    record_.key = "k";
    record_.value = value_->view();
    record_.headers = headers_;
    return decoder_->decode(record_, arena_, event_);
  }

  const TopicPartition place_{"shop.replay", 0};
  const ReplayOrigin origin_{"shop:orders:3:42", 1, "orders", 3, 42, 1'775'207'700'250'000};
  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<Padded> value_;
  OwnedHeaders owned_;
  std::vector<Header> headers_;
  Record record_;
  Arena arena_;
  Event event_;
};

TEST_F(ReplayDecoderTest, TheOriginalRecordComesBack) {
  OwnedHeaders headers = replay_headers(origin_);
  headers.emplace_back("foldline-offset", "of the original");
  headers.emplace_back("none", std::nullopt);
  const auto decoded = decode("hello", headers);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, Decoded::event);
  const Record& record = *event_.record;
  EXPECT_EQ(*record.topic_partition, (TopicPartition{"orders", 3}));
  EXPECT_EQ(record.offset, 42);
  EXPECT_EQ(record.timestamp_us, origin_.timestamp_us);
  EXPECT_EQ(record.key, "k");
  EXPECT_EQ(record.value, "hello");
  ASSERT_EQ(record.headers.size(), 2U);
  EXPECT_EQ(record.headers[0].value, "of the original");
  EXPECT_EQ(record.headers[1].value, std::nullopt);
  EXPECT_EQ(event_.source, 1U);
  EXPECT_EQ(event_.id, "own");
  ASSERT_NE(event_.replay, nullptr);
  EXPECT_EQ(event_.replay->identity, "shop:orders:3:42#1");
  EXPECT_EQ(event_.replay->retry_count, 1);
}

TEST_F(ReplayDecoderTest, AFailureKeepsTheOriginalPosition) {
  EXPECT_FALSE(decode("bad", replay_headers(origin_)));
  EXPECT_EQ(event_.record->offset, 42);
  ASSERT_NE(event_.replay, nullptr);
  EXPECT_EQ(decode("skip", replay_headers(origin_)).value(), Decoded::skipped);
}

TEST_F(ReplayDecoderTest, ATopicThatNoSourceReadsAnyMoreKeepsItsPosition) {
  const auto decoded = decode("hello", replay_headers({"shop:gone:0:1", 0, "gone", 0, 1, 1}));
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().message.find("gone"), std::string::npos);
  EXPECT_EQ(event_.record->topic_partition->topic, "gone");
  // Nor is the replay topic a source of replays.
  EXPECT_FALSE(decode("hello", replay_headers({"shop:shop.replay:0:1", 0, "shop.replay", 0, 1, 1})));
}

TEST_F(ReplayDecoderTest, DamagedHeadersLeaveTheRecordWhereItStands) {
  const OwnedHeaders good = replay_headers(origin_);
  std::vector<OwnedHeaders> bad = {{}, {good.begin(), good.begin() + 5}};
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const std::optional<std::string>& value :
         {std::optional<std::string>(), std::optional<std::string>(""), std::optional<std::string>("x"), std::optional<std::string>("-1"),
          std::optional<std::string>("99999999999999999999")}) {
      bad.push_back(good);
      bad.back()[i].second = value;
    }
    bad.push_back(good);
    bad.back()[i].first = "foldline-x";
  }
  bad.push_back(good);
  std::swap(bad.back()[0], bad.back()[1]);
  for (const OwnedHeaders& headers : bad) {
    EXPECT_FALSE(decode("hello", headers));
    EXPECT_EQ(event_.record, &record_);
    EXPECT_EQ(event_.replay, nullptr);
    EXPECT_EQ(event_.source, 2U);
  }
  EXPECT_TRUE(decode("hello", good));
}

TEST_F(ReplayDecoderTest, ALetterOfAnotherProjectionIsNotTaken) {
  EXPECT_FALSE(decode("hello", replay_headers({"other:orders:3:42", 0, "orders", 3, 42, 1})));
}

TEST_F(ReplayDecoderTest, OneThatIsTooLargeIsIdentifiedByItsHeaders) {
  ASSERT_TRUE(decode("hello", replay_headers(origin_)));
  record_.value.reset();
  event_ = Event{};
  decoder_->identify(record_, arena_, event_);
  ASSERT_NE(event_.replay, nullptr);
  EXPECT_EQ(event_.record->offset, 42);
  EXPECT_EQ(event_.source, 1U);
}

}  // namespace
}  // namespace foldline::codec
