#include "common/json.h"

#include <gtest/gtest.h>

#include <bitset>
#include <cstdio>
#include <random>
#include <string>

namespace foldline {
namespace {

class Json : public ::testing::Test {
 protected:
  Value parsed(std::string_view text) {
    auto v = parse_json(text, arena);
    EXPECT_TRUE(v.has_value()) << text << ": " << (v ? "" : v.error().message);
    return v.value_or(Value::absent());
  }
  static std::string written(const Value& v) {
    std::string out;
    append_json(out, v);
    return out;
  }
  Arena arena;
};

TEST_F(Json, NumbersAreExact) {
  EXPECT_TRUE(parsed("9223372036854775807").is(Kind::integer));
  EXPECT_EQ(parsed("-9223372036854775808").as_int(), INT64_MIN);
  EXPECT_EQ(parsed("9223372036854775808").as_decimal().to_string(), "9223372036854775808");
  EXPECT_EQ(parsed("[29.99]").as_list()[0].as_decimal().to_string(), "29.99");
  EXPECT_EQ(parsed("0.1").as_decimal().to_string(), "0.1");
  EXPECT_EQ(parsed("1e3").as_decimal().to_string(), "1000");
  EXPECT_EQ(parsed("{\"a\": 12345678901234567890.123 }").as_map()[0].value.as_decimal().to_string(), "12345678901234567890.123");
  EXPECT_EQ(parsed("-0").as_int(), 0);
}

TEST_F(Json, RoundTripsStructure) {
  for (const char* text : {"null", "true", "false", "1", "1.50", "\"a\"", "[]", "{}", R"([1,[2,{"a":null}],"x"])",
                           R"({"b":1,"a":{"c":[true,false]}})", R"("\"\\\n\r\t\b\f\u0001 \u00e4 \ud83d\ude00")"}) {
    const std::string once = written(parsed(text));
    EXPECT_EQ(written(parsed(once)), once);
    if (std::string_view(text).find("\\u") == std::string_view::npos) {
      EXPECT_EQ(once, text);
    }
  }
  EXPECT_EQ(written(parsed("\"\\u00e4\\u0001\\ud83d\\ude00\"")), "\"\xC3\xA4\\u0001\xF0\x9F\x98\x80\"");
}

TEST_F(Json, NothingPointsIntoTheCallersText) {
  std::string text = R"({"key": ["value", 1]})";
  const Value v = parsed(text);
  text.assign(text.size(), 'x');
  EXPECT_EQ(written(v), R"({"key":["value",1]})");
}

TEST_F(Json, RefusesWhatIsNotWellFormed) {
  for (const char* text :
       {"",    " ",     "{",       "[1",      "[1,]",     "[1 2]",       "{\"a\"}",       "{\"a\":}", "{a:1}", "01",        "1.",   "+1",
        "nul", "truex", "1 2",     "[] []",   "\"a",      "\"a\" \"b\"", "{\"a\":1}}",    "[1]]",     "'a'",   "[01]",      "[1.]", "[-]",
        "NaN", "[tru]", "[nulll]", "\"\\x\"", "\"\x01\"", "\"\xFF\"",    "[\"\\ud800\"]", ",",        "1e400", "null null", "true,"}) {
    const auto v = parse_json(text, arena);
    EXPECT_FALSE(v.has_value()) << text << " became " << (v ? written(*v) : "");
    if (!v) {
      EXPECT_EQ(v.error().code, ErrorCode::decode) << text;
    }
  }
  EXPECT_EQ(written(parsed("[1,2]")), "[1,2]");  // and the parser is fit for use after all these
}

TEST_F(Json, DepthIsLimited) {
  EXPECT_TRUE(parse_json(std::string(kMaxJsonDepth, '[') + std::string(kMaxJsonDepth, ']'), arena));
  const auto deep = parse_json(std::string(kMaxJsonDepth + 2, '[') + std::string(kMaxJsonDepth + 2, ']'), arena);
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().code, ErrorCode::limit);
  EXPECT_FALSE(parse_json(std::string(100'000, '['), arena));
}

TEST_F(Json, TypedValuesHaveOneForm) {
  EXPECT_EQ(written(Value::timestamp(1'775'207'700'250'000)), "\"2026-04-03T09:15:00.250000Z\"");
  EXPECT_EQ(written(Value::date(0)), "\"1970-01-01\"");
  EXPECT_EQ(written(Value::interval(5'400'000'000)), "\"PT1H30M\"");
  EXPECT_EQ(written(Value::uuid(*Uuid::parse("123E4567-e89b-12d3-a456-426614174000"))), "\"123e4567-e89b-12d3-a456-426614174000\"");
  EXPECT_EQ(written(Value::bytes("\xFF\x00z")), "\"/w==\"");  // the literal ends at its NUL
  EXPECT_EQ(written(Value::json("{\"a\" : 1}")), "{\"a\" : 1}");
  EXPECT_EQ(written(Value::floating(0.1)), "0.1");
  EXPECT_EQ(written(Value::floating(1e300)), "1e+300");
  EXPECT_EQ(written(Value::floating(std::numeric_limits<double>::infinity())), "null");
  EXPECT_EQ(written(Value::decimal({250, 2})), "2.50");
}

TEST_F(Json, AbsentEntriesAreLeftOutOfMaps) {
  const MapEntry entries[] = {{"a", Value::absent()}, {"b", Value::null()}, {"c", Value::integer(1)}};
  EXPECT_EQ(written(Value::map(entries)), R"({"b":null,"c":1})");
  const Value items[] = {Value::absent(), Value::integer(1)};
  EXPECT_EQ(written(Value::list(items)), "[null,1]");
}

TEST_F(Json, Base64HasPadding) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");  // RFC 4648, section 10
}

TEST_F(Json, Base64AgreesBitByBit) {
  std::string bytes;
  for (int i = 0; i < 70; ++i) {
    std::string bits;
    for (const char byte : bytes) bits += std::bitset<8>(static_cast<unsigned char>(byte)).to_string();
    bits.resize((bits.size() + 5) / 6 * 6, '0');
    std::string plain;
    for (std::size_t at = 0; at < bits.size(); at += 6) {
      const auto six = std::bitset<6>(bits.substr(at, 6)).to_ulong();
      plain += "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[six];
    }
    plain.resize((plain.size() + 3) / 4 * 4, '=');
    ASSERT_EQ(base64(bytes), plain) << i;
    ASSERT_EQ(from_base64(plain), bytes) << i;
    bytes += static_cast<char>(i * 151 + 7);
  }
}

TEST_F(Json, WhatIsNoBase64IsRefused) {
  for (const char* wrong :
       {"a", "YQ", "YQ=", "====", "a===", "ab=c", "ab!=", "YWJj=", "YQ==YWJj", "=YWJ", "Y!==", "YWJj\n", "YW Jj", "_-8=", "\xffWJj"}) {
    EXPECT_FALSE(from_base64(wrong)) << wrong;
  }
  EXPECT_FALSE(from_base64(std::string_view("YWJ\0", 4)));
}

// A character that needs an escape, or looks as if it did, at each place of texts of each length, alone and with another one.
TEST_F(Json, StringsAreEscapedWhereverTheSpecialCharacterStands) {
  const auto plain = [](const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned char>(c));
      const bool control = static_cast<unsigned char>(c) < 0x20;
      const auto short_form = std::string_view("\b\f\n\r\t").find(c);
      if (c == '"' || c == '\\') {
        out += std::string("\\") + c;
      } else if (control && short_form != std::string_view::npos) {
        out += std::string("\\") + "bfnrt"[short_form];
      } else {
        out += control ? std::string(code) : std::string(1, c);
      }
    }
    return out + '"';
  };
  const std::string specials("\0\x01\n\x1f !\"#[\\]\x7f\x80\xa2\xdc\xff", 16);
  for (std::size_t length = 1; length <= 26; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      for (const char special : specials) {
        std::string text(length, 'a');
        text[at] = special;
        text[(at * 7 + 3) % length] = specials[(at + length) % specials.size()];
        std::string out;
        append_json_string(out, text);
        ASSERT_EQ(out, plain(text)) << length << ' ' << at;
      }
    }
  }
}

TEST_F(Json, CountsElementsWithoutBuildingThem) {
  EXPECT_EQ(count_json_elements("[]"), 0U);
  EXPECT_EQ(count_json_elements(" [ ] "), 0U);
  EXPECT_EQ(count_json_elements("{}"), 0U);
  EXPECT_EQ(count_json_elements("[1]"), 1U);
  EXPECT_EQ(count_json_elements(R"(["",""])"), 2U);
  EXPECT_EQ(count_json_elements(R"([[],{}])"), 2U);
  EXPECT_EQ(count_json_elements(R"([[]])"), 1U);
  EXPECT_EQ(count_json_elements(R"({"a":[1,2,3],"b":{"c":1,"d":2}})"), 2U);
  EXPECT_EQ(count_json_elements(R"(["a,]\"","b\\",{"x":"}"}])"), 3U);
  EXPECT_EQ(count_json_elements("1"), std::nullopt);
  EXPECT_EQ(count_json_elements(""), std::nullopt);
  EXPECT_EQ(count_json_elements("[1,"), std::nullopt);
}

// Counting goes by blocks of 64 bytes: every construct must also work across their border.
TEST_F(Json, CountsAcrossBlocks) {
  for (std::size_t before = 0; before < 130; ++before) {
    const std::string blanks(before, ' ');
    for (const char* rest : {R"("a,]","b")", R"("\\\\","\\\"," , "x]")", R"([1,[2]],{"a":"}"})", R"("\"","\\")"}) {
      const std::string text = "[" + blanks + rest + ",0" + blanks + "]";
      ASSERT_EQ(count_json_elements(text), parsed(text).as_list().size()) << text;
    }
  }
}

// A random value of up to `depth` levels, as JSON text.
std::string random_json(std::mt19937_64& random, int depth) {
  const auto text = [&] {
    std::string out = "\"";
    for (std::size_t n = random() % 40; n > 0; --n) {
      static constexpr const char* kPieces[] = {"a", ",", "[", "]", "{", "}", ":", "\\\"", "\\\\", "\\n", "\xC3\xA4", "\\u00e4", " "};
      out += kPieces[random() % std::size(kPieces)];
    }
    return out + '"';
  };
  switch (random() % (depth > 0 ? 7U : 5U)) {
    case 0: return std::to_string(static_cast<std::int64_t>(random()));
    case 1: return std::to_string(static_cast<int>(random() % 1000)) + "." + std::to_string(random() % 1000);
    case 2: return random() % 2 == 0 ? "true" : "null";
    case 5: {
      std::string out = "[";
      const std::size_t n = random() % 6;
      for (std::size_t i = 0; i < n; ++i) out += (i == 0 ? "" : ", ") + random_json(random, depth - 1);
      return out + " ]";
    }
    case 6: {
      std::string out = "{ ";
      const std::size_t n = random() % 6;
      for (std::size_t i = 0; i < n; ++i) out += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\" : " + random_json(random, depth - 1);
      return out + "}";
    }
    default: return text();
  }
}

TEST_F(Json, CountingAgreesWithBuilding) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 5'000; ++round) {
    const std::string text = random_json(random, 4);
    const Value v = parsed(text);
    std::optional<std::size_t> want;
    if (v.is(Kind::list)) want = v.as_list().size();
    if (v.is(Kind::map)) want = v.as_map().size();
    ASSERT_EQ(count_json_elements(text), want) << text;
    const std::string once = written(v);
    ASSERT_TRUE(equal(parsed(once), v)) << text;
    if (round % 100 == 0) arena.reset();
  }
}

TEST_F(Json, BrokenTextIsRefusedNotCrashedOn) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 5'000; ++round) {
    std::string text = random_json(random, 4);
    for (std::size_t n = random() % 3 + 1; n > 0 && !text.empty(); --n) {
      const std::size_t place = random() % text.size();
      if (random() % 2 == 0) {
        text.erase(place, 1 + random() % 3);
      } else {
        text[place] = "[]{},:\"\\0a\xFF"[random() % 11];
      }
    }
    static_cast<void>(parse_json(text, arena));
    static_cast<void>(count_json_elements(text));
    if (round % 100 == 0) arena.reset();
  }
  EXPECT_EQ(written(parsed("[1]")), "[1]");
}

}  // namespace
}  // namespace foldline
