// The language's rules about YAML itself: what is an error, and what an expression that wanted quotes is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/limits.h"
#include "config/yaml_node.h"
#include "tests/unit/config/loading.h"

namespace foldline::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string problems_of(const std::string& text) {
  Diagnostics d;
  d.remember_source("p.yaml", text);
  static_cast<void>(parse_yaml(text, "p.yaml", d));
  return d.to_string();
}

struct Slip {
  std::string text;
  std::string place;    // LINE:COLUMN
  std::string message;  // a part of it
  std::string help;     // a part of it
};

void expect_slip(const Slip& slip) {
  const std::string output = problems_of(slip.text);
  EXPECT_THAT(output, AllOf(HasSubstr("p.yaml:" + slip.place + ": error: "), HasSubstr(slip.message), HasSubstr(slip.help))) << slip.text;
}

TEST(YamlSlips, EachIsRecognisedAndExplained) {
  const Slip slips[] = {
      {"set:\n  a: has(x) ? 1 : 2\n", "2:6", "every `a ? b : c`", "double quotes: \"has(x) ? 1 : 2\""},
      {"set: {a: b ? c : d}\n", "1:12", "a `?` within", "double quotes"},
      {"set: {a: data.?coupon}\n", "1:15", "a `?` within", "\"data.?coupon\""},
      {"set: [data.?coupon]\n", "1:12", "a `?` within", "\"data.?coupon\""},
      {"set: {a: x[0]}\n", "1:10", "a `[` within", "double quotes"},
      {"a: x: y\n", "1:4", "holds `: `", "\"x: y\""},
      {"a: \"'x' == y\n", "1:4", "is not closed", "close the quotation"},
      {"a: 'x' != y\n", "1:4", "starts with a quote", "double quotes"},
      {"a: {b: 'x' != y}\n", "1:8", "starts with a quote", "double quotes"},
      {"a: [x] + [y]\n", "1:4", "starts with `[`", "double quotes"},
      {"a: {x: 1} == y\n", "1:4", "starts with `{`", "double quotes"},
      {"a: !row.erased\n", "1:4", "tag", "double quotes"},
      {"a: !!str x\n", "1:4", "tag", "remove the mark"},
      {"a: &x 1\n", "1:4", "anchor", "remove the mark"},
      {"a: *x\n", "1:4", "alias", "double quotes"},
      {"*: {set: {}}\n", "1:1", "alias", "double quotes"},
      {"a: @x\n", "1:4", "for itself", "double quotes"},
      {"a: `x`\n", "1:4", "for itself", "double quotes"},
      {"a: {b: f(x, y)}\n", "1:8", "cut in two", "double quotes"},
      {"a: [f(x, y)]\n", "1:5", "cut in two", "double quotes"},
      {"a: f(x #1)\n", "1:4", "` #`", "double quotes"},
      {"a: x == ' #1'\n", "1:4", "` #`", "double quotes"},
      {"a: {url: ${VAR}}\n", "1:10", "`${` within", "\"${NAME}\""},
      {"a:\n\tb: c\n", "2:1", "tab", "spaces"},
      {"a: b\n c: d\n", "2:3", "the line above it has one already", "indent"},
      {"a:\n  b: 1\n c: 2\n", "3:2", "indentation", "indent"},
      {"a: - b\n", "1:4", "can't stand in the line of its key", "[a, b]"},
      {"a: {b: 1\nc: 2\n", "1:4", "is not closed", "`}`"},
      {"a: [b,\n c\n", "1:4", "is not closed", "`]`"},
      {"<<: {a: 1}\n", "1:1", "merge keys", "write the keys out"},
      {"a: 1\nb: 2\na: 3\n", "3:1", "twice, first in line 1", "keep one"},
      {"? [a]\n: b\n", "1:3", "a key must be a text", "name: value"},
      {"a: 1\n---\nb: 2\n", "2:1", "a second one starts", "a file of its own"},
  };
  for (const Slip& slip : slips) expect_slip(slip);
}

