#include "config/diagnostics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/mask.h"

namespace foldline::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Diagnostics, AFindingIsPlaceMessageLineCaretAndHelp) {
  Diagnostics d;
  d.remember_source("o.yaml", "projection: x\nfeilds: {}\n");
  d.error({"o.yaml", 2, 1}, "unknown key `feilds`", "did you mean `fields`?");
  EXPECT_EQ(d.to_string(),
            "o.yaml:2:1: error: unknown key `feilds`\n"
            "  feilds: {}\n"
            "  ^\n"
            "  help: did you mean `fields`?\n");
}

TEST(Diagnostics, AFindingWithoutAPlaceNamesTheFile) {
  Diagnostics d;
  d.error({"o.yaml", 0, 0}, "the file can't be read");
  EXPECT_EQ(d.to_string(), "o.yaml: error: the file can't be read\n");
}

TEST(Diagnostics, SortsByPlaceAndDropsRepeats) {
  Diagnostics d;
  d.error({"b.yaml", 1, 1}, "fifth");
  d.error({"a.yaml", 10, 2}, "fourth");
  d.warning({"a.yaml", 9, 7}, "third");
  d.error({"a.yaml", 9, 7}, "second");
  d.error({"a.yaml", 2, 9}, "first");
  d.error({"a.yaml", 2, 9}, "first");
  d.sort();
  ASSERT_EQ(d.all().size(), 5U);
  const char* const expected[] = {"first", "second", "third", "fourth", "fifth"};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(d.all()[i].message, expected[i]);
}

TEST(Diagnostics, WarningsAreNoErrors) {
  Diagnostics d;
  d.warning({"a.yaml", 1, 1}, "x");
  EXPECT_FALSE(d.has_errors());
  EXPECT_THAT(d.to_string(), HasSubstr("a.yaml:1:1: warning: x"));
}

TEST(Diagnostics, TheCaretCountsCharactersAndKeepsTabs) {
  Diagnostics d;
  d.remember_source("a.yaml", "\té: x\n");
  d.error({"a.yaml", 1, 6}, "here");  // byte columns: tab 1, é 2-3, colon 4, blank 5, x 6
  EXPECT_THAT(d.to_string(), HasSubstr("  \té: x\n  \t   ^\n"));
}

TEST(Diagnostics, ALongLineIsCutAroundTheCaret) {
  Diagnostics d;
  d.remember_source("a.yaml", "x: " + std::string(497, 'a') + "X" + std::string(500, 'b'));
  d.error({"a.yaml", 1, 501}, "here");
  const std::string output = d.to_string();
  EXPECT_LT(output.size(), 500U);
  EXPECT_THAT(output, HasSubstr("aXb"));
  const std::size_t line = output.find('\n') + 1;
  const std::size_t caret_line = output.find('\n', line) + 1;
  EXPECT_EQ(output[line + (output.find('^') - caret_line)], 'X');
}

struct Case {
  std::string line;
  std::string shown;
};

TEST(Mask, SecretsOfALineAreHiddenAndTheRestIsNot) {
  const Case cases[] = {
      {"url: postgres://app:hunter2@db/x", "url: postgres://app:***@db/x"},
      {"url: \"postgres://app:hun@ter2@db/x\"", "url: \"postgres://app:***@db/x\""},
      {"url: postgres://app:${PW}@db/x", "url: postgres://app:${PW}@db/x"},
      {"url: postgres://app:${PW:-hunter2}@db/x", "url: postgres://app:***@db/x"},
      {"url: \"${URL:-postgres://app:hunter2@db/x}\"", "url: \"${URL:-postgres://app:***@db/x}\""},
      {"url: postgres://app@db:5432/x", "url: postgres://app@db:5432/x"},
      {"url: host=db password=hunter2 dbname=x", "url: host=db password=***"},
      {"url: \"postgres://db/x?password=hunter2&sslmode=require\"", "url: \"postgres://db/x?password=***&sslmode=require\""},
      {"    sasl.password: hunter2", "    sasl.password: ***"},
      {"    sasl.password: \"hunter 2\" # x", "    sasl.password: \"***\" # x"},
      {"    sasl.password: ${PW}", "    sasl.password: ${PW}"},
      {"kafka: {options: {sasl.password: hunter2, x: y}}", "kafka: {options: {sasl.password: ***, x: y}}"},
      {"    ssl.key.pem: hunter2", "    ssl.key.pem: ***"},
      {"    \"sasl.password\": hunter2", "    \"sasl.password\": ***"},
      {"    sasl.jaas.config: org.apache x=\"hunter2\"", "    sasl.jaas.config: ***"},
      {"      MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ", "      ***"},
      {"key: {order_id: text}", "key: {order_id: text}"},
      {"# no secret in sight", "# no secret in sight"},
  };
  for (const Case& c : cases) EXPECT_EQ(masked(c.line, secret_spans(c.line), 0).text, c.shown);
}

TEST(Mask, TheCaretStaysAtItsCharacterBehindAMask) {
  const std::string line = "url: a://u:hunter2@h, x: y";
  const MaskedLine shown = masked(line, secret_spans(line), line.find("x:"));
  EXPECT_EQ(shown.text.substr(shown.caret), "x: y");
  const MaskedLine inside = masked(line, secret_spans(line), line.find("ter2"));
  EXPECT_EQ(inside.text.substr(inside.caret, 4), "***@");
  EXPECT_EQ(masked(line, secret_spans(line), 2).caret, 2U);
}

TEST(Mask, AHiddenBlockIsHiddenInAllItsLines) {
  Diagnostics d;
  d.remember_source("a.yaml", "k: |\n  line one\n  line two\nz: 1\n");
  d.hide({"a.yaml", 2, 3}, 8, 3);
  for (const int line : {2, 3}) d.error({"a.yaml", line, 1}, "x");
  EXPECT_THAT(d.to_string(), Not(HasSubstr("one")));
  EXPECT_THAT(d.to_string(), Not(HasSubstr("two")));
}

}  // namespace
}  // namespace foldline::config
