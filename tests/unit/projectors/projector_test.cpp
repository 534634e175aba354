// What clauses do to an event.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "tests/unit/projectors/projection.h"

namespace foldline {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// A view with one clause list for the type "e".
Projection clauses(const std::string& on_event, const std::string& fields = "{a: bigint, b: text, c: numeric, t: timestamptz}",
                   const std::string& more = "") {
  Projection p(
      "source: {topics: topic, envelope: {type: type, id: id, time: \"record.value.?time\"}}\nviews:\n  v:\n    key: {k: text}\n    "
      "cross_partition: never\n    fields: " +
      fields + "\n" + more + "    on_event: " + on_event + "\n");
  EXPECT_TRUE(p.compiled()) << p.findings();
  return p;
}

TEST(Projector, CopyInsistsOnItsFields) {
  Projection p = clauses("{e: {copy: [a, b]}}");
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x","a":1,"b":"y"})"), "v[x] set a=1, set b=y");
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x","a":1})"), "project: view v, copy b: data.b is missing");
  EXPECT_EQ(p.last_error().code, ErrorCode::expression);
  EXPECT_THAT(p.last_error().hint, HasSubstr("`patch`"));
}

TEST(Projector, PatchTakesThoseThatAreThere) {
  Projection p = clauses("{e: {patch: [a, b]}}");
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x","b":"y"})"), "v[x] set b=y");
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x"})"), "v[x]");  // the row is made all the same
}

TEST(Projector, PatchAllTakesEveryFieldThatTheClauseDoesNotName) {
  Projection p = clauses("{e: {patch: all, set: {b: \"'fixed'\"}}}");
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x","a":1,"b":"y","c":2.50,"z":0})"), "v[x] set b=fixed, set a=1, set c=2.50");
}

// language.md rule 5: none leaves the field as it is, null sets null.
TEST(Projector, NoneLeavesAndNullSetsNull) {
  Projection p = clauses("{e: {set: {a: \"data.?a\", b: \"data.?b\"}}}");
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x","a":null})"), "v[x] set a=null");
  Projection path = clauses("{e: {set: {a: data.a}}}");
  EXPECT_EQ(path.changes(R"({"type":"e","k":"x"})"), "project: view v, set a: data.a is missing");
}

TEST(Projector, SetNothingOnlyMakesTheRow) { EXPECT_EQ(clauses("{e: {set: {}}}").changes(R"({"type":"e","k":"x"})"), "v[x]"); }

TEST(Projector, EveryOperation) {
  Projection p = clauses("{e: {set: {b: \"'B'\"}, add: {a: 2}, min: {t: time}, max: {c: data.c}}}");
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x","c":1})"), "v[x] set b=B, add a=2, min t=2026-01-01T00:00:00Z, max c=1");
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x","c":null})"), "project: view v, max c: data.c is null, and only `set` takes that");
  EXPECT_EQ(clauses("{e: {delete: true}}").changes(R"({"type":"e","k":"x"})"), "v[x] delete");
}

// The store would refuse the whole batch.
TEST(Projector, AFieldWithADefaultIsNeverNull) {
  Projection p = clauses("{e: {copy: [s]}, f: {set: {n: data.n}}, g: {add: {n: 1}}}", "{s: {type: text, default: \"'new'\"}, n: bigint}");
  EXPECT_THAT(p.changes(R"({"type":"e","k":"x","s":null})"), HasSubstr("copy s: data.s is null, and the field has a default"));
  EXPECT_THAT(p.changes(R"({"type":"f","k":"x","n":null})"), HasSubstr("set n: data.n is null"));
}

