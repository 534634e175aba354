// Records read by their shape against the plain reader: the same slots, and nothing taken that the plain reader refuses.
#include "common/codec/json_shape.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "common/codec/json_plan.h"
#include "common/codec/json_text.h"
#include "tests/unit/codec/padded.h"
#include "tests/unit/codec/random_json.h"

namespace foldline::codec {
namespace {

using Keys = std::vector<std::string>;

class ShapeTest : public ::testing::Test {
 protected:
  void want(const Keys& keys) { paths_.slot({expr::Root::value, keys, 0}); }
  void start(JsonPlanOptions options = {}) {
    plan_ = std::make_unique<JsonPlan>(paths_, expr::Root::value, std::move(options));
    shape_ = std::make_unique<JsonShape>(*plan_);
  }

  // As JsonReader does it. True: read by its shape.
  bool read(const std::string& text) {
    record_ = std::make_unique<Padded>(text);
    const Padded& record = *record_;
    arena_.reset();
    Arena& arena = arena_;
    std::vector<Value> plain(paths_.slot_count());
    JsonReader reader(JsonShapes::off);
    const bool is_good = reader.read(*plan_, record.view(), plain, arena).has_value();
    std::vector<Value> slots(paths_.slot_count());
    const bool known = shape_->worth_trying() && shape_->read(record.view(), slots, arena);
    if (known) {
      EXPECT_TRUE(is_good) << "taken, but the plain reader refuses " << text;
      EXPECT_FALSE(check_json(text)) << "taken, but no JSON: " << text;
      for (std::size_t i = 0; i < slots.size(); ++i) {
        EXPECT_TRUE(same(slots[i], plain[i])) << "slot " << i << ": " << describe(slots[i]) << " for " << describe(plain[i]) << " of "
                                              << text;
      }
      slots_ = slots;
    } else if (is_good) {
      shape_->learn(record.view());
    }
    return known;
  }

  static bool same(const Value& a, const Value& b) {
    if (a.kind() != b.kind()) return false;
    switch (a.kind()) {
      case Kind::absent:
      case Kind::null: return true;
      case Kind::json: {
        const auto counted = count_json_elements(a.as_text());
        return a.as_text() == b.as_text() && (!a.json_elements() || a.json_elements() == counted);
      }
      case Kind::text: return a.as_text() == b.as_text();
      case Kind::boolean:
      case Kind::integer: return a.as_int() == b.as_int();
      case Kind::decimal: return a.as_decimal().to_string() == b.as_decimal().to_string();
      case Kind::floating: return a.as_double() == b.as_double();
      default: return false;
    }
  }

  const Value& slot(const Keys& keys) { return slots_[paths_.slot({expr::Root::value, keys, 0})]; }

  expr::PathSet paths_;
  std::unique_ptr<JsonPlan> plan_;
  std::unique_ptr<JsonShape> shape_;
  std::unique_ptr<Padded> record_;
  Arena arena_;
  std::vector<Value> slots_;
};

TEST_F(ShapeTest, TheSecondRecordOfAKindIsKnown) {
  want({"id"});
  want({"data", "total"});
  want({"data", "items"});
  start();
  EXPECT_FALSE(read(R"({"id":"a","data":{"items":[{"n":1},{"n":2}],"total":5}})"));
  EXPECT_TRUE(read(R"({"id":"bcd","data":{"items":[{"n":1234567},{"n":-2}],"total":5000000}})"));
  EXPECT_EQ(slot({"data", "total"}).as_int(), 5'000'000);
  EXPECT_EQ(slot({"data", "items"}).json_elements(), 2U);
  EXPECT_TRUE(read(R"({"id":"","data":{"items":[{"n":1},{"n":2.5},{"n":0},{"n":1e3}],"total":-0.50}})")) << "a list may be longer";
  EXPECT_EQ(slot({"data", "items"}).json_elements(), 4U);
  EXPECT_FALSE(read(R"({"id":"a","data":{"items":[],"total":5}})"));
  EXPECT_TRUE(read(R"({"id":"a","data":{"items":[],"total":5}})"));
  EXPECT_EQ(slot({"data", "items"}).json_elements(), 0U);
}

TEST_F(ShapeTest, EscapesAndOtherLettersAreReadOnTheWay) {
  want({"name"});
  start();
  read(R"({"name":"x","note":"y"})");
  EXPECT_TRUE(read(R"({"name":"a\n\u00e9\"\\","note":"a\tb"})"));
  EXPECT_EQ(slot({"name"}).as_text(), "a\n\u00e9\"\\");
  EXPECT_TRUE(read("{\"name\":\"\u00e9\u20ac\",\"note\":\"\u00e9\"}"));
  EXPECT_FALSE(read("{\"name\":\"x\",\"note\":\"\xff\"}")) << "not UTF-8, which the plain reader says better";
  EXPECT_FALSE(read(R"({"name":"x","note":"\q"})"));
  EXPECT_FALSE(read("{\"name\":\"x\",\"note\":\"a\nb\"}"));
}

// Texts are looked at in blocks, whose last one holds what stands behind the text, too.
TEST_F(ShapeTest, AByteThatIsNotUtf8IsSeenWhereverItStands) {
  want({"name"});
  start();
  const std::string good = "{\"name\":\"\u00e9\",\"note\":\"y\"}";
  read(good);
  constexpr std::size_t kLongest = 50;
  for (std::size_t size = 1; size <= kLongest; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      text[at] = '\xff';
      EXPECT_FALSE(read(R"({"name":")" + text + R"(","note":"y"})")) << "byte " << at << " of " << size;
      EXPECT_FALSE(read(R"({"name":"y","note":")" + text + R"("})")) << "byte " << at << " of " << size;
      for (int i = 0; i < 8; ++i) ASSERT_TRUE(read(good));  // where more than a quarter misses, nothing is tried
    }
  }
}

TEST_F(ShapeTest, WhatIsNoJsonIsLeftToThePlainReader) {
  want({"a"});
  want({"b", "c"});
  start();
  for (const char* text : {R"({"a":1,"b":{"c":true}})", R"({"a":"1","b":{"c":null}})", R"({"b":{"c":1},"a":2})"}) read(text);
  ASSERT_TRUE(read(R"({"a":17,"b":{"c":false}})"));
  for (const char* text :
       {R"({"a":01,"b":{"c":false}})", R"({"a":1","b":{"c":false}})", R"({"a":1.,"b":{"c":false}})", R"({"a":truex,"b":{"c":false}})",
        R"({"a":1,"b":{"c":false}})"
        "}",
        R"({"a":1,"b":{"c":false})", R"({"a":,"b":{"c":1}})", R"({"a":1)", R"({"a":")", R"({)", ""}) {
    EXPECT_FALSE(read(text)) << text;
  }
}

