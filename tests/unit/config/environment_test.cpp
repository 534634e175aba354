#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/environment.h"
#include "tests/unit/config/loading.h"

namespace foldline::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const char* const kPassword = "hunter2-very-secret";

std::string expanded(const std::string& text, const Variables& variables) {
  const Expanded e = expand(text, options_with(variables).environment);
  return e.problems.empty() ? e.text : "problem: " + e.problems.front().message;
}

TEST(Environment, VariablesDefaultsAndLiterals) {
  const Variables variables = {{"A", "1"}, {"EMPTY", ""}, {"NESTED", "${A}"}};
  EXPECT_EQ(expanded("x${A}y${A}", variables), "x1y1");
  EXPECT_EQ(expanded("${A:-2}", variables), "1");
  EXPECT_EQ(expanded("${B:-2}", variables), "2");
  EXPECT_EQ(expanded("${B:-}", variables), "");
  EXPECT_EQ(expanded("${EMPTY:-2}", variables), "2");
  EXPECT_EQ(expanded("${EMPTY}", variables), "");
  EXPECT_EQ(expanded("$${A}", variables), "${A}");
  EXPECT_EQ(expanded("$A $ {A} $$", variables), "$A $ {A} $$");
  EXPECT_EQ(expanded("${NESTED}", variables), "${A}") << "a value is not expanded again";
}

TEST(Environment, MalformedVariablesAreErrors) {
  for (const char* text : {"${}", "${1A}", "${A B}", "${A-b}", "${A"})
    EXPECT_THAT(expanded(text, {{"A", "1"}}), HasSubstr("problem")) << text;
}

TEST(Environment, AMissingVariableIsAnErrorWithPlaceNameAndRemedy) {
  Parts parts;
  parts.store = "store: {postgres: {url: \"postgres://${USER_NAME}@h/${DB_NAME}\"}}";
  const Loaded loaded = load(file_of(parts));
  EXPECT_FALSE(loaded.file);
  EXPECT_THAT(loaded.output, HasSubstr("p.yaml:3:37: error: the environment variable USER_NAME is not set"));
  EXPECT_THAT(loaded.output, HasSubstr("p.yaml:3:52: error: the environment variable DB_NAME is not set"));
  EXPECT_THAT(loaded.output, HasSubstr("help: set it (export USER_NAME=...), or give a default: ${USER_NAME:-default}"));
}