TEST(Projector, ValuesConvertWhereNothingIsLost) {
  Projection p = clauses("{e: {copy: [a, b, c, t]}}");
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x","a":"12","b":"y","c":"1.50","t":0})"),
            "v[x] set a=12, set b=y, set c=1.50, set t=1970-01-01T00:00:00Z");
  EXPECT_THAT(p.changes(R"({"type":"e","k":"x","a":"many","b":"y","c":1,"t":0})"), HasSubstr("copy a: data.a: \"many\" is not a bigint"));
  EXPECT_EQ(p.last_error().code, ErrorCode::value);
  EXPECT_THAT(p.changes(R"({"type":"e","k":"x","a":1.5,"b":"y","c":1,"t":0})"), HasSubstr("1.5 is not a bigint"));
  EXPECT_THAT(p.changes(R"({"type":"e","k":"x","a":1,"b":7,"c":1,"t":0})"), HasSubstr("7 is not a text"));
}

TEST(Projector, KeyPartsMustBeThere) {
  Projection p = clauses("{e: {add: {a: 1}}}");
  EXPECT_EQ(p.changes(R"({"type":"e"})"), "project: view v: key part k is missing (data.k)");
  EXPECT_EQ(p.changes(R"({"type":"e","k":null})"), "project: view v: key part k is null (data.k)");
  EXPECT_THAT(p.changes(R"({"type":"e","k":5})"), HasSubstr("key part k: data.k: 5 is not a text"));
}

TEST(Projector, AClauseMayHaveAKeyOfItsOwn) {
  Projection p = clauses("{e: [{add: {a: -1}}, {key: {k: data.other}, add: {a: 1}}]}");
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x","other":"y"})"), "v[x] add a=-1; v[y] add a=1");
  EXPECT_EQ(p.last_changes()[1].key_hash, hash_key({p.last_changes()[1].key, 1}));
}

TEST(Projector, AllClausesWhoseWhenHoldsRunInOrder) {
  Projection p =
      clauses("{e: [{when: data.n > 0, add: {a: 1}}, {when: data.n > 1, set: {b: \"'big'\"}}, {when: data.n < 0, delete: true}]}");
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x","n":2})"), "v[x] add a=1; v[x] set b=big");
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x","n":1})"), "v[x] add a=1");
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x","n":0})"), "");
  EXPECT_THAT(p.changes(R"({"type":"e","k":"x"})"), StartsWith("project: view v, when: data.n"));
}

TEST(Projector, WhenIsAskedBeforeTheKey) {
  Projection p = clauses("{e: {when: \"has(data.k)\", add: {a: 1}}}");
  EXPECT_EQ(p.changes(R"({"type":"e"})"), "");
}

TEST(Projector, RejectMakesALetterWithItsReason) {
  Projection p = clauses("{e: {reject: {Negative: data.a < 0, Too much: data.a > 100}, add: {a: data.a}}}");
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x","a":5})"), "v[x] add a=5");
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x","a":-5})"), "project: Negative");
  EXPECT_EQ(p.last_error().code, ErrorCode::rejected);
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x","a":500})"), "project: Too much");
  EXPECT_TRUE(p.last_changes().empty());
}

TEST(Projector, UnknownTypesGiveNothingAndNoError) { EXPECT_EQ(clauses("{e: {add: {a: 1}}}").changes(R"({"type":"other","k":"x"})"), ""); }

TEST(Projector, PatternsAreTheLessSpecificKeys) {
  Projection p = clauses("{order.placed: {add: {a: 1}}, \"order.*\": {add: {a: 10}}, \"*\": {add: {a: 100}}}");
  EXPECT_EQ(p.changes(R"({"type":"order.placed","k":"x"})"), "v[x] add a=1");
  EXPECT_EQ(p.changes(R"({"type":"order.other","k":"x"})"), "v[x] add a=10");
  EXPECT_EQ(p.changes(R"({"type":"order.other","k":"x"})"), "v[x] add a=10");  // from the cache
  EXPECT_EQ(p.changes(R"({"type":"z","k":"x"})"), "v[x] add a=100");
}

// language.md rule 6: the event is the unit.
TEST(Projector, AnErrorInALaterViewTakesBackTheEarlierOnes) {
  Projection p(R"(source: {topics: topic, envelope: flat}
views:
  first: {key: {k: text}, fields: {n: bigint}, on_event: {topic: {add: {n: 1}}}}
  second: {key: {k2: text}, fields: {n: bigint}, on_event: {topic: {add: {n: 1}}}}
)");
  ASSERT_TRUE(p.compiled()) << p.findings();
  EXPECT_EQ(p.changes(R"({"k":"x","k2":"y"})"), "first[x] add n=1; second[y] add n=1");
  EXPECT_EQ(p.changes(R"({"k":"x"})"), "project: view second: key part k2 is missing (data.k2)");
  EXPECT_TRUE(p.last_changes().empty());
}

