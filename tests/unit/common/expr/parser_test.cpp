// Lexis, grammar, and where each error points.
#include <random>

#include "tests/unit/common/expr/harness.h"

namespace foldline::expr {
namespace {

std::string problem(std::string_view text) {
  const auto ast = parse(text);
  return ast ? "no problem" : std::to_string(ast.error().position) + ": " + ast.error().message;
}

TEST_F(Expressions, Literals) {
  EXPECT_EQ(eval("42"), "42");
  EXPECT_EQ(eval("0x2A"), "42");
  EXPECT_EQ(eval("-0x2A"), "-42");
  EXPECT_EQ(eval("9223372036854775807"), "9223372036854775807");
  EXPECT_EQ(kind_of("-9223372036854775808"), "integer");
  EXPECT_EQ(eval("-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(kind_of("9223372036854775808"), "decimal");
  EXPECT_EQ(eval("29.99"), "29.99");
  EXPECT_EQ(kind_of("29.99"), "decimal");  // money is never a double
  EXPECT_EQ(kind_of("1e3"), "decimal");
  EXPECT_EQ(eval("1e3"), "1000");
  EXPECT_EQ(eval(".5"), "0.5");
  EXPECT_EQ(eval("007"), "7");
  EXPECT_EQ(eval("true"), "true");
  EXPECT_EQ(eval("null"), "null");
  EXPECT_EQ(eval("[1, 'a', [], ]"), "[1,\"a\",[]]");
  EXPECT_EQ(eval("{'a': 1, 'b': {'c': 2}}"), R"({"a":1,"b":{"c":2}})");
  EXPECT_EQ(eval("[?data.?a, ?data.?order_id, 1]"), "[\"o-1\",1]");
  EXPECT_EQ(eval("{?'a': data.?a, ?'b': data.?order_id}"), "{\"b\":\"o-1\"}");
  EXPECT_EQ(eval("[data.?a]"), "problem at 7: data.?a is optional: it may be none");
  EXPECT_EQ(hint("[data.?a]"), "[?x] leaves a none out");
  EXPECT_EQ(eval("{'a': 1, 'a': 2}"), "problem at 0: the key \"a\" stands twice in a map");
  EXPECT_EQ(eval("{1: 2}"), "problem at 1: 1 is integer: keys of a map are texts");
}

TEST_F(Expressions, TextLiteralsAsCelHasThem) {
  EXPECT_EQ(eval(R"("double" + 'single')"), "\"doublesingle\"");
  EXPECT_EQ(eval(R"('\'\"\\\n\t\a\x41\u00e4\U0001F600\101')"), R"("'\"\\\n\t\u0007Aä😀A")");
  EXPECT_EQ(eval(R"(r'\n\')"), R"("\\n\\")");
  EXPECT_EQ(eval("'''it's\ntwo lines'''"), R"("it's\ntwo lines")");
  EXPECT_EQ(eval("\"\"\"a \"quoted\" one\"\"\""), R"("a \"quoted\" one")");
  EXPECT_EQ(eval("R\"x\""), "\"x\"");
  EXPECT_EQ(eval("''"), "\"\"");
  EXPECT_EQ(problem("'abc"), "0: text that does not end");
  EXPECT_EQ(problem("1 + 'a\nb'"), "4: text that does not end");
  EXPECT_EQ(problem(R"('a\q')"), "2: unknown escape");
  EXPECT_EQ(problem(R"('\u12')"), "1: an escape with too few digits");
  EXPECT_EQ(problem(R"('\ud800')"), "1: an escape that is no Unicode character");
  EXPECT_EQ(problem(R"('\400')"), "1: unknown escape");
  EXPECT_EQ(problem("b'bytes'"), "0: bytes literals are not built yet");
  EXPECT_EQ(problem("'\xFF'"), "0: text that is not UTF-8");
}

TEST_F(Expressions, Precedence) {
  EXPECT_EQ(eval("1 + 2 * 3"), "7");
  EXPECT_EQ(eval("(1 + 2) * 3"), "9");
  EXPECT_EQ(eval("10 - 4 - 3"), "3");
  EXPECT_EQ(eval("20 / 2 / 5"), "2");
  EXPECT_EQ(eval("-2 * -3"), "6");
  EXPECT_EQ(eval("- 2 + 5"), "3");
  EXPECT_EQ(eval("!true || true"), "true");
  EXPECT_EQ(eval("!!true"), "true");
  EXPECT_EQ(eval("1 < 2 && 2 < 3"), "true");
  EXPECT_EQ(eval("false && false || true"), "true");
  EXPECT_EQ(eval("true || false && false"), "true");
  EXPECT_EQ(eval("false ? 1 : true ? 2 : 3"), "2");
  EXPECT_EQ(eval("1 + 1 == 2 ? 'yes' : 'no'"), "\"yes\"");
  EXPECT_EQ(eval("2 in [1, 2] && !(3 in [1, 2])"), "true");
  EXPECT_EQ(eval("1 // a comment\n + 1"), "2");
  EXPECT_EQ(eval("'a' in {'a': 1}"), "true");
}

TEST_F(Expressions, SyntaxErrorsPointAtTheirPlace) {
  EXPECT_EQ(problem(""), "0: expected a value, found the end");
  EXPECT_EQ(problem("1 +"), "3: expected a value, found the end");
  EXPECT_EQ(problem("1 1"), "2: expected the end, found 1");
  EXPECT_EQ(problem("(1"), "2: expected ), found the end");
  EXPECT_EQ(problem("a.1"), "1: expected the end, found .1");
  EXPECT_EQ(problem("a."), "2: expected a field's name, found the end");
  EXPECT_EQ(problem("a = 1"), "2: a single = is no operator");
  EXPECT_EQ(problem("a & b"), "2: a single & is no operator");
  EXPECT_EQ(problem("a ? b"), "5: expected :, found the end");
  EXPECT_EQ(problem("[1, 2"), "5: expected ], found the end");
  EXPECT_EQ(problem("{'a' 1}"), "5: expected :, found 1");
  EXPECT_EQ(problem("f(1,)"), "4: expected a value, found )");
  EXPECT_EQ(problem("a # b"), "2: unexpected character #");
  EXPECT_EQ(problem("1u"), "0: unsigned integers are not part of the language");
  EXPECT_EQ(problem("12abc"), "0: a number that runs into a name");
  EXPECT_EQ(problem("for"), "0: for is a reserved word");
  EXPECT_EQ(problem("a.for"), "no problem");
  EXPECT_EQ(problem("Order{id: 1}"), "5: messages with fields (Type{…}) are not part of the language");
  EXPECT_EQ(problem(".a"), "0: a name can't start with a point");
  EXPECT_EQ(problem("`a`"), "0: a name in ` can only be a field");
  EXPECT_EQ(problem("0x"), "0: not a hexadecimal number of 64 bits");
  EXPECT_EQ(problem("0xFFFFFFFFFFFFFFFFF"), "0: not a hexadecimal number of 64 bits");
  EXPECT_EQ(problem("größe"), "2: a character that is no part of the language");
  EXPECT_EQ(problem("in"), "0: expected a value, found in");
}

TEST_F(Expressions, NestingAndLengthAreLimited) {
  const auto nested = [](std::size_t levels) { return std::string(levels, '(') + "1" + std::string(levels, ')'); };
  EXPECT_EQ(eval(nested(60)), "1");
  EXPECT_NE(problem(nested(70)).find("nested too deeply"), std::string::npos);
  EXPECT_NE(problem(std::string(5'000, '(')).find("nested too deeply"), std::string::npos);
  EXPECT_NE(problem(std::string(5'000, '!') + "true").find("nested too deeply"), std::string::npos);
  EXPECT_NE(problem(std::string(5'000, '[')).find("nested too deeply"), std::string::npos);
  EXPECT_NE(problem(std::string(kMaxSourceBytes + 1, ' ')).find("longer than"), std::string::npos);
  std::string sum = "1";
  for (int i = 0; i < 300; ++i) sum += " + 1";
  EXPECT_EQ(eval(sum), "301");
  for (int i = 0; i < 3'000; ++i) sum += "+1";
  EXPECT_NE(problem(sum).find("too long a chain"), std::string::npos);
  std::string either = "data.order_id == 'x0'";
  for (int i = 1; i < 500; ++i) either += " || data.order_id=='x" + std::to_string(i) + "'";
  EXPECT_EQ(eval(either), "false");  // any number of alternatives: no chain
}

TEST_F(Expressions, RandomBytesNeverCrashTheParser) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 30'000; ++round) {
    std::string text;
    for (std::size_t n = random() % 40; n > 0; --n) {
      text += random() % 3 == 0 ? static_cast<char>(random()) : "'\"`\\ur0x.?[]{}()a+-\n/"[random() % 22];
    }
    const auto ast = parse(text);
    if (!ast) {
      ASSERT_LE(ast.error().position, text.size());
    }
  }
}

}  // namespace
}  // namespace foldline::expr