TEST(Environment, AValueCannotChangeTheStructureOfTheFile) {
  Parts parts;
  parts.rest = "group: ${GROUP}";
  const Loaded loaded = load(file_of(parts), {{"KAFKA_BROKERS", "b"}, {"GROUP", "x\nprocessed_ids: none\n# {"}});
  ASSERT_TRUE(loaded.file) << loaded.output;
  EXPECT_EQ(loaded.file->id_window, 250'000);
  EXPECT_THAT(loaded.file->group, HasSubstr("processed_ids"));
}

TEST(Environment, VariablesWorkInNumbersAndExpressions) {
  Parts parts;
  parts.source = "source: {topics: \"${TOPIC}\", partition_key: data.id, envelope: flat, when: \"data.n > ${LEAST:-3}\"}";
  parts.rest = "processed_ids: ${IDS}";
  const Loaded loaded = load(file_of(parts), {{"KAFKA_BROKERS", "b"}, {"TOPIC", "orders"}, {"IDS", "17"}});
  ASSERT_TRUE(loaded.file) << loaded.output;
  EXPECT_EQ(loaded.file->sources[0].topics[0].name, "orders");
  EXPECT_EQ(loaded.file->sources[0].when->text, "data.n > 3");
  EXPECT_EQ(loaded.file->id_window, 17);
}

TEST(Secrets, AVariablesValueIsInNoDiagnostic) {
  const Variables variables = {{"KAFKA_BROKERS", "b"}, {"PW", kPassword}};
  const std::string places[] = {
      "projection: ${PW}!",
      "group: \"${PW}\"\nzone: \"${PW}\"",
      "processed_ids: ${PW}",
      "dead_letter: {topic: \"${PW}!\", policy: \"${PW}\", stop_above: \"${PW}\"}",
      "source: \"${PW}\"",
      "store: \"${PW}\"",
      "store: {postgres: {url: \"${PW}\", schema: \"${PW}\"}}",
      "source: {topics: \"${PW}!\", envelope: \"${PW}\", format: \"${PW}\", start_at: \"${PW}\", redact: \"${PW}!\"}",
      "views: {v: {key: {id: \"${PW}\"}, fields: {n: \"${PW}\"}, kind: \"${PW}\", name: \"${PW}\", cross_partition: \"${PW}\", expire: "
      "{after: \"${PW}\", from: x}, on_event: {a: {delete: \"${PW}\"}}}}",
      "kafka: {brokers: b, options: {a: \"${PW}\", b: [x]}}",
  };
  for (const std::string& place : places) {
    const Loaded loaded = load(place + "\nunknown: 1\n", variables);
    EXPECT_FALSE(loaded.file);
    EXPECT_THAT(loaded.output, Not(HasSubstr(kPassword))) << place;
  }
}

TEST(Secrets, ALiteralPasswordIsMaskedWhereItsLineIsQuoted) {
  const std::string password(kPassword);
  const std::string lines[] = {
      "store: {postgres: {url: \"postgres://app:" + password + "@db/x\", shema: a}}",
      "store: {postgres: {url: \"host=db password=" + password + "\", shema: a}}",
      "store: {postgres: {shema: a, url: " + password + "}}",
      "store: {postgres: {shema: a, url: \"${X:-" + password + "}\"}}",
      "kafka: {brokers: b, options: {sasl.password: " + password + ", group.id: x}}",
      "kafka: {brokers: b, options: {anything: '" + password + "', group.id: x}}",
      "kafka: {brokers: b, options: {group.id: x, anything: \"" + password + "\"}}",
      "kafka: {options: {sasl.password: " + password,  // no YAML: nobody knows yet what is a secret
      "store: {postgres: {url: postgres://app:" + password + "@db/x, a: [}}",
      "store: {postgres: [postgres://app:" + password + "@db/x]}",
      "store: {postgres: {url:postgres://app:" + password + "@db/x}}",  // the blank behind `url:` is missing
      "kafka: {brokers: b, options: {sasl.password:" + password + "}}",
      "store: \"postgres://app:" + password + "@db/x\"",
  };
  for (const std::string& line : lines) {
    const Loaded loaded = load("projection: p\n" + line + "\n");
    EXPECT_FALSE(loaded.file);
    EXPECT_THAT(loaded.output, HasSubstr("p.yaml:2:")) << line;
    EXPECT_THAT(loaded.output, Not(HasSubstr("hunter2"))) << line;
  }
}

TEST(Secrets, ControlCharactersOfTheFileDoNotReachTheTerminal) {
  EXPECT_THAT(load("projection: \"\\e[31mred\"\n").output, AllOf(HasSubstr("`?[31mred`"), Not(HasSubstr("\x1b"))));
  EXPECT_THAT(load("projection: \x1b[31mred\n").output, AllOf(HasSubstr("a control character"), Not(HasSubstr("\x1b"))));
}

TEST(Secrets, AVariableIsShownAsWritten) {
  const Loaded loaded = load("projection: p\nstore: {postgres: {url: \"postgres://app:${PW}@db/x\", shema: a}}\n", {{"PW", kPassword}});
  EXPECT_THAT(loaded.output, AllOf(HasSubstr("postgres://app:${PW}@db/x"), Not(HasSubstr(kPassword))));
}

TEST(Secrets, TheLoadedFilePrintsStars) {
  Parts parts;
  parts.store = "store: {postgres: {url: \"postgres://app:${PW}@db/x\"}}";
  parts.rest = "kafka: {brokers: b, options: {sasl.password: \"${PW}\"}}";
  const Loaded loaded = load(file_of(parts), {{"PW", kPassword}});
  ASSERT_TRUE(loaded.file) << loaded.output;
  std::ostringstream out;
  out << loaded.file->store.url << loaded.file->kafka.options.at(0).second;
  EXPECT_EQ(out.str(), "******");
  EXPECT_THAT(loaded.file->store.url.reveal(), HasSubstr(kPassword));
}

}  // namespace
}  // namespace foldline::config
