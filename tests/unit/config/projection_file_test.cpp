// What a right file becomes: defaults, short and long forms, names of the shared file, and the examples.
#include "config/projection_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/pattern.h"
#include "config/reference.h"
#include "tests/unit/config/loading.h"

namespace foldline::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ProjectionFile must_load(const std::string& text) {
  Loaded loaded = load(text);
  EXPECT_TRUE(loaded.file) << loaded.output;
  return loaded.file.value_or(ProjectionFile{});
}

TEST(ProjectionFile, DefaultsOfASmallestFile) {
  const ProjectionFile file = must_load(
      "projection: p\nsource: {topics: o, envelope: flat}\nstore: {memory: {}}\nviews: {v: {key: {id: text}, on_event: {a: {set: {}}}}}\n");
  EXPECT_EQ(file.projection, "p");
  EXPECT_EQ(file.group, "p");
  EXPECT_EQ(file.kafka.brokers, "broker:9092");
  EXPECT_EQ(file.zone, "UTC");
  EXPECT_EQ(file.id_window, 250'000);
  EXPECT_EQ(file.dead_letter.topic, "{topic}.dlq");
  EXPECT_EQ(file.dead_letter.policy, LetterPolicy::skip);
  EXPECT_EQ(file.dead_letter.stop_above, 0.5);
  ASSERT_EQ(file.sources.size(), 1U);
  EXPECT_EQ(file.sources[0].name, "source");
  EXPECT_EQ(file.sources[0].format, Format::json);
  EXPECT_EQ(file.sources[0].key_format, Format::text);
  EXPECT_EQ(file.sources[0].envelope.form, "flat");
  EXPECT_EQ(file.sources[0].start_at, "earliest");
  EXPECT_FALSE(file.sources[0].has_events);
  ASSERT_EQ(file.views.size(), 1U);
  EXPECT_EQ(file.views[0].kind, "table");
  EXPECT_EQ(file.views[0].store_name, "v");
  EXPECT_EQ(file.views[0].cross_partition, CrossPartition::prove);
  EXPECT_TRUE(file.views[0].on_event.at(0).clauses.at(0).has_set);
}

TEST(ProjectionFile, EveryBuiltKeyIsRead) {
  const ProjectionFile file = must_load(R"yaml(projection: all-of_it
doc: Everything
group: g
kafka: {brokers: [a:1, b:2], options: {security.protocol: SSL, session.timeout.ms: 6000}}
zone: Europe/Berlin
processed_ids: none
dead_letter: {topic: "x.{topic}", policy: stop, stop_above: 0.25}
source:
  - topics: [o, "p.*"]
    format: text
    key_format: json
    envelope: {form: outbox, type: after.kind, data: {x: after.x, y: "after.?y"}}
    partition_key: data.x
    redact: [data.x]
    when: data.x != 'test'
    start_at: 2026-04-03T00:00:00Z
    events: {a: {}, b: null}
  - {topics: q, envelope: {id: event_id, data: payload}, strict: true}
store: {postgres: {url: "postgres://u@h/d", schema: s}}
views:
  v:
    name: silver.v
    doc: A view
    key: {id: {type: uuid, from: key, doc: the id}, day: date}
    newest_by: time
    soft_delete: gone_at
    cross_partition: arrival_order
    expire: {after: 7d, from: day}
    options: {indexes: [n, [n, t]], unique: t, fillfactor: 80}
    fields:
      n: bigint
      t: {type: text, default: "'x'", doc: a text}
      e: {enum: [placed, "two words"]}
      m: "numeric(12,2)"
      l: list(text)
    on_event:
      a | b:
        - {when: data.x > 1, key: {id: data.other}, reject: {No x: "data.x == ''", No y: "!has(data.y)"}, copy: n, patch: [t], set: {e: placed}}
        - {add: {n: 1}, min: {m: -1.5}, max: {m: data.m}}
      "c.*": {patch: all}
      d: {delete: true}
)yaml");
  EXPECT_EQ(file.doc, "Everything");
  EXPECT_EQ(file.kafka.brokers, "a:1,b:2");
  ASSERT_EQ(file.kafka.options.size(), 2U);
  EXPECT_EQ(file.kafka.options[1].first, "session.timeout.ms");
  EXPECT_EQ(file.kafka.options[1].second.reveal(), "6000");
  EXPECT_EQ(file.zone, "Europe/Berlin");
  EXPECT_EQ(file.id_window, 0);
  EXPECT_FALSE(file.exact_ids);
  EXPECT_EQ(file.dead_letter.policy, LetterPolicy::stop);
  EXPECT_EQ(file.dead_letter.stop_above, 0.25);
  ASSERT_EQ(file.sources.size(), 2U);
  const SourceSpec& first = file.sources[0];
  EXPECT_EQ(first.topics.at(1).name, "p.*");
  EXPECT_EQ(first.format, Format::text);
  EXPECT_EQ(first.key_format, Format::json);
  EXPECT_EQ(first.envelope.form, "outbox");
  EXPECT_EQ(first.envelope.attributes.at(0).name, "type");
  EXPECT_TRUE(first.envelope.data_is_map);
  EXPECT_EQ(first.envelope.data_fields.at(1).expr.text, "after.?y");
  EXPECT_EQ(first.redact.at(0).name, "data.x");
  EXPECT_EQ(first.start_at, "2026-04-03T00:00:00Z");
  EXPECT_EQ(first.event_types.at(1).name, "b");
  EXPECT_EQ(file.sources[1].name, "source2");
  EXPECT_EQ(file.sources[1].envelope.data->text, "payload");
  EXPECT_TRUE(file.sources[1].strict_json);
  EXPECT_EQ(file.store.schema, "s");

  const ViewSpec& view = file.views.at(0);
  EXPECT_EQ(view.store_name, "silver.v");
  EXPECT_EQ(view.key.at(0).from->text, "key");
  EXPECT_EQ(view.key.at(0).doc, "the id");
  EXPECT_FALSE(view.key.at(1).from);
  EXPECT_EQ(view.newest_by->text, "time");
  EXPECT_EQ(view.soft_delete->name, "gone_at");
  EXPECT_EQ(view.cross_partition, CrossPartition::arrival_order);
  EXPECT_EQ(view.expire_after_us, std::int64_t{7} * 24 * 3'600'000'000);
  ASSERT_EQ(view.indexes.size(), 3U);
  EXPECT_EQ(view.indexes[1].first.size(), 2U);
  EXPECT_TRUE(view.indexes[2].second);
  EXPECT_EQ(view.fillfactor, 80);
  EXPECT_EQ(view.fields.at(1).default_value->text, "'x'");
  EXPECT_EQ(view.fields.at(2).type.members.at(1), "two words");
  EXPECT_EQ(view.fields.at(3).type.scale, 2);
  EXPECT_EQ(view.fields.at(4).type.element->kind, TypeKind::text);

  ASSERT_EQ(view.on_event.size(), 3U);
  EXPECT_EQ(view.on_event[0].types.at(1).name, "b");
  EXPECT_EQ(view.on_event[0].types.at(1).at.column, 11);
  const ClauseSpec& clause = view.on_event[0].clauses.at(0);
  EXPECT_EQ(clause.reject.at(1).reason, "No y");
  EXPECT_EQ(clause.key.at(0).name, "id");
  EXPECT_EQ(clause.copy.at(0).name, "n");
  EXPECT_EQ(clause.set.at(0).expr.text, "placed");
  EXPECT_FALSE(clause.set.at(0).expr.literal);
  const ClauseSpec& sums = view.on_event[0].clauses.at(1);
  EXPECT_TRUE(sums.add.at(0).expr.literal);
  EXPECT_EQ(sums.min.at(0).expr.text, "-1.5");
  EXPECT_TRUE(view.on_event[1].clauses.at(0).patch_all);
  EXPECT_TRUE(view.on_event[2].clauses.at(0).erase);
}

TEST(ProjectionFile, ExactIdsNeedAStoreWithTransactions) {
  Parts parts;
  parts.rest = "processed_ids: exact";
  parts.store = "store: {postgres: {url: \"postgres://h/d\"}}";
  const Loaded good = load(file_of(parts));
  ASSERT_TRUE(good.file) << good.diagnostics.to_string();
  EXPECT_TRUE(good.file->exact_ids);
  EXPECT_EQ(good.file->id_window, 250'000) << "the window spares the store most questions";
  parts.store = "store: {redis: {url: \"redis://h\"}}";
  EXPECT_THAT(load(file_of(parts)).diagnostics.to_string(),
              ::testing::HasSubstr("`processed_ids: exact` needs PostgreSQL, and this projection's store is redis"));
}

TEST(ProjectionFile, LiteralsAreNumbersBooleansAndNull) {
  const auto literal = [](const std::string& value) {
    const ProjectionFile file = must_load(file_with_clause("{set: {n: " + value + "}}"));
    const ExprText& e = file.views.at(0).on_event.at(0).clauses.at(0).set.at(0).expr;
    return (e.literal ? "literal " : "CEL ") + e.text;
  };
  EXPECT_EQ(literal("1"), "literal 1");
  EXPECT_EQ(literal("-1.50"), "literal -1.50");
  EXPECT_EQ(literal("1e3"), "literal 1e3");
  EXPECT_EQ(literal("true"), "literal true");
  EXPECT_EQ(literal("null"), "literal null");
  EXPECT_EQ(literal("~"), "literal null");
  EXPECT_EQ(literal("\"1\""), "CEL 1");
  EXPECT_EQ(literal("yes"), "CEL yes");
  EXPECT_EQ(literal("0x1F"), "CEL 0x1F");
  EXPECT_EQ(literal("data.x"), "CEL data.x");
}

TEST(ProjectionFile, AnExpressionsPlaceIsThatOfItsFirstCharacter) {
  const ProjectionFile file = must_load(file_with_clause("{set: {n: \"data.x\"}, when: data.y}"));
  const ClauseSpec& clause = file.views.at(0).on_event.at(0).clauses.at(0);
  EXPECT_EQ(clause.set.at(0).expr.at.line, 8);
  EXPECT_EQ(clause.set.at(0).expr.at.column, 30);
  EXPECT_EQ(clause.when->at.column, 46);
}

class SharedFileTest : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(directory_);
    std::ofstream(directory_ / name) << text;
    return (directory_ / name).string();
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path directory_ = std::filesystem::path(::testing::TempDir()) / ("foldline_shared_" + std::to_string(::getpid()));
};

TEST_F(SharedFileTest, FoldlineYamlBesideTheFileAnswersItsNames) {
  write("foldline.yaml",
        "kafka: {brokers: shared:1}\nstores: {live: {memory: {}}}\nsources:\n  orders: {topics: o, envelope: flat}\n  other: {topics: "
        "\"${NOT_SET}\", envelope: nonsense}\n");
  const std::string path =
      write("p.yaml", "projection: p\nsource: orders\nstore: live\nviews: {v: {key: {id: text}, on_event: {a: {set: {}}}}}\n");
  Diagnostics d;
  const auto file = load_projection_file(path, options_with({}), d);
  ASSERT_TRUE(file) << d.to_string();
  EXPECT_EQ(file->kafka.brokers, "shared:1");
  EXPECT_EQ(file->sources.at(0).name, "orders");
  EXPECT_EQ(file->sources.at(0).at.file, (directory_ / "foldline.yaml").string());
  EXPECT_EQ(file->store.kind, "memory");
}

TEST_F(SharedFileTest, ErrorsOfBothFilesComeTogether) {
  const std::string shared =
      write("team.yaml", "stores: {live: {memory: {}}}\nsources: {orders: {topics: o, envelope: flatt}}\nviews: {}\n");
  const std::string path =
      write("p.yaml", "projection: P\nsource: [orders, ordrs]\nstore: live\nviews: {v: {key: {id: text}, on_event: {a: {set: {}}}}}\n");
  Diagnostics d;
  EXPECT_FALSE(load_projection_file(path, options_with({{"KAFKA_BROKERS", "b"}}, shared), d));
  const std::string output = d.to_string();
  EXPECT_THAT(output, HasSubstr(path + ":1:13: error: `P` is no name"));
  EXPECT_THAT(output, HasSubstr(path + ":2:18: error: `ordrs` is no entry of `sources` in " + shared));
  EXPECT_THAT(output, HasSubstr("did you mean `orders`?"));
  EXPECT_THAT(output, HasSubstr(shared + ":2:41: error: `flatt` is no value of `envelope`"));
  EXPECT_THAT(output, HasSubstr("did you mean `flat`?"));
  EXPECT_THAT(output, HasSubstr(shared + ":3:1: error: unknown key `views` in foldline.yaml"));
}

TEST_F(SharedFileTest, AMissingSharedFileIsAnError) {
  const std::string path = write("p.yaml", file_of({}));
  Diagnostics d;
  EXPECT_FALSE(load_projection_file(path, options_with({{"KAFKA_BROKERS", "b"}}, "/nowhere/x.yaml"), d));
  EXPECT_THAT(d.to_string(), HasSubstr("/nowhere/x.yaml: error: the file can't be read"));
}

TEST_F(SharedFileTest, IsKnownByItsKeysAndLintedWhole) {
  const std::string shared = write("foldline.yaml", "stores: {a: {memory: {}}, b: {sqlite: {}}}\nsources: {s: {topics: o}}\n");
  const std::string projection = write("p.yaml", file_of({}));
  EXPECT_TRUE(is_shared_file(shared));
  EXPECT_FALSE(is_shared_file(projection));
  EXPECT_FALSE(is_shared_file("/nowhere"));
  Diagnostics d;
  EXPECT_FALSE(lint_shared_file(shared, options_with({}), d));
  EXPECT_THAT(d.to_string(), HasSubstr(shared + ":1:31: error: `sqlite` is part of the language"));
  EXPECT_THAT(d.to_string(), HasSubstr(shared + ":2:14: error: a source needs the key `envelope`"));
  Diagnostics as_projection;
  EXPECT_FALSE(load_projection_file(shared, options_with({}), as_projection));
  EXPECT_THAT(as_projection.to_string(), HasSubstr("this is a shared file (foldline.yaml), not a projection"));
}

TEST_F(SharedFileTest, LintGoesOnBehindErrorsThatDoNotTouchSourcesAndViews) {
  Parts parts;
  parts.store = "store: {postgres: {url: \"${POSTGRES_URL}\"}}";
  const std::string sound = write("sound.yaml", file_of(parts));
  Diagnostics first;
  EXPECT_TRUE(load_for_lint(sound, options_with({}), first));
  EXPECT_TRUE(first.has_errors());

  parts.views = "views: {v: {key: {id: txt}, on_event: {a: {set: {}}}}}";
  const std::string unsound = write("unsound.yaml", file_of(parts));
  Diagnostics second;
  EXPECT_FALSE(load_for_lint(unsound, options_with({}), second));
}

TEST(ProjectionFile, UnreadableFilesAreErrors) {
  Diagnostics d;
  EXPECT_FALSE(load_projection_file("/nowhere/p.yaml", options_with({}), d));
  EXPECT_FALSE(load_projection_file("/tmp", options_with({}), d));
  EXPECT_THAT(d.to_string(), HasSubstr("/nowhere/p.yaml: error: the file can't be read\n  help: check the path"));
  EXPECT_THAT(d.to_string(), HasSubstr("/tmp: error: this is a directory"));
}

TEST(ProjectionFile, WithoutBrokersTheFileIsRefused) {
  const Loaded loaded = load(file_of({}), {});
  EXPECT_FALSE(loaded.file);
  EXPECT_THAT(loaded.output, HasSubstr("p.yaml:1:1: error: no Kafka brokers"));
}

TEST(Examples, AllLoadWithoutAFinding) {
  const std::filesystem::path examples = std::filesystem::path(FOLDLINE_SOURCE_DIR) / "config" / "examples";
  const Variables variables = {{"KAFKA_BROKERS", "broker:9092"},
                               {"POSTGRES_URL", "postgres://foldline@localhost/foldline"},
                               {"REDIS_URL", "redis://localhost"},
                               {"SEARCH_URL", "http://localhost:9200"}};
  int projections = 0;
  for (const auto& entry : std::filesystem::directory_iterator(examples)) {
    const std::string path = entry.path().string();
    Diagnostics d;
    if (is_shared_file(path)) {
      EXPECT_TRUE(lint_shared_file(path, options_with(variables), d)) << d.to_string();
    } else {
      EXPECT_TRUE(load_projection_file(path, options_with(variables), d));
      ++projections;
    }
    EXPECT_EQ(d.to_string(), "") << path;
  }
  EXPECT_GE(projections, 5);
}

TEST(Pattern, MatchesAndOverlaps) {
  EXPECT_TRUE(matches("order.*", "order.placed"));
  EXPECT_TRUE(matches("order.*", "order."));
  EXPECT_TRUE(matches("*.placed", "order.item.placed"));
  EXPECT_FALSE(matches("*.placed", "order.placed2"));
  EXPECT_FALSE(matches("a*b*c", "aXbYbZ"));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("a*b*c", "aXbYbc"));
  EXPECT_FALSE(matches("order.*", "orders.placed"));
  EXPECT_FALSE(matches("order", "order.placed"));
  EXPECT_TRUE(overlap("order.*", "*.placed"));
  EXPECT_TRUE(overlap("*", "x"));
  EXPECT_TRUE(overlap("a*", "*"));
  EXPECT_TRUE(overlap("a", "a"));
  EXPECT_FALSE(overlap("a.*", "b.*"));
  EXPECT_FALSE(overlap("a*x", "a*y"));
  EXPECT_EQ(literal_characters("a.*"), 2U);
}

// Twenty keys by hand, so that a table that lost one is noticed.
TEST(Reference, NamesTheKeysOfEveryLevel) {
  const std::string markdown = reference_markdown();
  for (const char* key : {"projection",     "group", "processed_ids", "dead_letter", "topics",    "partition_key", "redact",
                          "correlation_id", "url",   "brokers",       "stop_above",  "newest_by", "soft_delete",   "cross_partition",
                          "fillfactor",     "from",  "default",       "patch",       "delete",    "stores"}) {
    EXPECT_THAT(markdown, HasSubstr("| `" + std::string(key) + "` |")) << key;
  }
  EXPECT_THAT(markdown, HasSubstr("- `window`: "));
  EXPECT_THAT(json_schema(), HasSubstr("\"partition_key\": {\"description\""));
  EXPECT_THAT(json_schema(), Not(HasSubstr("for_each")));
}

}  // namespace
}  // namespace foldline::config