TEST(Projector, EachSourceHasItsOwnPaths) {
  Projection p(R"(source:
  - {topics: a, envelope: {type: t, data: payload}}
  - {topics: b, envelope: {type: kind, data: {n: deep.number, k: name}}}
views:
  v: {key: {k: text}, fields: {n: bigint}, on_event: {e: {add: {n: data.n}}}}
)");
  ASSERT_TRUE(p.compiled()) << p.findings();
  EXPECT_EQ(p.changes(R"({"t":"e","payload":{"k":"x","n":1}})"), "v[x] add n=1");
  TestRecord other{R"({"kind":"e","name":"x","deep":{"number":2}})"};
  other.source = 1;
  EXPECT_EQ(p.changes(other), "v[x] add n=2");
}

// `patch` takes what is there: a map that has no such field has it for no event.
TEST(Projector, AMapWithoutAFieldIsFineForPatch) {
  Projection p(R"(source:
  - {topics: a, envelope: {data: {k: k}}}
views:
  v: {key: {k: text}, cross_partition: never, fields: {n: bigint}, on_event: {a: {patch: [n]}}}
)");
  ASSERT_TRUE(p.compiled()) << p.findings();
  TestRecord record{R"({"k":"x","n":5})"};
  record.topic = "a";
  EXPECT_EQ(p.changes(record), "v[x]");
}

TEST(Projector, EnumMembersAreConstants) {
  Projection p = clauses("{e: {set: {s: placed}}, f: {copy: [s]}}", "{s: {enum: [placed, shipped]}}");
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x"})"), "v[x] set s=placed");
  EXPECT_EQ(p.changes(R"({"type":"f","k":"x","s":"shipped"})"), "v[x] set s=shipped");
  EXPECT_THAT(p.changes(R"({"type":"f","k":"x","s":"lost"})"), HasSubstr("\"lost\" is not one of placed, shipped"));
}

TEST(Projector, DatesFollowTheZone) {
  Projection p(R"(source: {topics: topic, envelope: {time: at}}
zone: Europe/Berlin
views:
  days: {key: {day: {type: date, from: date(time)}}, fields: {n: bigint}, on_event: {topic: {add: {n: 1}}}}
)");
  ASSERT_TRUE(p.compiled()) << p.findings();
  EXPECT_EQ(p.changes(R"({"at":"2026-04-03T22:30:00Z"})"), "days[2026-04-04] add n=1");
}

// G13: the same event gives the same changes, always.
TEST(Projector, IsPure) {
  Projection p = clauses("{e: [{copy: [a]}, {key: {k: data.b}, add: {c: data.c}}]}");
  const char* record = R"({"type":"e","k":"x","a":1,"b":"y","c":2.5})";
  const std::string first = p.changes(record);
  EXPECT_THAT(p.changes(R"({"type":"e"})"), StartsWith("project:"));
  EXPECT_EQ(p.changes(record), first);
}

// G13: as long as each other, with the same last letter, by turns.
TEST(Projector, TypesThatShareAPlaceAmongTheRecentOnesKeepTheirHandlers) {
  Projection p = clauses("{made.a: {copy: [a]}, sent.a: {copy: [b]}}");
  const char* made = R"({"type":"made.a","k":"x","a":1,"b":"y"})";
  const char* sent = R"({"type":"sent.a","k":"x","a":1,"b":"y"})";
  const char* neither = R"({"type":"lost.a","k":"x","a":1,"b":"y"})";
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(p.changes(made), "v[x] set a=1");
    EXPECT_EQ(p.changes(neither), "");
    EXPECT_EQ(p.changes(sent), "v[x] set b=y");
  }
}

