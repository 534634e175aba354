// Letters read back give the event byte for byte, or say that they do not hold it; marks are told from letters (G28).
#include "sinks/dead_letter/letter_record.h"

#include <gtest/gtest.h>

#include <random>

#include "sinks/dead_letter/kafka_letters.h"

namespace foldline {
namespace {

Letter example() {
  Letter out;
  out.stage = Stage::project;
  out.reason = "missing path";
  out.error = "data.order_id is missing";
  out.failed_at_us = 1'775'207'700'000'000;
  out.retry_count = 2;
  out.topic_partition = {"orders.events", 3};
  out.offset = 42;
  out.timestamp_us = 1'775'207'700'250'000;
  out.key = "o-1";
  out.value = R"( {"event_type":"order.placed", "n":29.990 , "t":"\u00e4 \"}," } )";
  out.headers = {{"trace", "abc"}, {"none", std::nullopt}, {"empty", ""}, {"bytes", std::string("\xff\x00", 2)}};
  out.event_id = "e-1";
  out.event_type = "order.placed";
  return out;
}

// As it would stand in the letter topic.
LetterRecord read(const std::string& value, std::vector<Header> headers, std::string_view projection = "shop") {
  Record record;
  record.value = value;
  record.headers = headers;
  return read_letter_record(record, projection);
}
const Header kOurs{"foldline-projection", "shop"};

