#include "common/codec/redaction.h"

#include <gtest/gtest.h>

#include "common/codec/json_plan.h"

namespace foldline::codec {
namespace {

using Keys = std::vector<std::string>;

Redaction of(const std::vector<Keys>& paths) {
  Redaction out;
  for (const Keys& path : paths) out.add(path);
  return out;
}

std::string redacted(const std::vector<Keys>& paths, std::string_view value) { return of(paths).redact(value).value_or("(nothing)"); }

std::string scrubbed(const std::vector<Keys>& paths, std::string_view value, std::string message) {
  Error error{ErrorCode::value, std::move(message), "", false};
  of(paths).scrub(error, value);
  return error.message;
}

TEST(Redaction, HidesWhatStandsAtItsPaths) {
  EXPECT_EQ(redacted({{"data", "email"}}, R"({"data":{"email":"a@b.c","n":1.50}})"), R"({"data":{"email":"***","n":1.50}})");
  EXPECT_EQ(redacted({{"data"}}, R"({"data":{"email":"a@b.c"},"x":[1]})"), R"({"data":"***","x":[1]})");
  EXPECT_EQ(redacted({{"a"}, {"b", "c"}}, R"({"b":{"c":null,"d":2},"e":3})"), R"({"b":{"c":"***","d":2},"e":3})");
  EXPECT_EQ(redacted({{"a", "b"}}, R"({"a":"scalar"})"), R"({"a":"scalar"})");
}

TEST(Redaction, GoesThroughListsAndThroughTextsThatHoldJson) {
  EXPECT_EQ(redacted({{"people", "name"}}, R"({"people":[{"name":"Ada"},{"name":"Bob","n":1},7]})"),
            R"({"people":[{"name":"***"},{"name":"***","n":1},7]})");
  const Keys embedded = {"after", "payload", std::string(kEmbeddedJson), "email"};
  EXPECT_EQ(redacted({embedded}, R"({"after":{"payload":"{\"email\":\"a@b.c\",\"n\":1}"}})"),
            R"({"after":{"payload":"{\"email\":\"***\",\"n\":1}"}})");
  EXPECT_EQ(redacted({embedded}, R"({"after":{"payload":{"email":"a@b.c"}}})"), R"({"after":{"payload":{"email":"***"}}})");
  EXPECT_EQ(redacted({embedded}, R"({"after":{"payload":"a@b.c, cut off"}})"), R"({"after":{"payload":"***"}})");  // unreadable: all of it
}

TEST(Redaction, OfEveryMemberOfTheName) { EXPECT_EQ(redacted({{"a"}}, R"({"a":"one","\u0061":"two"})"), R"({"a":"***","a":"***"})"); }

TEST(Redaction, NothingIsShownOfWhatCanNotBeRead) {
  EXPECT_EQ(redacted({{"a"}}, R"({"a":"secret")"), "(nothing)");
  EXPECT_EQ(redacted({{"a"}}, "plain secret"), "(nothing)");
}

TEST(Redaction, TakesTheHiddenValuesOutOfMessages) {
  EXPECT_EQ(scrubbed({{"a"}}, R"({"a":"many","b":"x"})", "set n: data.a: \"many\" is not a bigint"),
            "set n: data.a: \"***\" is not a bigint");
  EXPECT_EQ(scrubbed({{"a"}}, R"({"a":42})", "42 is not a text (byte 142)"), "*** is not a text (byte 142)");
  EXPECT_EQ(scrubbed({{"a"}}, R"({"a":{"x":["deep"]}})", "\"deep\" is odd"), "\"***\" is odd");
  EXPECT_EQ(scrubbed({{"a"}}, R"({"b":"shown"})", "\"shown\" is odd"), "\"shown\" is odd");
  const std::string secret(500, 's');
  EXPECT_EQ(scrubbed({{"a"}}, "{\"a\":\"" + secret + "\"}", "\"" + secret.substr(0, 80) + "...\" is odd"), "\"***\" is odd");
}

TEST(Redaction, TakesEverythingQuotedOutWhenTheRecordCanNotBeRead) {
  EXPECT_EQ(scrubbed({{"a"}}, R"({"a":secret})", "not JSON: 'a': expected a value, found 's' in secret"),
            "not JSON: 'a': expected a value, found 's'");
  EXPECT_EQ(scrubbed({{"a"}}, "{", "\"secret\" and \"more"), "\"***\" and \"***");
}

}  // namespace
}  // namespace foldline::codec