// Two ways that were learned join to a third, on which an object comes twice: only the last one counts.
TEST_F(ShapeTest, AnObjectThatComesTwiceIsLeftToThePlainReader) {
  want({"o", "x"});
  want({"o", "y"});
  start();
  for (int i = 0; i < 2; ++i) {
    read(R"({"o":{"x":1},"p":2})");
    read(R"({"p":2,"o":{"x":1}})");
    read(R"({"p":2,"o":{"y":1}})");
    read(R"({"p":1,"o":3})");
  }
  EXPECT_FALSE(read(R"({"o":{"x":1},"p":2,"o":{"y":1}})"));
  EXPECT_FALSE(read(R"({"o":{"x":1},"p":2,"o":3})"));
}

TEST_F(ShapeTest, MapsByIdBecomeOpaque) {
  want({"total"});
  want({"by_id"});
  start();
  int known = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string id = std::to_string(i * 7919 % 1000);
    known += read(R"({"by_id":{"k)" + id + R"(":{"n":1},"l)" + id + R"(":[2]},"total":3})") ? 1 : 0;
  }
  EXPECT_GT(known, 150);
  EXPECT_LT(shape_->state_count(), 50U);
}

TEST_F(ShapeTest, WhatKeepsChangingIsLeftAlone) {
  want({"a"});
  start();
  int tried = 0;
  for (int i = 0; i < 3'000; ++i) {
    if (!shape_->worth_trying()) continue;
    ++tried;
    read(R"({"k)" + std::to_string(i) + R"(":1,"a":2})");
  }
  EXPECT_LE(tried, 256);
}

TEST_F(ShapeTest, PlansThatReadInAnotherWayAreNotTried) {
  want({std::string(kDebeziumRow), "x"});
  start();
  EXPECT_FALSE(shape_->worth_trying());
}

TEST_F(ShapeTest, AWrappedPayloadIsLeftToThePlainReader) {
  want({"a"});
  start({.unwrap_payload = true, .absent_text = {}});
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(read(R"({"schema":{},"payload":{"a":1}})"));
  read(R"({"a":1})");
  EXPECT_TRUE(read(R"({"a":2})"));
}

// Records that resemble each other, some of them cut, changed in a byte, or put together from two.
std::string variant(RandomJson& random, const std::vector<std::string>& originals) {
  const auto any = [&] { return originals[static_cast<std::size_t>(random.below(static_cast<int>(originals.size())))]; };
  const auto place = [&](const std::string& text) { return static_cast<std::size_t>(random.below(static_cast<int>(text.size()) + 1)); };
  static const std::string kBytes = "{}[]\",:\\ \n019-+.eEutrfansl\x01\x7f\xc3\xa9\xff";
  std::string text = any();
  switch (random.below(8)) {
    case 0: return text.substr(0, place(text));
    case 1: {
      const std::string other = any();
      return text.substr(0, place(text)) + other.substr(place(other));
    }
    case 2:
    case 3: {
      const std::size_t at = place(text);
      if (at < text.size()) text[at] = kBytes[static_cast<std::size_t>(random.below(static_cast<int>(kBytes.size())))];
      return text;
    }
    case 4:
      for (char& c : text) {
        if (c >= '1' && c <= '9' && random.below(3) == 0) c = static_cast<char>('1' + random.below(9));
      }
      return text;
    default: return text;
  }
}

TEST_F(ShapeTest, RandomRecordsGiveWhatThePlainReaderGives) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomJson random(seed);
  int known = 0;
  for (int round = 0; round < 300 && !HasFailure(); ++round) {
    paths_ = {};
    const int count = 1 + random.below(6);
    for (int i = 0; i < count; ++i) want(random.path());
    start();
    std::vector<std::string> originals;
    for (int i = 0; i < 5; ++i) originals.push_back(random.object(3));
    for (int i = 0; i < 150 && !HasFailure(); ++i) known += read(variant(random, originals)) ? 1 : 0;
  }
  EXPECT_GT(known, 5'000);
}

}  // namespace
}  // namespace foldline::codec