// The lane projects a group of events before it folds the first of them.
TEST(Projector, AssignmentsStayForAGroup) {
  Projection p = clauses("{e: {copy: [a]}}");
  std::deque<Change> group;
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(p.changes(R"({"type":"e","k":"x","a":)" + std::to_string(i) + "}"), "v[x] set a=" + std::to_string(i));
    group.push_back(p.last_changes().front());
    if (group.size() > kDecodedTogether) group.pop_front();
    for (std::size_t j = 0; j < group.size(); ++j) {
      ASSERT_EQ(group[j].assignments[0].value.as_int() + static_cast<std::int64_t>(group.size() - 1 - j), i);
    }
  }
}

// More types than are remembered: what is forgotten is looked up again.
TEST(Projector, TypesThatAPatternMatchesMayBeWithoutNumber) {
  Projection p = clauses("{order.*: {copy: [a]}}");
  constexpr int kTypes = 10'000;
  for (int i = 0; i < kTypes; ++i) {
    const std::string record = R"({"type":"order.)" + std::to_string(i) + R"(","k":"x","a":)" + std::to_string(i) + "}";
    ASSERT_EQ(p.changes(record), "v[x] set a=" + std::to_string(i));
    ASSERT_EQ(p.changes(R"({"type":"order.often","k":"x","a":7})"), "v[x] set a=7");
  }
}

TEST(Projector, ListsAndJson) {
  Projection p = clauses("{e: {copy: [tags, body]}}", "{tags: list(text), body: json}");
  EXPECT_EQ(p.changes(R"({"type":"e","k":"x","tags":["a","b"],"body":{"n":[1, 2]}})"), R"(v[x] set tags=["a","b"], set body={"n":[1, 2]})");
  EXPECT_THAT(p.changes(R"({"type":"e","k":"x","tags":["a",1],"body":1})"), HasSubstr("element 1"));
}

TEST(Schema, SaysWhatSinksNeedToKnow) {
  Projection p(R"(source: {topics: topic, envelope: {time: at}}
views:
  v:
    doc: what it is for
    name: silver.v
    key: {day: {type: date, from: date(time)}}
    cross_partition: never
    fields: {s: {enum: [placed, shipped], default: placed}, n: bigint, m: numeric, b: {type: bool, default: false, doc: a flag}, took: interval}
    expire: {after: 2d, from: day}
    options: {indexes: [s, [n, m]], fillfactor: 70}
    on_event: {topic: {copy: [s, b], add: {n: 1, took: duration('1h')}, max: {
m:
  data.m
}
}
}
)");
  ASSERT_TRUE(p.compiled()) << p.findings();
  const ViewSchema& v = p.view();
  EXPECT_EQ(v.store_name, "silver.v");
  EXPECT_EQ(v.doc, "what it is for");
  EXPECT_EQ(v.expire_after_us, 2 * 86'400'000'000LL);
  EXPECT_EQ(v.expire_from, "day");
  EXPECT_EQ(v.fillfactor, 70);
  ASSERT_EQ(v.indexes.size(), 2U);
  EXPECT_EQ(v.indexes[1].fields, (std::vector<std::string>{"n", "m"}));
  ASSERT_EQ(v.fields.size(), 5U);
  EXPECT_EQ(v.fields[0].default_value.as_text(), "placed");
  EXPECT_TRUE(v.fields[0].not_null);
  EXPECT_EQ(v.fields[0].ops, op_bit(Op::set));
  EXPECT_TRUE(equal(v.fields[1].default_value, Value::integer(0)));  // a field that a clause adds to starts at 0
  EXPECT_TRUE(v.fields[1].not_null);
  EXPECT_TRUE(v.fields[2].default_value.is_null());
  EXPECT_FALSE(v.fields[2].not_null);
  EXPECT_EQ(v.fields[2].ops, op_bit(Op::max));
  EXPECT_FALSE(v.fields[3].default_value.as_bool());
  EXPECT_TRUE(equal(v.fields[4].default_value, Value::interval(0)));
  EXPECT_EQ(v.guard_count, 0);
}

}  // namespace
}  // namespace foldline
