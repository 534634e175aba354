// Every error of the loader, with its place and its remedy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/limits.h"
#include "tests/unit/config/loading.h"

namespace foldline::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Wrong {
  std::string text;
  std::string error;  // from the place on: "3:8: error: ..."
  std::string help;
};

void expect_errors(const std::vector<Wrong>& cases) {
  for (const Wrong& wrong : cases) {
    const Loaded loaded = load(wrong.text);
    EXPECT_FALSE(loaded.file) << wrong.text;
    EXPECT_THAT(loaded.output, AllOf(HasSubstr("p.yaml:" + wrong.error), HasSubstr(wrong.help))) << wrong.text;
  }
}

std::string source(const std::string& line) {
  Parts parts;
  parts.source = "source: " + line;
  return file_of(parts);
}
std::string store(const std::string& line) {
  Parts parts;
  parts.store = "store: " + line;
  return file_of(parts);
}
std::string rest(const std::string& line) {
  Parts parts;
  parts.rest = line;
  return file_of(parts);
}
std::string view(const std::string& line) {
  return file_with_view("    key: {id: text}\n    fields: {n: bigint, t: text}\n    on_event: {a: {set: {n: 1}}}\n    " + line + "\n");
}
std::string key(const std::string& parts) { return file_with_view("    key: " + parts + "\n    on_event: {a: {set: {}}}\n"); }
std::string field(const std::string& type) {
  return file_with_view("    key: {id: text}\n    fields: {n: " + type + "}\n    on_event: {a: {patch: all}}\n");
}

TEST(Levels, UnknownKeysAreErrorsWithDidYouMean) {
  expect_errors({
      {rest("veiws: {}"), "5:1: error: unknown key `veiws` in a projection file", "did you mean `views`?"},
      {rest("nonsense: {}"), "5:1: error: unknown key `nonsense`",
       "the keys here are projection, doc, group, source, store, kafka, zone, views"},
      {source("{topic: o, envelope: flat}"), "2:10: error: unknown key `topic` in a source", "did you mean `topics`?"},
      {source("{topics: o, envelope: {tipe: x}}"), "2:32: error: unknown key `tipe` in an envelope", "did you mean `type`?"},
      {store("{postgres: {ulr: x}}"), "3:20: error: unknown key `ulr` in a postgres store", "did you mean `url`?"},
      {store("{memory: {size: 1}}"), "3:18: error: unknown key `size` in a memory store", ""},
      {store("{mysql: {}}"), "3:9: error: unknown key `mysql` in a store", "postgres, memory"},
      {rest("kafka: {broker: x}"), "5:9: error: unknown key `broker` in `kafka`", "did you mean `brokers`?"},
      {rest("dead_letter: {topics: x}"), "5:15: error: unknown key `topics` in `dead_letter`", "did you mean `topic`?"},
      {view("field: {}"), "9:5: error: unknown key `field` in a view", "did you mean `fields`?"},
      {view("expire: {aftr: 1d, from: t}"), "9:14: error: unknown key `aftr` in `expire`", "did you mean `after`?"},
      {view("options: {index: t}"), "9:15: error: unknown key `index` in `options`", "did you mean `indexes`?"},
      {key("{id: {tpye: text}}"), "6:16: error: unknown key `tpye` in a key part", "did you mean `type`?"},
      {field("{type: int, defualt: 1}"), "7:29: error: unknown key `defualt` in a field", "did you mean `default`?"},
      {file_with_clause("{sett: {n: 1}}"), "8:20: error: unknown key `sett` in a clause", "did you mean `set`?"},
  });
}

TEST(Levels, MissingKeysAreErrorsAtTheirMap) {
  expect_errors({
      {"group: x\n", "1:1: error: a projection file needs the key `projection`", "[a-z][a-z0-9_-]*"},
      {"projection: p\n", "1:1: error: a projection file needs the key `source`", ""},
      {"projection: p\n", "1:1: error: a projection file needs the key `store`", ""},
      {"projection: p\n", "1:1: error: a projection file needs the key `views`", ""},
      {source("{envelope: flat}"), "2:9: error: a source needs the key `topics`", ""},
      {source("{topics: o}"), "2:9: error: a source needs the key `envelope`", "a form's name"},
      {store("{postgres: {}}"), "3:19: error: a postgres store needs the key `url`", "postgres://"},
      {file_with_view("    fields: {n: int}\n    on_event: {a: {set: {n: 1}}}\n"), "6:5: error: a view needs the key `key`",
       "the row's identity"},
      {file_with_view("    key: {id: text}\n"), "6:5: error: a view needs the key `on_event`", ""},
      {view("expire: {after: 1d}"), "9:13: error: `expire` needs the key `from`", ""},
      {field("{doc: x}"), "7:17: error: a type is missing", "{type: bigint}"},
  });
}

