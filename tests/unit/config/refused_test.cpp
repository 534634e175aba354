// Everything that the language has and this build has not is refused by name. The list is written from the language's own tables, by
// hand and apart from the code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/loading.h"

namespace foldline::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

void expect_refused(const std::string& text, const std::string& named) {
  const Loaded loaded = load(text);
  EXPECT_FALSE(loaded.file) << text;
  EXPECT_THAT(loaded.output, AllOf(HasSubstr("`" + named + "` is part of the language and not built yet"), HasSubstr("help: "))) << text;
}

std::string with_source(const std::string& entry) {
  Parts parts;
  parts.source = "source: {topics: orders, envelope: flat, " + entry + "}";
  return file_of(parts);
}

TEST(Refused, KeysOfTheFile) {
  for (const std::string store : {"sqlite"}) {
    Parts parts;
    parts.store = "store: {" + store + ": {url: x}}";
    expect_refused(file_of(parts), store);
  }
  Parts parts;
  parts.rest = "registry: {url: \"http://x\"}";
  expect_refused(file_of(parts), "registry");
  parts.rest = "dead_letter: {policy: park}";
  expect_refused(file_of(parts), "policy: park");
}

TEST(Refused, KeysOfASource) {
  expect_refused(with_source("file: x.ndjson"), "file");
  expect_refused(with_source("on_schema_break: pause"), "on_schema_break");
  for (const std::string key : {"format", "key_format"}) {
    for (const std::string format : {"avro", "protobuf"}) {
      expect_refused(with_source(key + ": " + format), key + ": " + format);
      expect_refused(with_source(key + ": {" + format + ": {schema: x}}"), key + ": " + format);
    }
  }
}

TEST(Refused, KindsOfView) {
  for (const std::string kind : {"hyperloglog", "stream"}) {
    expect_refused(file_with_view("    kind: " + kind + "\n    key: {id: text}\n    fields: {n: int}\n    on_event: {a: {set: {n: 1}}}\n"),
                   "kind: " + kind);
  }
}

TEST(Refused, KeysOfAView) {
  const std::string rest = "    key: {id: text}\n    fields: {n: int}\n    on_event: {a: {set: {n: 1}}}\n";
  expect_refused(file_with_view(rest + "    window: {size: 7d}\n"), "window");
  expect_refused(file_with_view(rest + "    projector: mine\n"), "projector");
  expect_refused(file_with_view(rest + "    with: {a: 1}\n"), "with");
  for (const std::string option : {"partition_by", "max_indices", "max_items"}) {
    expect_refused(file_with_view(rest + "    options: {" + option + ": 1}\n"), option);
  }
}

TEST(Refused, KeysOfAField) {
  for (const std::string key : {"object", "nested", "max_items", "approximate", "optional"}) {
    const std::string type = key == "object" || key == "nested" ? "" : "type: int, ";
    expect_refused(
        file_with_view("    key: {id: text}\n    fields: {n: {" + type + key + ": {a: text}}}\n    on_event: {a: {set: {n: 1}}}\n"), key);
  }
  expect_refused(file_with_view("    key: {id: text}\n    fields: {n: nested}\n    on_event: {a: {set: {n: 1}}}\n"), "nested");
}

TEST(Refused, KeysOfAClause) {
  for (const std::string key : {"for_each", "let", "where", "on_missing", "on_existing", "newest_by", "move_to", "append", "remove"}) {
    expect_refused(file_with_clause("{" + key + ": x, set: {n: 1}}"), key);
  }
}

TEST(Refused, InTheSharedFileOnlyWhatIsUsed) {
  const std::string path = ::testing::TempDir() + "/refused_shared.yaml";
  std::FILE* out = std::fopen(path.c_str(), "w");
  ASSERT_NE(out, nullptr);
  std::fputs("stores: {live: {sqlite: {url: \"${REDIS_URL}\"}}, here: {memory: {}}}\n", out);
  std::fclose(out);
  Parts parts;
  parts.store = "store: here";
  Diagnostics fine;
  EXPECT_TRUE(load_projection_text(file_of(parts), "p.yaml", options_with({{"KAFKA_BROKERS", "b"}}, path), fine)) << fine.to_string();
  parts.store = "store: live";
  Diagnostics refused;
  EXPECT_FALSE(load_projection_text(file_of(parts), "p.yaml", options_with({{"KAFKA_BROKERS", "b"}}, path), refused));
  EXPECT_THAT(refused.to_string(), AllOf(HasSubstr(path + ":1:17: error: `sqlite` is part of the language and not built yet")));
}

}  // namespace
}  // namespace foldline::config
