// The one-pass reader against simdjson's DOM, which knows nothing of paths, plans or arenas: the same answers on random JSON.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>
#include <string>

#include "common/codec/json_plan.h"
#include "common/codec/json_text.h"
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

Keys random_path(RandomJson& random) {
  static const char* const kKeys[] = {"a", "b", "c", "d", "ab", "\"", "é", ""};
  Keys keys;
  const int length = random.below(4);
  for (int i = 0; i < length; ++i) keys.emplace_back(kKeys[random.below(8)]);
  return keys;
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
    for (int i = 0; i < count; ++i) wanted.push_back(random_path(random));
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

// Bytes changed at random: what the checker takes, the DOM takes, and the other way round.
TEST(JsonDifferential, TheCheckerAgreesWithTheDomAboutWhatIsJson) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomJson random(seed);
  dom::parser parser;
  int valid = 0;
  for (int round = 0; round < 20000 && !HasFailure(); ++round) {
    std::string text = random.value(3);
    static const std::string kBytes = "{}[]\",:\\ \n019-+.eEutrfansl\x01\x7f\xc3\xa9\xff";
    const int changes = random.below(3);
    for (int i = 0; i < changes && !text.empty(); ++i) {
      text[static_cast<std::size_t>(random.below(static_cast<int>(text.size())))] =
          kBytes[static_cast<std::size_t>(random.below(static_cast<int>(kBytes.size())))];
    }
    const bool ours = !invalid_utf8(text) && !check_json(text);
    const auto error = parser.parse(simdjson::padded_string(text)).error();
    if (error == simdjson::NUMBER_ERROR || error == simdjson::NUMBER_OUT_OF_RANGE) continue;  // a DOM's numbers are doubles
    EXPECT_EQ(ours, error == simdjson::SUCCESS) << text << ": " << simdjson::error_message(error);
    valid += ours ? 1 : 0;
  }
  EXPECT_GT(valid, 1000);
}

}  // namespace
}  // namespace foldline::codec