TEST(Levels, KeysWithoutAValueAreErrors) {
  expect_errors({
      {rest("group:"), "5:1: error: `group` has no value", "give it one, or remove the key"},
      {source("{topics: , envelope: flat}"), "2:10: error: `topics` has no value", ""},
      {file_with_clause("{set: {n: }}"), "8:26: error: `n` has no expression", "write `null` for null"},
      {file_with_view("    key: {id: text}\n    on_event:\n      a:\n      b: {set: {}}\n"), "8:7: error: `a` has no clause", "{set: {}}"},
  });
}

TEST(Levels, ShapesOfValues) {
  expect_errors({
      {"[a]\n", "1:1: error: a projection file is a map of keys, but here stands a list", ""},
      {"x\n", "1:1: error: a projection file is a map of keys, but here stands a text", ""},
      {rest("group: [x]"), "5:8: error: `group` takes a text, but here stands a list", ""},
      {source("{topics: [], envelope: flat}"), "2:18: error: `topics` is an empty list", ""},
      {source("{topics: [o, o], envelope: flat}"), "2:22: error: `o` stands twice in `topics`", ""},
      {source("[]"), "2:9: error: `source` is an empty list", ""},
      {file_with_clause("{when: [x], set: {n: 1}}"), "8:26: error: `when` takes an expression, but here stands a list", "double quotes"},
      {file_with_clause("{when: \"\", set: {n: 1}}"), "8:26: error: the expression of `when` is empty", "'EUR'"},
      {file_with_clause("{set: n}"), "8:25: error: `set` takes a map field → expression", "{field: expression}"},
      {file_with_clause("x"), "8:19: error: a clause is a map of keys", ""},
  });
}

TEST(Levels, NamesAndValuesOfTheFile) {
  expect_errors({
      {"projection: Big\n", "1:13: error: `Big` is no name for a projection", "a letter first"},
      {"projection: 1a\n", "1:13: error: `1a` is no name", ""},
      {rest("group: \"\""), "5:8: error: `group` has from 1 to 249 bytes", ""},
      {rest("zone: Mars/Base"), "5:7: error: `Mars/Base` is no time zone", "Europe/Berlin"},
      {rest("processed_ids: 0"), "5:16: error: `processed_ids` is out of its bounds", "from 1 to 10000000"},
      {rest("processed_ids: 10000001"), "5:16: error: `processed_ids` is out of its bounds", ""},
      {rest("processed_ids: many"), "5:16: error: `many` is no whole number", ""},
      {rest("processed_ids: 99999999999999999999"), "5:16: error: ", "whole number"},
      {rest("dead_letter: {stop_above: 0}"), "5:27: error: `stop_above` is out of its bounds", "above 0 and up to 1"},
      {rest("dead_letter: {stop_above: 1.5}"), "5:27: error: `stop_above` is out of its bounds", ""},
      {rest("dead_letter: {stop_above: nan}"), "5:27: error: `nan` is no number", ""},
      {rest("dead_letter: {policy: skp}"), "5:23: error: `skp` is no value of `policy`", "did you mean `skip`?"},
      {rest("dead_letter: {topic: \"a b\"}"), "5:22: error: `a b` is no name for a dead-letter topic", "{topic}.dlq"},
      {rest("dead_letter: {topic: \"{topic}\"}"), "5:22: error: `{topic}` is no name", ""},
      {rest("dead_letter: {topic: \"{tpoic}.dlq\"}"), "5:22: error: ", ""},
      {rest("kafka: {brokers: b, options: {group.id: x}}"), "5:31: error: `group.id` is set by Foldline itself", "remove it"},
      {rest("kafka: {brokers: b, options: {consume.callback.max.messages: 1}}"),
       "5:31: error: `consume.callback.max.messages` is set by Foldline itself", "remove it"},
      {rest("kafka: {brokers: b, options: [x]}"), "5:30: error: `options` is a map", ""},
      {store("{postgres: {url: x}}"), "3:25: error: `url` is no address of a Postgres database", "postgres://"},
      {store("{postgres: {url: \"\"}}"), "3:25: error: `url` is empty", ""},
      {store("{postgres: {url: \"postgres://h/d\", schema: A}}"), "3:51: error: the schema `A` is no snake_case name", ""},
      {store("{postgres: {url: \"postgres://h/d\", schema: foldline}}"), "3:51: error: the schema `foldline` starts with `foldline`", ""},
      {store("{memory: {}, postgres: {url: \"postgres://h/d\"}}"), "3:8: error: a store is exactly one of them, and here are 2",
       "another projection"},
      {store("{}"), "3:8: error: a store is exactly one", ""},
      {store("memory"), "3:8: error: `store` takes a map or a name of foldline.yaml", "write store: {memory: {}}"},
      {store("live"), "3:8: error: `live` is no entry of `stores`: there is no foldline.yaml", "--shared"},
      {source("games"), "2:9: error: `games` is no entry of `sources`: there is no foldline.yaml", "--shared"},
  });
}