TEST(YamlSlips, WhatNeedsNoQuotesIsLeftAlone) {
  const char* const fine[] = {
      "a: data.?coupon.orValue('') != 'test'\n",
      "a: x # a comment\n",
      "a: it's # a comment\n",
      "a: f(x, y)\n",
      "a: [a, b] # c\n",
      "a: {Not enough: x < y}\n",
      "a: \"x ? y : z\"\n",
      "a: 'it''s'\n",
      "a: \"a \\\" b\"\n",
      "a: ${VAR:-default}\n",
      "a.*: {set: {}}\n",
      "a: order.*\n",
      "a: |\n  x: y\n  # z\n",
      "a: {b: f(x), c: g(y)}\n",
      "a: [it's, that's]\n",
      "\xEF\xBB\xBF"
      "a: 1\r\nb: 2\r\n",
  };
  for (const char* text : fine) EXPECT_EQ(problems_of(text), "") << text;
}

TEST(Yaml, AnEmptyFileIsAnError) {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n"}) EXPECT_THAT(problems_of(text), HasSubstr("the file is empty")) << text;
}

// yaml-cpp takes 0x04 for the end of the file: half a projection would run.
TEST(Yaml, ControlCharactersAndBrokenUtf8AreErrors) {
  EXPECT_THAT(problems_of("a: 1\nb: \x04 2\n"), HasSubstr("p.yaml:2:4: error: a control character"));
  EXPECT_THAT(problems_of("a: \xC3(\n"), HasSubstr("p.yaml:1:4: error: the file is not UTF-8"));
  EXPECT_THAT(problems_of("a: \xED\xA0\x80\n"), HasSubstr("not UTF-8"));  // a surrogate
  EXPECT_THAT(problems_of("a: \xC0\x80\n"), HasSubstr("not UTF-8"));      // an overlong NUL
  EXPECT_THAT(problems_of(std::string("a: b\0c\n", 7)), HasSubstr("control character"));
}

TEST(Yaml, LimitsAreNamed) {
  EXPECT_THAT(problems_of("a: " + std::string(kMaxFileBytes, 'x')), HasSubstr("longer than 1048576 bytes"));
  EXPECT_THAT(problems_of("a: " + std::string(kMaxYamlDepth + 5, '[')), HasSubstr("nested more than 64 deep"));
  EXPECT_THAT(problems_of(std::string(500'000, '[')), HasSubstr("nested more than 64 deep"));
  std::string many = "a: [";
  for (std::size_t i = 0; i <= kMaxYamlNodes; ++i) many += "1,";
  EXPECT_THAT(problems_of(many + "]"), HasSubstr("more than 100000 values"));
}

TEST(Yaml, PlacesAreThoseOfTheText) {
  Diagnostics d;
  const auto root = parse_yaml("a: x\nb: \"y\"\nc: |\n    z\nd: {e: 'f'}\n", "p.yaml", d);
  ASSERT_TRUE(root);
  const auto place = [&](const YamlNode& n) { return std::to_string(n.text_at.line) + ":" + std::to_string(n.text_at.column); };
  EXPECT_EQ(place(root->find("a")->value), "1:4");
  EXPECT_EQ(place(root->find("b")->value), "2:5");
  EXPECT_EQ(place(root->find("c")->value), "4:5");
  EXPECT_EQ(place(root->find("d")->value.find("e")->value), "5:9");
}

TEST(Yaml, ASlipInOneValueDoesNotHideTheOthers) {
  const std::string output =
      load("projection: P\nsource: {topics: o, envelope: flat, when: !x}\nstore: {memory: {}}\nviews: {}\nviews: {}\n").output;
  EXPECT_THAT(output, AllOf(HasSubstr("p.yaml:1:13: error"), HasSubstr("p.yaml:2:43: error"), HasSubstr("p.yaml:5:1: error")));
}

}  // namespace
}  // namespace foldline::config
