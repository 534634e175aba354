#include "common/codec/json_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "common/type.h"

namespace foldline::codec {
namespace {

std::string unescaped(std::string_view raw) {
  Arena arena;
  const auto text = unescape(raw, arena);
  return text ? std::string(*text) : "(broken)";
}

Value scalar(std::string_view token, Arena& arena, ScalarProblem expected = ScalarProblem::none) {
  Value out;
  EXPECT_EQ(read_scalar(token, out, arena), expected) << token;
  return out;
}

TEST(CheckJson, TakesWhatTheGrammarAllows) {
  for (const char* text : {"{}", "[]", " [ ] ", R"({"a":1})", R"([1,-0,0.5,1e9,-1.5E-3,true,false,null,"x"])", R"("")", "0", "-1",
                           R"({"a":{"b":[{"c":[]}]},"d":"é\n\u00e9\ud83d\ude00"})", "\t\r\n 1 \n"}) {
    EXPECT_FALSE(check_json(text)) << text;
  }
}

TEST(CheckJson, SaysWhatIsWrongAndWhere) {
  const auto expect = [](std::string_view text, std::size_t position, std::string_view part) {
    const auto problem = check_json(text);
    ASSERT_TRUE(problem) << text;
    EXPECT_EQ(problem->position, position) << text;
    EXPECT_NE(problem->message.find(part), std::string::npos) << text << ": " << problem->message;
  };
  expect("not json at all", 0, "expected a value, found 'n'");
  expect(R"({"a":)", 5, "the text ends");
  expect(R"({"a":1)", 6, "expected ',' or '}', but the text ends");
  expect(R"({"a" 1})", 5, "expected ':'");
  expect(R"({a:1})", 1, "a name in quotes");
  expect("[1 2]", 3, "expected ',' or ']'");
  expect("[1,]", 3, "expected a value, found ']'");
  expect("[1]}", 3, "after the end");
  expect("[01]", 2, "expected ',' or ']'");
  expect("[1.]", 1, "expected a value");
  expect("[+1]", 1, "expected a value, found '+'");
  expect("[NaN]", 1, "expected a value, found 'N'");
  expect(R"(["\x"])", 2, "escape");
  expect(R"(["\ud800"])", 2, "surrogate");
  expect("[\"a\nb\"]", 3, "control character");
  expect(R"(["abc)", 1, "closing quote");
  expect("", 0, "the text ends");
}

TEST(CheckJson, StopsAtTheDepthLimitWithoutRecursion) {
  const std::string deepest = std::string(kMaxJsonDepth, '[') + std::string(kMaxJsonDepth, ']');
  EXPECT_FALSE(check_json(deepest));
  const auto problem = check_json("[" + deepest + "]");
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->message.find("levels deep"), std::string::npos);
  EXPECT_TRUE(check_json(std::string(10'000'000, '[')));
}

TEST(InvalidUtf8, FindsTheFirstBadByte) {
  EXPECT_FALSE(invalid_utf8("ascii, é, €, 😀"));
  EXPECT_EQ(invalid_utf8("ab\x80"), 2);            // a continuation without a start
  EXPECT_EQ(invalid_utf8("\xC0\xAF"), 0);          // overlong
  EXPECT_EQ(invalid_utf8("\xE0\x80\x80"), 0);      // overlong
  EXPECT_EQ(invalid_utf8("a\xED\xA0\x80"), 1);     // a surrogate
  EXPECT_EQ(invalid_utf8("\xF4\x90\x80\x80"), 0);  // past U+10FFFF
  EXPECT_EQ(invalid_utf8("abc\xE2\x82"), 3);       // cut off
  EXPECT_TRUE(is_utf8("twelve ascii bytes and then é"));
  EXPECT_FALSE(is_utf8("twelve ascii bytes and then \xFF"));
  for (std::size_t size = 0; size < 30; ++size) {
    EXPECT_TRUE(is_utf8(std::string(size, 'x')));
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      text[at] = '\xFF';
      EXPECT_FALSE(is_utf8(text)) << "byte " << at << " of " << size;
    }
  }
}

TEST(Unescape, ResolvesEveryEscape) {
  EXPECT_EQ(unescaped(R"(a\"b\\c\/d\b\f\n\r\te)"), "a\"b\\c/d\b\f\n\r\te");
  EXPECT_EQ(unescaped(R"(\u0041\u00e9\u20AC\uD83D\uDE00)"), "Aé€😀");
  EXPECT_EQ(unescaped(R"(\u0000)"), std::string(1, '\0'));
}

TEST(Unescape, RefusesHalfOfASurrogatePair) {
  for (const char* raw : {R"(\ud800)", R"(\ud800x)", R"(\ud800\n)", R"(\ud800\u0041)", R"(\udc00)", R"(\u12)", R"(\q)", "\\"}) {
    EXPECT_EQ(unescaped(raw), "(broken)") << raw;
  }
}

TEST(ReadScalar, WholeNumbersOf64BitsAreIntegers) {
  Arena arena;
  EXPECT_EQ(scalar("0", arena).as_int(), 0);
  EXPECT_EQ(scalar("-0", arena).as_int(), 0);
  EXPECT_EQ(scalar("999999999999999999", arena).as_int(), 999'999'999'999'999'999);
  EXPECT_EQ(scalar("9223372036854775807", arena).as_int(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(scalar("-9223372036854775808", arena).as_int(), std::numeric_limits<std::int64_t>::min());
}

TEST(ReadScalar, OtherNumbersAreExactDecimals) {
  Arena arena;
  EXPECT_EQ(scalar("29.99", arena).as_decimal().to_string(), "29.99");
  EXPECT_EQ(scalar("9223372036854775808", arena).as_decimal().to_string(), "9223372036854775808");
  EXPECT_EQ(scalar("99999999999999999999999", arena).as_decimal().to_string(), "99999999999999999999999");
  EXPECT_EQ(scalar("1e3", arena).as_decimal().to_string(), "1000");
  EXPECT_EQ(scalar("0.1", arena).kind(), Kind::decimal);
}

// Rounding money silently is worse than refusing it: a double converts to nothing but a double.
TEST(ReadScalar, NumbersPast38DigitsAreDoublesAndPastThoseRefused) {
  Arena arena;
  EXPECT_EQ(scalar(std::string(39, '9'), arena).kind(), Kind::floating);
  EXPECT_EQ(scalar("1e300", arena).as_double(), 1e300);
  EXPECT_FALSE(convert(scalar(std::string(39, '9'), arena), Type{TypeKind::numeric, 0, 0, {}, nullptr}, arena));
  scalar("1e400", arena, ScalarProblem::out_of_range);
}

TEST(ReadScalar, RefusesWhatIsNoScalar) {
  Arena arena;
  for (const char* token :
       {"", "01", "1.", ".5", "+1", "-", "1e", "0x10", "tru", "True", "nul", "NaN", "\"abc", "\"", "1 2", "--1", "1_000"}) {
    scalar(token, arena, ScalarProblem::malformed);
  }
  scalar(R"("\ud800")", arena, ScalarProblem::bad_escape);
}

TEST(ReadScalar, TextWithoutEscapesIsAViewAndNoCopy) {
  Arena arena;
  const std::string token = R"("EUR")";
  EXPECT_EQ(scalar(token, arena).as_text().data(), token.data() + 1);
  EXPECT_EQ(arena.size_bytes(), 0U);
}

}  // namespace
}  // namespace foldline::codec