TEST(Levels, ValuesOfASource) {
  expect_errors({
      {source("{topics: \"a b\", envelope: flat}"), "2:19: error: this is no name or pattern of a topic", "`*` stands for any"},
      {source("{topics: o, envelope: cloudevent}"), "2:31: error: `cloudevent` is no value of `envelope`", "did you mean `cloudevents`?"},
      {source("{topics: o, envelope: {form: outbx}}"), "2:38: error: `outbx` is no value of `form`", "did you mean `outbox`?"},
      {source("{topics: o, envelope: flat, format: xml}"), "2:45: error: `xml` is no value of `format`", "json, text, bytes"},
      {source("{topics: o, envelope: flat, start_at: yesterday}"), "2:47: error: `yesterday` is no value of `start_at`",
       "2026-04-03T00:00:00Z"},
      {source("{topics: o, envelope: flat, redact: \"data..x\"}"), "2:46: error: this is no path", "data.email"},
      {source("{topics: o, envelope: flat, strict: yes}"), "2:45: error: `yes` is neither true nor false", ""},
      {source("{topics: o, envelope: flat, format: text, strict: true}"), "2:51: error: `strict` checks JSON", ""},
      {source("{topics: o, envelope: flat, events: {\"a.*\": {}}}"), "2:46: error: `a.*` is no single type", ""},
      {source("{topics: o, envelope: flat, events: {a: {x: txt}}}"), "2:53: error: unknown type `txt`", "did you mean `text`?"},
      {source("[{topics: o, envelope: flat}, {topics: [x, \"*\"], envelope: flat}]"),
       "2:53: error: the topic `*` is read by the source `source` already, there as `o`", "one source"},
      {source("{topics: dead, envelope: flat}") + "dead_letter: {topic: dead}\n", "2:18: error: the topic `dead` is the dead-letter topic",
       ""},
  });
}

