// A letter must always be producible, valid JSON, and complete enough to understand and replay (G28).
#include <gtest/gtest.h>

#include <random>

#include "common/arena.h"
#include "common/codec/json_text.h"
#include "common/json.h"
#include "sinks/dead_letter/kafka_letters.h"

namespace foldline {
namespace {

Letter example() {
  Letter out;
  out.stage = Stage::project;
  out.code = ErrorCode::expression;
  out.reason = "missing path";
  out.error = "data.order_id is missing";
  out.failed_at_us = 1'775'207'700'000'000;
  out.topic_partition = {"orders.events", 3};
  out.offset = 42;
  out.timestamp_us = 1'775'207'700'250'000;
  out.key = "o-1";
  out.value = R"({"event_type":"order.placed","n":29.990})";
  out.headers = {{"trace", "abc"}, {"empty", std::nullopt}};
  out.event_id = "e-1";
  out.event_type = "order.placed";
  out.correlation_id = "req-1";
  return out;
}

struct Parsed {
  Arena arena;
  Value root;
  Value at(std::string_view key) const {
    for (const MapEntry& entry : root.as_map()) {
      if (entry.key == key) return entry.value;
    }
    return Value::absent();
  }
  std::string text(std::string_view key) const { return at(key).is(Kind::text) ? std::string(at(key).as_text()) : "<no text>"; }
};

std::unique_ptr<Parsed> parsed(const Letter& letter, const Redactor& redactor = {}) {
  auto out = std::make_unique<Parsed>();
  const std::string json = letter_json(letter, "analytics", redactor);
  auto value = parse_json(out->arena.copy(json, kRecordPaddingBytes), out->arena);
  EXPECT_TRUE(value) << json;
  EXPECT_FALSE(codec::check_json(json)) << json;  // the letter is written by what parse_json() takes: another judge
  if (value) out->root = *value;
  return out;
}

TEST(LetterJson, HoldsTheOriginalAsItCameAndItsContext) {
  const std::string json = letter_json(example(), "analytics", {});
  EXPECT_NE(json.find(R"("originalEvent":{"event_type":"order.placed","n":29.990})"), std::string::npos) << json;
  const auto letter = parsed(example());
  EXPECT_EQ(letter->text("encoding"), "json");
  EXPECT_EQ(letter->text("letterId"), "analytics:orders.events:3:42");
  EXPECT_EQ(letter->text("error"), "data.order_id is missing");
  EXPECT_EQ(letter->text("reason"), "missing path");
  EXPECT_EQ(letter->text("stage"), "project");
  EXPECT_EQ(letter->text("projection"), "analytics");
  EXPECT_EQ(letter->text("failedAt"), "2026-04-03T09:15:00Z");
  EXPECT_EQ(letter->text("timestamp"), "2026-04-03T09:15:00.250000Z");
  EXPECT_EQ(letter->text("key"), "o-1");
  EXPECT_EQ(letter->text("eventId"), "e-1");
  EXPECT_EQ(letter->text("correlationId"), "req-1");
  EXPECT_EQ(letter->at("retryCount").as_int(), 0);
  EXPECT_EQ(letter->at("partition").as_int(), 3);
  EXPECT_EQ(letter->at("offset").as_int(), 42);
  EXPECT_EQ(letter->at("headers").as_list().size(), 2U);
}

TEST(LetterJson, BytesThatAreNotJsonTravelAsBase64) {
  Letter letter = example();
  letter.value = "not json at all";
  EXPECT_EQ(parsed(letter)->text("originalEvent"), "bm90IGpzb24gYXQgYWxs");
  EXPECT_EQ(parsed(letter)->text("encoding"), "base64");
  letter.value = std::string("\xff\xfe", 2);
  EXPECT_EQ(parsed(letter)->text("originalEvent"), "//4=");
  letter.value = R"({"cut":)";
  EXPECT_EQ(parsed(letter)->text("encoding"), "base64");
  letter.value = std::string("3\t\0", 3);  // a NUL is no blank
  EXPECT_EQ(parsed(letter)->text("originalEvent"), "MwkA");
}

TEST(LetterJson, NullAndEmptyValuesAreToldApart) {
  Letter letter = example();
  letter.value = std::nullopt;
  EXPECT_EQ(parsed(letter)->text("encoding"), "null");
  letter.value = "";
  EXPECT_EQ(parsed(letter)->text("encoding"), "base64");
  EXPECT_EQ(parsed(letter)->text("originalEvent"), "");
}

TEST(LetterJson, AKeyThatIsNotUtf8TravelsAsBase64) {
  Letter letter = example();
  letter.key = std::string("\x00\xff", 2);
  EXPECT_EQ(parsed(letter)->text("keyBase64"), "AP8=");
  EXPECT_TRUE(parsed(letter)->at("key").is_absent());
  letter.key = std::nullopt;
  EXPECT_TRUE(parsed(letter)->at("key").is_null());
}

TEST(LetterJson, AHugeOriginalBecomesAPointerToItsPosition) {
  Letter letter = example();
  letter.value = "\"" + std::string(kMaxOriginalBytes, 'x') + "\"";
  const auto out = parsed(letter);
  EXPECT_EQ(out->text("encoding"), "pointer");
  EXPECT_TRUE(out->at("originalEvent").is_null());
  EXPECT_EQ(out->at("originalBytes").as_int(), static_cast<std::int64_t>(kMaxOriginalBytes + 2));
}

TEST(LetterJson, ContextIsCutAtACharactersEnd) {
  Letter letter = example();
  letter.error.clear();
  while (letter.error.size() < 2 * kMaxErrorBytes) letter.error += "\xE2\x82\xAC";  // the euro sign: 3 bytes, 4096 is no multiple
  const std::string cut = parsed(letter)->text("error");
  EXPECT_LE(cut.size(), kMaxErrorBytes);
  EXPECT_EQ(cut.size() % 3, 0U);
}

TEST(LetterJson, ARedactedLetterNeverHoldsTheOriginal) {
  Letter letter = example();
  const Redactor stars = [](std::string_view) { return std::optional<std::string>(R"({"email":"***"})"); };
  EXPECT_EQ(parsed(letter, stars)->text("encoding"), "redacted");
  const Redactor cannot = [](std::string_view) { return std::optional<std::string>(); };
  letter.value = "secret, not json";
  EXPECT_EQ(parsed(letter, cannot)->text("encoding"), "pointer");
  EXPECT_EQ(letter_json(letter, "analytics", cannot).find("secret"), std::string::npos);
}

TEST(LetterJson, TheStoresWordsAreHiddenWhereTheSourceHasRedactedPaths) {
  Letter letter = example();
  letter.stage = Stage::store;
  letter.error = "Key (email)=(ada@example.org) already exists";
  const Redactor stars = [](std::string_view) { return std::optional<std::string>(R"({"email":"***"})"); };
  EXPECT_EQ(letter_json(letter, "analytics", stars).find("ada@"), std::string::npos);
  EXPECT_NE(letter_json(letter, "analytics", {}).find("ada@"), std::string::npos);
}

TEST(LetterJson, AnyBytesGiveValidJson) {
  const std::uint64_t seed = std::random_device{}();
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2'000; ++i) {
    const auto bytes = [&] {
      std::string out(random() % 40, '\0');
      for (char& c : out) c = static_cast<char>(random());
      return out;
    };
    Letter letter = example();
    letter.value = bytes();
    letter.key = bytes();
    letter.error = bytes();
    letter.reason = bytes();
    letter.event_id = bytes();
    letter.event_type = bytes();
    letter.correlation_id = bytes();
    letter.headers = {{bytes(), bytes()}};
    ASSERT_TRUE(parsed(letter)->root.is(Kind::map)) << "seed " << seed << " round " << i;
  }
}

TEST(LetterTopic, TakesThePlaceOfTheTopicsName) {
  EXPECT_EQ(letter_topic("{topic}.dlq", "orders.events"), "orders.events.dlq");
  EXPECT_EQ(letter_topic("all-letters", "orders.events"), "all-letters");
}

}  // namespace
}  // namespace foldline
