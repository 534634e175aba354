// Kinds of views that live in Redis: what they imply, and what they can't have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/loading.h"

namespace foldline::config {
namespace {

using ::testing::HasSubstr;

std::string redis_file(const std::string& lines) {
  Parts parts;
  parts.store = "store: {redis: {url: \"redis://localhost\"}}";
  parts.views = "views:\n  v:\n" + lines;
  return file_of(parts);
}

const std::string kExpire = "    expire: {after: 1d}\n";

TEST(Kind, ACounterHasItsValueAndShortForms) {
  const Loaded loaded =
      load(redis_file("    kind: counter\n    key: {id: text}\n" + kExpire + "    on_event: {a: {add: 1}, b: {add: {value: data.n}}}\n"));
  ASSERT_TRUE(loaded.file) << loaded.output;
  EXPECT_EQ(loaded.output, "");
  const ViewSpec& view = loaded.file->views[0];
  ASSERT_EQ(view.fields.size(), 1U);
  EXPECT_EQ(view.fields[0].name, "value");
  EXPECT_EQ(view.fields[0].type.kind, TypeKind::bigint);
  EXPECT_EQ(view.on_event[0].clauses[0].add[0].name, "value");
  EXPECT_EQ(view.on_event[0].clauses[0].add[0].expr.text, "1");
  EXPECT_EQ(view.on_event[1].clauses[0].add[0].name, "value");
  EXPECT_EQ(view.store_name, "");
}

TEST(Kind, TheShortFormComesBeforeTheKind) {
  const Loaded loaded =
      load(redis_file("    on_event: {a: {max: data.n}}\n    key: {week: text, member: text}\n" + kExpire + "    kind: sorted_set\n"));
  ASSERT_TRUE(loaded.file) << loaded.output;
  EXPECT_EQ(loaded.file->views[0].on_event[0].clauses[0].max[0].name, "score");
}

TEST(Kind, AScoreMayBeADoubleThatIsOnlySet) {
  EXPECT_TRUE(load(redis_file("    kind: sorted_set\n    key: {member: text}\n    fields: {score: double}\n" + kExpire +
                              "    on_event: {a: {set: data.rating}}\n"))
                  .file);
}

struct Slip {
  std::string lines;
  std::string message;
};

TEST(Kind, WhatAKindCantHaveIsAnErrorAtItsPlace) {
  const std::string key = "    key: {id: text}\n" + kExpire;
  const std::string members = "    key: {id: text, member: text}\n" + kExpire;
  const std::vector<Slip> slips = {
      {"    kind: counter\n" + key + "    fields: {n: int}\n    on_event: {a: {add: 1}}\n", "a counter has the one field `value`"},
      {"    kind: set\n" + members + "    fields: {n: int}\n    on_event: {a: {set: {}}}\n", "a set has no field"},
      {"    kind: set\n" + members + "    on_event: {a: {set: {n: 1}}}\n", "a set has no fields: an element is in it or not"},
      {"    kind: set\n" + key + "    on_event: {a: {set: {}}}\n", "needs a part called `member`"},
      {"    kind: hash\n" + key + "    fields: {n: int}\n    on_event: {a: {add: 1}}\n", "`add` takes a map field"},
      {"    kind: counter\n" + key + "    newest_by: time\n    on_event: {a: {set: data.n}}\n", "no place for the stamps of `newest_by`"},
      {"    kind: set\n" + members + "    soft_delete: gone\n    on_event: {a: {set: {}}}\n", "no place for the field of `soft_delete`"},
      {"    kind: counter\n" + key + "    on_event: {a: {copy: [value]}}\n", "a counter has no fields to copy"},
      {"    kind: hash\n" + key + "    options: {indexes: [n]}\n    fields: {n: int}\n    on_event: {a: {set: {n: 1}}}\n",
       "belong to a table"},
      {"    kind: hash\n" + key + "    name: x\n    fields: {n: int}\n    on_event: {a: {set: {n: 1}}}\n", "lacks the key part `id`"},
      {"    kind: hash\n" + key + "    name: \"x:{ix}\"\n    fields: {n: int}\n    on_event: {a: {set: {n: 1}}}\n",
       "names `ix`, which is no part"},
      {"    kind: hash\n" + key + "    name: \"foldline:{id}\"\n    fields: {n: int}\n    on_event: {a: {set: {n: 1}}}\n",
       "starts with `foldline:`"},
      {"    kind: set\n" + members + "    name: \"x:{id}:{member}\"\n    on_event: {a: {set: {}}}\n", "stands inside the key's value"},
      {"    kind: hash\n" + key + "    fields: {n: numeric}\n    on_event: {a: {add: {n: 1}}}\n", "keeps as text and can't add to"},
      {"    kind: hash\n" + key + "    fields: {n: \"numeric(20,2)\"}\n    on_event: {a: {add: {n: 1}}}\n",
       "numbers in Redis have 18 digits"},
      {key + "    fields: {n: int}\n    on_event: {a: {set: {n: 1}}}\n", "needs a `kind`: Redis keeps no tables"},
      {"    kind: hyperloglog\n" + members + "    on_event: {a: {set: {}}}\n", "not built yet"},
  };
  for (const Slip& slip : slips) {
    const Loaded loaded = load(redis_file(slip.lines));
    EXPECT_FALSE(loaded.file) << slip.lines;
    EXPECT_THAT(loaded.output, HasSubstr(slip.message)) << slip.lines;
  }
}

TEST(Kind, ATableStoreRefusesAKindOfRedisAndMemoryTakesIt) {
  Parts parts;
  parts.views = "views: {v: {kind: counter, key: {id: text}, on_event: {a: {add: 1}}}}";
  EXPECT_TRUE(load(file_of(parts)).file);
  parts.store = "store: {postgres: {url: \"postgres://h/d\"}}";
  EXPECT_THAT(load(file_of(parts)).output, HasSubstr("is a counter, which lives in Redis"));
}

TEST(Kind, KeysThatNeverExpireAreWarnedOf) {
  const Loaded loaded = load(redis_file("    kind: counter\n    key: {id: text}\n    on_event: {a: {add: 1}}\n"));
  EXPECT_TRUE(loaded.file);
  EXPECT_THAT(loaded.output, HasSubstr("warning: the keys of `v` never expire"));
}

TEST(Kind, ViewsThatShareKeysAreRefusedAndThoseThatMayAreWarnedOf) {
  const auto two = [](const std::string& first, const std::string& second) {
    const std::string rest = ", kind: counter, key: {id: text}, expire: {after: 1d}, on_event: {a: {add: 1}}}";
    Parts parts;
    parts.store = "store: {redis: {url: \"redis://localhost\"}}";
    parts.views = "views: {v: {name: \"" + first + "\"" + rest + ", w: {name: \"" + second + "\"" + rest + "}";
    return load(file_of(parts)).output;
  };
  EXPECT_EQ(two("a:{id}:count", "a:{id}:sum"), "");
  EXPECT_THAT(two("a:{id}", "a:{id}"), HasSubstr("error: the views `v` and `w` keep the same keys, a:*"));
  EXPECT_THAT(two("a:{id}", "a:{id}:sum"), HasSubstr("warning"));
}

TEST(Kind, UrlsOfRedis) {
  const auto output = [](const std::string& url, const std::string& more = "") {
    Parts parts;
    parts.store = "store: {redis: {url: \"" + url + "\"" + more + "}}";
    parts.views = "views: {v: {kind: counter, key: {id: text}, expire: {after: 1d}, on_event: {a: {add: 1}}}}";
    return load(file_of(parts)).output;
  };
  EXPECT_EQ(output("redis://u:p@h:1/2"), "");
  EXPECT_EQ(output("unix:///run/redis.sock"), "");
  EXPECT_THAT(output("rediss://h"), HasSubstr("`rediss://` (TLS) is part of the language and not built yet"));
  EXPECT_EQ(output("redis+sentinel://h:1,i/master"), "");
  EXPECT_EQ(output("redis+cluster://h:1,i", ", buckets: 128"), "");
  EXPECT_THAT(output("redis+cluster://h", ", buckets: 1"), HasSubstr("`buckets`"));
  EXPECT_THAT(output("redis://h", ", buckets: 64"), HasSubstr("`buckets` belongs to a cluster"));
  EXPECT_THAT(output("http://h"), HasSubstr("no address of a Redis server"));
}

}  // namespace
}  // namespace foldline::config