TEST(Levels, NamesInAView) {
  expect_errors({
      {key("{Id: text}"), "6:11: error: the key part `Id` is no snake_case name", "a letter first"},
      {key("{foldline_id: text}"), "6:11: error: the key part `foldline_id` starts with `foldline`, which Foldline keeps for itself",
       "another name"},
      {key("{_newest_1: text}"), "6:11: error: the key part `_newest_1` starts with `_newest`, which Foldline keeps for itself", ""},
      {key("{xmin: text}"), "6:11: error: the key part `xmin` is a system column of Postgres", "another name"},
      {key("{" + std::string(64, 'a') + ": text}"), "6:11: error: the key part `", "longer than 63 bytes"},
      {key("{}"), "6:10: error: `key` names no part", ""},
      {key("{id: json}"), "6:15: error: the type json can't be part of a key", "uuid or dates"},
      {key("{id: inet}"), "6:15: error: the type inet can't be part of a key", "whole numbers"},
      {key("{id: double}"), "6:15: error: the type double can't be part of a key", "numeric"},
      {key("{id: {type: list(text)}}"), "6:15: error: the type list(text) can't be part of a key", ""},
      {"projection: p\nsource: {topics: o, envelope: flat}\nstore: {memory: {}}\nviews: {V: {key: {id: text}, on_event: {a: {set: {}}}}}\n",
       "4:9: error: the view `V` is no snake_case name", ""},
      {"projection: p\nsource: {topics: o, envelope: flat}\nstore: {memory: {}}\nviews: {}\n", "4:8: error: `views` names no view", ""},
      {view("name: a.b.c"), "9:11: error: the table `a.b.c` is no snake_case name", ""},
      {view("name: \"x-{id}\""), "9:11: error: `{part}` in a `name` belongs to the keys of Redis", "silver.orders"},
      {view("name: foldline.x"), "9:11: error: the schema of `foldline.x` starts with `foldline`", ""},
      {view("soft_delete: Gone"), "9:18: error: the field `Gone` is no snake_case name", ""},
      {view("cross_partition: nevr"), "9:22: error: `nevr` is no value of `cross_partition`", "did you mean `never`?"},
      {view("expire: {after: 5 days, from: t}"), "9:21: error: `5 days` is no duration", "30s, 5m, 2h, 7d or 2w"},
      {view("options: {fillfactor: 5}"), "9:27: error: `fillfactor` is out of its bounds", "from 10 to 100"},
      {view("kind: tabel"), "9:11: error: `tabel` is no value of `kind`", "did you mean `table`?"},
      {file_with_view("    key: {id: text}\n    name: other\n    on_event: {a: {set: {}}}\n  other:\n    key: {id: text}\n    on_event: "
                      "{a: {set: {}}}\n"),
       "9:3: error: the views `v` and `other` keep the same table", "another `name`"},
      {file_with_view("    key: {id: text}\n    soft_delete: gone\n    fields: {gone: {type: timestamptz, default: null}}\n    on_event: "
                      "{a: {delete: true}}\n"),
       "8:49: error: `soft_delete` fills `gone`", "remove the default"},
  });
}

TEST(Levels, Types) {
  expect_errors({
      {field("integer"), "7:17: error: unknown type `integer`", "here it is called `int`"},
      {field("timestamp"), "7:17: error: unknown type `timestamp`", "here it is called `timestamptz`"},
      {field("bigin"), "7:17: error: unknown type `bigin`", "did you mean `bigint`?"},
      {field("list"), "7:17: error: `list` needs the type of its elements", "list(text)"},
      {field("list(json)"), "7:17: error: a list or set of json can't be kept", "`json`"},
      {field("list(txt)"), "7:17: error: unknown type `txt`", "did you mean `text`?"},
      {field("\"numeric(39,2)\""), "7:17: error: numeric(p,s) takes p from 1 to 38", "numeric(12,2)"},
      {field("\"numeric(2,3)\""), "7:17: error: numeric(p,s) takes", ""},
      {field("\"numeric(a)\""), "7:17: error: numeric(p,s) takes", ""},
      {field("numeric(12,2)"), "7:17: error: a comma within", "double quotes"},
      {field("optional(text)"), "7:17: error: `optional(T)` stands only in `events`", "always hold null"},
      {field("text(5)"), "7:17: error: the type `text` takes nothing in parentheses", ""},
      {field("enum"), "7:17: error: `enum` needs its members", "[placed, shipped]"},
      {field("{enum: x}"), "7:24: error: `enum` takes a list", "[placed, shipped]"},
      {field("{enum: []}"), "7:24: error: `enum` is an empty list", ""},
      {field("{enum: [a, a]}"), "7:28: error: `a` stands twice in `enum`", ""},
      {field("{enum: [a], type: text}"), "7:17: error: `type` and `enum` exclude each other", ""},
      {field("{}"), "7:17: error: a type is missing", ""},
      {field("[text]"), "7:17: error: `type` takes a text", ""},
  });
}

