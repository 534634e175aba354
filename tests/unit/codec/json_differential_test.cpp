// The one-pass reader against simdjson's DOM, which knows nothing of paths, plans or arenas: the same answers on random JSON.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>
#include <string>

#include "common/codec/json_plan.h"
#include "common/codec/json_text.h"
#include "common/json.h"
#include "tests/unit/codec/padded.h"
#include "tests/unit/codec/random_json.h"

namespace foldline::codec {
namespace {

namespace dom = simdjson::dom;

using Keys = std::vector<std::string>;

// The last member of the name, all the way down.
bool find(dom::element at, const Keys& keys, dom::element& out) {
  for (const std::string& key : keys) {
    dom::object object;
    if (at.get(object) != simdjson::SUCCESS) return false;
    bool found = false;
    for (const auto& member : object) {
      if (member.key != key) continue;
      at = member.value;
      found = true;
    }
    if (!found) return false;
  }
  out = at;
  return true;
}

std::string without_spaces(std::string_view json) {
  dom::parser parser;
  return simdjson::minify(parser.parse(simdjson::padded_string(json)).value());
}

void expect_same(const Value& value, dom::element element, const std::string& context) {
  const dom::element_type type = element.type();
  if (type == dom::element_type::ARRAY || type == dom::element_type::OBJECT) {
    ASSERT_EQ(value.kind(), Kind::json) << context;
    EXPECT_EQ(without_spaces(value.as_text()), simdjson::minify(element)) << context;
  } else if (type == dom::element_type::INT64) {
    ASSERT_EQ(value.kind(), Kind::integer) << context;
    EXPECT_EQ(value.as_int(), element.get_int64().value()) << context;
  } else if (type == dom::element_type::DOUBLE) {
    ASSERT_EQ(value.kind(), Kind::decimal) << context;
    EXPECT_EQ(std::stod(value.as_decimal().to_string()), element.get_double().value()) << context;
  } else if (type == dom::element_type::STRING) {
    ASSERT_EQ(value.kind(), Kind::text) << context;
    EXPECT_EQ(value.as_text(), element.get_string().value()) << context;
  } else if (type == dom::element_type::BOOL) {
    ASSERT_EQ(value.kind(), Kind::boolean) << context;
    EXPECT_EQ(value.as_bool(), element.get_bool().value()) << context;
  } else {
    EXPECT_TRUE(type == dom::element_type::NULL_VALUE && value.is_null()) << context;
  }
}

TEST(JsonDifferential, OnePassAgreesWithTheDom) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomJson random(seed);
  JsonReader reader;
  dom::parser parser;
  for (int round = 0; round < 3000 && !HasFailure(); ++round) {
    expr::PathSet paths;
    std::vector<Keys> wanted;
    const int count = 1 + random.below(8);
    for (int i = 0; i < count; ++i) wanted.push_back(random.path());
    for (const Keys& keys : wanted) paths.slot({expr::Root::value, keys, 0});
    const JsonPlan plan(paths, expr::Root::value);

    const std::string text = random.object(4);
    const Padded record(text);
    std::vector<Value> slots(paths.slot_count());
    Arena arena;
    const auto read = reader.read(plan, record.view(), slots, arena, {round % 2 == 0, {}});
    ASSERT_TRUE(read) << read.error().message << " in " << text;
    const dom::element root = parser.parse(simdjson::padded_string(text)).value();
    for (const Keys& keys : wanted) {
      const expr::Path path{expr::Root::value, keys, 0};
      const Value& value = slots[paths.slot(path)];
      dom::element element;
      if (!find(root, keys, element)) {
        EXPECT_TRUE(value.is_absent()) << path.to_string() << " of " << text;
      } else {
        expect_same(value, element, path.to_string() + " of " + text);
      }
    }
  }
}

// Up to two bytes changed, one of them perhaps to a NUL, which ends a text of C's but not one of JSON's.
std::string nearly_json(std::string text, RandomJson& random) {
  static constexpr std::string_view kBytes("{}[]\",:\\ \n019-+.eEutrfansl\x01\x7f\xc3\xa9\xff\0", 32);
  const int changes = random.below(3);
  for (int i = 0; i < changes && !text.empty(); ++i) {
    const auto at = static_cast<std::size_t>(random.below(static_cast<int>(text.size())));
    text[at] = kBytes[static_cast<std::size_t>(random.below(static_cast<int>(kBytes.size())))];
  }
  return text;
}

// All that a reader makes of a record, as text.
std::string outcome(JsonReader& reader, const JsonPlan& plan, std::size_t slot_count, std::string_view record) {
  std::vector<Value> slots(slot_count);
  Arena arena;
  const auto read = reader.read(plan, record, slots, arena);
  if (!read) return read.error().message;
  std::string out;
  for (const Value& value : slots) out += (value.is_absent() ? "absent" : describe(value, 10'000)) + "\n";
  return out;
}

// In a batch the next record's bytes stand there, at a replay perhaps others: the same record has to have the same outcome (G13).
TEST(JsonDifferential, WhatStandsBehindARecordChangesNothing) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomJson random(seed);
  JsonReader reader(JsonShapes::off);
  int taken = 0;
  int refused = 0;
  for (int round = 0; round < 20000 && !HasFailure(); ++round) {
    expr::PathSet paths;
    for (int i = random.below(3); i >= 0; --i) paths.slot({expr::Root::value, random.path(), 0});
    const JsonPlan plan(paths, expr::Root::value);
    const std::string text = nearly_json(random.object(3), random);
    const std::string plain = outcome(reader, plan, paths.slot_count(), Padded(text, std::string(1, '\0')).view());
    for (const std::string_view beyond : {"}", "]", ",\"", "\"", "0", ":", " }", "e5", "\\", "\xFF"}) {
      EXPECT_EQ(outcome(reader, plan, paths.slot_count(), Padded(text, beyond).view()), plain) << text << " before " << beyond;
    }
    ++(plain.find('\n') == std::string::npos ? refused : taken);
  }
  EXPECT_GT(taken, 1000);
  EXPECT_GT(refused, 1000);
}

// What the checker takes, the DOM takes, and the other way round.
TEST(JsonDifferential, TheCheckerAgreesWithTheDomAboutWhatIsJson) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomJson random(seed);
  dom::parser parser;
  int valid = 0;
  for (int round = 0; round < 20000 && !HasFailure(); ++round) {
    const std::string text = nearly_json(random.value(3), random);
    const bool ours = !invalid_utf8(text) && !check_json(text);
    const auto error = parser.parse(simdjson::padded_string(text)).error();
    if (error == simdjson::NUMBER_ERROR || error == simdjson::NUMBER_OUT_OF_RANGE) continue;  // a DOM's numbers are doubles
    EXPECT_EQ(ours, error == simdjson::SUCCESS) << text << ": " << simdjson::error_message(error);
    valid += ours ? 1 : 0;
  }
  EXPECT_GT(valid, 1000);
}

// parse_json() and the checker share no code: one is On-Demand parsing, the other walks over the text.
TEST(JsonDifferential, ParsingAgreesWithTheCheckerAboutWhatIsJson) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomJson random(seed);
  int valid = 0;
  for (int round = 0; round < 20000 && !HasFailure(); ++round) {
    const std::string text = nearly_json(random.value(3), random);
    Arena arena;
    const auto parsed = parse_json(text, arena);
    if (!parsed && parsed.error().message.find("digits") != std::string::npos) continue;  // JSON, but no number that Foldline holds
    EXPECT_EQ(bool(parsed), !invalid_utf8(text) && !check_json(text)) << ::testing::PrintToString(text);
    valid += parsed ? 1 : 0;
  }
  EXPECT_GT(valid, 1000);
}

}  // namespace
}  // namespace foldline::codec