TEST(LetterRecord, ALettersContextComesBack) {
  const LetterRecord record = read(letter_json(example(), "shop", {}), {kOurs});
  ASSERT_TRUE(record.letter);
  const LetterSummary& letter = *record.letter;
  EXPECT_EQ(letter.letter_id, "shop:orders.events:3:42");
  EXPECT_EQ(letter.retry_count, 2);
  EXPECT_EQ(letter.topic_partition, (TopicPartition{"orders.events", 3}));
  EXPECT_EQ(letter.offset, 42);
  EXPECT_EQ(letter.timestamp_us, 1'775'207'700'250'000);
  EXPECT_EQ(letter.failed_at_us, 1'775'207'700'000'000);
  EXPECT_EQ(letter.stage, "project");
  EXPECT_EQ(letter.reason, "missing path");
  EXPECT_EQ(letter.error, "data.order_id is missing");
  EXPECT_EQ(letter.key, "o-1");
  EXPECT_EQ(letter.event_type, "order.placed");
  EXPECT_FALSE(record.mark);
  EXPECT_FALSE(record.foreign);
}

TEST(LetterRecord, TheEventComesBackByteForByte) {
  const std::uint64_t seed = std::random_device{}();
  std::mt19937_64 random(seed);
  const auto bytes = [&]() -> std::optional<std::string> {
    if (random() % 8 == 0) return std::nullopt;
    std::string out(random() % 30, '\0');
    const bool ascii = random() % 2 == 0;
    for (char& c : out) c = static_cast<char>(ascii ? 32 + random() % 95 : random());
    return out;
  };
  for (int i = 0; i < 3'000; ++i) {
    Letter letter = example();
    letter.key = bytes();
    if (i % 2 == 0) letter.value = bytes();
    letter.headers.clear();
    for (std::size_t n = random() % 4; n > 0; --n) letter.headers.emplace_back("h" + std::to_string(n), bytes());
    const auto original = read_original(letter_json(letter, "shop", {}));
    ASSERT_TRUE(original) << "seed " << seed;
    ASSERT_TRUE(original->held) << "seed " << seed;
    ASSERT_EQ(original->value, letter.value) << "seed " << seed;
    ASSERT_EQ(original->key, letter.key) << "seed " << seed;
    ASSERT_EQ(original->headers, letter.headers) << "seed " << seed;
  }
}

TEST(LetterRecord, WhatWasCutOrHiddenIsNotTakenForTheEvent) {
  const auto held = [](const Letter& letter, const Redactor& redactor = {}) {
    const auto original = read_original(letter_json(letter, "shop", redactor));
    return original && original->held;
  };
  EXPECT_TRUE(held(example()));
  Letter letter = example();
  letter.value = std::string(kMaxOriginalBytes + 1, 'x');
  EXPECT_FALSE(held(letter)) << "a pointer";
  letter = example();
  letter.key = std::string(kMaxKeyBytes + 1, 'k');
  EXPECT_FALSE(held(letter)) << "the key was cut";
  letter = example();
  letter.headers = {{"h", std::string(kMaxHeaderBytes + 1, 'v')}};
  EXPECT_FALSE(held(letter)) << "a header was cut";
  letter.headers.assign(kMaxHeaders + 1, {"h", "v"});
  EXPECT_FALSE(held(letter)) << "headers were left out";
  const Redactor stars = [](std::string_view) { return std::optional<std::string>(R"({"email":"***"})"); };
  EXPECT_FALSE(held(example(), stars)) << "redacted";
  const Redactor no_json = [](std::string_view) { return std::optional<std::string>("***"); };
  EXPECT_FALSE(held(example(), no_json)) << "stars must never travel as base64 of the original";
}

TEST(LetterRecord, AMarkComesBack) {
  const LetterMark mark{"shop:orders:0:1", LetterState::discarded, 3, 2, 1'775'207'700'000'000, "a \"probe\"", "ada"};
  const kafka::OutgoingRecord out = mark_record(mark, "shop", "orders.dlq");
  EXPECT_EQ(out.topic, "orders.dlq");
  EXPECT_EQ(out.key, "shop:orders:0:1");
  std::vector<Header> headers;
  for (const auto& [name, value] : out.headers) headers.push_back({name, *value});
  const LetterRecord back = read(*out.value, headers);
  ASSERT_TRUE(back.mark);
  EXPECT_FALSE(back.letter);
  EXPECT_EQ(back.mark->letter_id, mark.letter_id);
  EXPECT_EQ(back.mark->state, LetterState::discarded);
  EXPECT_EQ(back.mark->retry_count, 3);
  EXPECT_EQ(back.mark->generation, 2);
  EXPECT_EQ(back.mark->at_us, mark.at_us);
  EXPECT_EQ(back.mark->because, mark.because);
  EXPECT_EQ(back.mark->by, "ada");
  const LetterRecord other = read(*out.value, headers, "another");
  EXPECT_FALSE(other.mark || other.letter || other.foreign) << "another projection's";
}

TEST(LetterRecord, WhatIsNoLetterIsSaidToBeNone) {
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[1]"), std::string("not json"), std::string("{\"letterId\":1}"),
        std::string(R"({"letterId":"shop:a:0:1","topic":"a","partition":0,"offset":2,"retryCount":0})"),
        std::string(R"({"letterId":"shop:a:0:1","topic":"a","partition":0,"offset":1,"retryCount":-1})"),
        std::string(R"({"letterId":"other:a:0:1","topic":"a","partition":0,"offset":1,"retryCount":0})"), std::string(R"({"a":"unended)"),
        std::string(R"({"a")"), std::string(R"({"a":)"), std::string("{\"a\\")}) {
    const LetterRecord record = read(text, {kOurs});
    EXPECT_TRUE(record.foreign) << text;
    EXPECT_FALSE(record.letter) << text;
    EXPECT_FALSE(record.why.empty()) << text;
    EXPECT_FALSE(read_original(text).value_or(OriginalEvent{}).held) << text;
  }
  EXPECT_TRUE(read("{}", {}).foreign);
  EXPECT_TRUE(read("{}", {kOurs, {"foldline-marker", "replayed"}}).foreign);
}

TEST(LetterRecord, AnyBytesAreReadWithoutHarm) {
  const std::uint64_t seed = std::random_device{}();
  std::mt19937_64 random(seed);
  const std::string good = letter_json(example(), "shop", {});
  for (int i = 0; i < 5'000; ++i) {
    std::string text = good;
    for (std::size_t n = 1 + random() % 3; n > 0; --n) text[random() % text.size()] = static_cast<char>(random());
    text.resize(random() % (text.size() + 1));
    const LetterRecord record = read(text, {kOurs});
    ASSERT_TRUE(record.foreign || record.letter) << "seed " << seed;
    (void)read_original(text);
  }
}

}  // namespace
}  // namespace foldline