TEST(Levels, Clauses) {
  expect_errors({
      {file_with_clause("{when: x}"), "8:19: error: this clause has no operation", "`set: {}` only makes the row"},
      {file_with_clause("{}"), "8:19: error: this clause has no operation", ""},
      {file_with_clause("{delete: false}"), "8:28: error: `delete` takes only `true`", ""},
      {file_with_clause("{delete: 1}"), "8:28: error: `1` is neither true nor false", ""},
      {file_with_clause("{add: 1}"), "8:25: error: `add` takes a map field → expression", "Redis counters"},
      {file_with_clause("{add: {}}"), "8:25: error: `add` names no field", ""},
      {file_with_clause("{copy: []}"), "8:26: error: `copy` is an empty list", ""},
      {file_with_clause("{copy: all}"), "8:26: error: `copy` insists on its fields", "patch: all"},
      {file_with_clause("{copy: [n, n]}"), "8:30: error: `n` stands twice in `copy`", ""},
      {file_with_clause("{reject: x, set: {n: 1}}"), "8:28: error: `reject` is a map", ""},
      {file_with_clause("{reject: {Too few: }, set: {n: 1}}"), "8:29: error: the reason `Too few` has no condition", "Reason: condition"},
      {file_with_clause("[]"), "8:19: error: `a` is an empty list", ""},
      {file_with_view("    key: {id: text}\n    on_event: {}\n"), "7:15: error: `on_event` names no type", ""},
      {file_with_view("    key: {id: text}\n    on_event: {a | : {set: {}}}\n"), "7:16: error: an empty type in `a |`", "a | b"},
  });
}

TEST(Levels, ManyErrorsComeAtOnceAndInOrder) {
  const Loaded loaded = load(
      "projection: P\nsource: {topics: o, envelope: flt}\nstore: {memory: {x: 1}}\nzone: x\nviews:\n  v:\n    key: {id: txt}\n    window: "
      "{size: 1d}\n    on_event: {a: {let: {}, set: {n: [1]}}}\n");
  ASSERT_EQ(loaded.diagnostics.all().size(), 8U) << loaded.output;
  int line = 0;
  for (const Diagnostic& d : loaded.diagnostics.all()) {
    EXPECT_GE(d.at.line, line);
    EXPECT_GT(d.at.column, 0);
    EXPECT_FALSE(d.message.empty());
    line = d.at.line;
  }
}

TEST(Levels, LimitsOfCounts) {
  std::string many_views = "views:\n";
  for (std::size_t i = 0; i <= kMaxViews; ++i) many_views += "  v" + std::to_string(i) + ": {key: {id: text}, on_event: {a: {set: {}}}}\n";
  Parts parts;
  parts.views = many_views;
  EXPECT_THAT(load(file_of(parts)).output, HasSubstr("p.yaml:5:3: error: more than 64 views"));

  std::string fields;
  for (std::size_t i = 0; i < kMaxColumns; ++i) fields += (i == 0 ? "" : ", ") + std::string("f") + std::to_string(i) + ": int";
  EXPECT_THAT(load(file_with_view("    key: {id: text}\n    fields: {" + fields + "}\n    on_event: {a: {patch: all}}\n")).output,
              HasSubstr("more than 1500 key parts and fields"));

  std::string members;
  for (std::size_t i = 0; i <= kMaxEnumMembers; ++i) members += (i == 0 ? "m" : ", m") + std::to_string(i);
  EXPECT_THAT(load(field("{enum: [" + members + "]}")).output, HasSubstr("`enum` holds 1001, more than 1000"));
}

TEST(Levels, WarningsDoNotRefuseTheFile) {
  const Loaded shapes =
      load(source("{topics: o, partition_key: data.id, envelope: flat, events: {a: {id: text, c: optional(text)}, b: {}}}"));
  EXPECT_TRUE(shapes.file) << shapes.output;
  EXPECT_THAT(shapes.output, AllOf(HasSubstr("p.yaml:2:69: warning: the shapes under `events` are not used yet"),
                                   HasSubstr("p.yaml:2:104: warning: no view uses the type `b`")));
  EXPECT_THAT(shapes.output, Not(HasSubstr("error")));

  const Loaded twice = load(file_with_clause("{add: {n: 1}}") + "processed_ids: none\n");
  EXPECT_TRUE(twice.file);
  EXPECT_THAT(twice.output,
              HasSubstr("p.yaml:8:26: warning: with `processed_ids: none` an event that its producer sends twice is added twice"));

  const Loaded money = load(file_with_view("    key: {id: text}\n    fields: {total_price: double}\n    on_event: {a: {patch: all}}\n"));
  EXPECT_TRUE(money.file);
  EXPECT_THAT(money.output, HasSubstr("p.yaml:7:14: warning: `total_price` looks like money"));
}

}  // namespace
}  // namespace foldline::config
