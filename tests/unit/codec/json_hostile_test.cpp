// Input that somebody made to hurt, or that a broken producer makes by accident. Run under the address sanitizer in CI: the records have
// exactly the padding that the contract promises.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "common/codec/json_plan.h"
#include "common/codec/json_text.h"
#include "tests/unit/codec/padded.h"
#include "tests/unit/codec/random_json.h"

namespace foldline::codec {
namespace {

class Hostile : public ::testing::Test {
 protected:
  Hostile() {
    for (const std::vector<std::string>& keys : std::vector<std::vector<std::string>>{
             {"event_type"}, {"a"}, {"a", "b"}, {"payload", "total"}, {"payload", "items"}, {"text", "json()", "x"}}) {
      paths_.slot({expr::Root::value, keys, 0});
    }
    paths_.slot({expr::Root::value, {"row()", "id"}, 0});
    plan_.emplace(paths_, expr::Root::value, JsonPlanOptions{true, "__debezium_unavailable_value"});
  }

  Result<void> read(std::string_view text, bool strict = false) {
    arena_.reset();
    const Padded record(text);
    std::vector<Value> slots(paths_.slot_count());
    return reader_.read(*plan_, record.view(), slots, arena_, {strict, {}});
  }

  expr::PathSet paths_;
  std::optional<JsonPlan> plan_;
  JsonReader reader_;
  Arena arena_;
};

constexpr std::string_view kEvent =
    R"({"event_type":"order.placed","a":{"b":"\u00e9\ud83d\ude00"},"text":"{\"x\":[1,2]}","before":{"id":1},"after":null,"payload":{"total":39.98,"items":[{"sku":"W-42","quantity":2}],"note":"€"}})";

TEST_F(Hostile, CutOffAnywhereIsAnErrorAndNoCrash) {
  ASSERT_TRUE(read(kEvent));
  for (std::size_t size = 0; size < kEvent.size(); ++size) {
    const auto answer = read(kEvent.substr(0, size));
    ASSERT_FALSE(answer) << size;
    EXPECT_EQ(answer.error().code, ErrorCode::decode);
    EXPECT_NE(answer.error().message.find(size == 0 ? "empty" : "not "), std::string::npos) << answer.error().message;
  }
}

TEST_F(Hostile, AnyByteReplacedByAnyOtherNeverCrashes) {
  for (std::size_t at = 0; at < kEvent.size(); ++at) {
    for (const char byte : std::string_view("{}[]\",:\\0a \x00\x01\x80\xff", 15)) {
      std::string text(kEvent);
      text[at] = byte;
      (void)read(text);
      (void)read(text, true);
    }
  }
}

TEST_F(Hostile, DeepNesting) {
  for (const char* open : {"[", "{\"a\":", "{\"payload\":", "[{\"a\":"}) {
    std::string deep;
    for (int i = 0; i < 200'000; ++i) deep += open;
    EXPECT_FALSE(read(deep));
    EXPECT_FALSE(read("{\"a\":" + deep));
    EXPECT_FALSE(read("{\"unused\":" + deep + "}"));
  }
  const std::string closed = "{\"payload\":{\"items\":" + std::string(1000, '[') + std::string(1000, ']') + "}}";
  const auto answer = read(closed);
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("levels deep"), std::string::npos) << answer.error().message;
  EXPECT_TRUE(read("{\"unused\":" + std::string(1000, '[') + std::string(1000, ']') + "}"));
}

TEST_F(Hostile, HugeNumbers) {
  EXPECT_FALSE(read(R"({"payload":{"total":1e99999999999999999999}})"));
  EXPECT_TRUE(read(R"({"payload":{"total":)" + std::string(300, '9') + "}}"));
  EXPECT_FALSE(read(R"({"payload":{"total":)" + std::string(100'000, '9') + "}}"));
  EXPECT_TRUE(read(R"({"payload":{"total":0.)" + std::string(100'000, '9') + "}}"));
  EXPECT_FALSE(read(R"({"payload":{"total":-1e-99999}})"));
}

TEST_F(Hostile, BytesThatAreNoUtf8) {
  for (const char* bytes : {"\x80", "\xC0\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82"}) {
    const auto answer = read(std::string("{\"unused\":\"") + bytes + "\"}");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().message, "not UTF-8 (byte 11)");
  }
}

TEST_F(Hostile, HalfSurrogatePairsInValuesAndNames) {
  EXPECT_FALSE(read(R"({"event_type":"\ud800"})"));
  EXPECT_FALSE(read(R"({"event_type":"\udc00\ud800"})"));
  EXPECT_FALSE(read(R"({"payload":{"items":["\ud83d"]}})"));
  EXPECT_TRUE(read(R"({"\ud800":1,"a":2})"));  // nobody asks for that name
}

TEST_F(Hostile, TextsInTextsStopAtALimit) {
  expr::PathSet paths;
  std::vector<std::string> keys;
  for (int i = 0; i < 6; ++i) keys.insert(keys.end(), {"x", "json()"});
  paths.slot({expr::Root::value, keys, 0});
  const JsonPlan plan(paths, expr::Root::value);
  std::string text = "1";
  for (int i = 0; i < 6; ++i) {
    std::string escaped;
    for (const char c : text) escaped += (c == '"' || c == '\\') ? std::string("\\") + c : std::string(1, c);
    text = "{\"x\":\"" + escaped + "\"}";
  }
  const Padded record(text);
  std::vector<Value> slots(paths.slot_count());
  const auto answer = reader_.read(plan, record.view(), slots, arena_);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::limit);
}

TEST_F(Hostile, RandomBytesBehindARealStart) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 5000; ++round) {
    std::string text(kEvent.substr(0, random() % kEvent.size()));
    const std::size_t size = random() % 64;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(random() % 256);
    (void)read(text + (round % 2 == 0 ? "}" : ""));
  }
}

TEST_F(Hostile, ManyMembersOfOneName) {
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i) text += R"("a":{"b":1},)";
  EXPECT_TRUE(read(text + R"("a":2})"));
}

}  // namespace
}  // namespace foldline::codec
