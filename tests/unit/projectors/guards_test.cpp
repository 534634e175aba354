// newest_by: per field, with hidden guards (G10).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/projectors/projection.h"

namespace foldline {
namespace {

using ::testing::HasSubstr;

std::string guarded(const std::string& fields, const std::string& on_event, const std::string& more = "") {
  return "source: {topics: topic, envelope: {type: type, id: \"record.value.?id\", time: at}}\nviews:\n  v:\n    key: {k: text}\n    "
         "newest_by: time\n    fields: " +
         fields + "\n" + more + "    on_event: " + on_event + "\n";
}

std::vector<int> guards(const Projection& p) {
  std::vector<int> out;
  for (const Field& field : p.view().fields) out.push_back(field.guard);
  return out;
}

// G10: fields that the same clauses always set together share a guard.
TEST(Guards, FieldsSetTogetherShareOne) {
  Projection p(guarded("{a: text, b: text, status: text}", "{e: {copy: [a, b], set: {status: \"'e'\"}}, f: {set: {status: \"'f'\"}}}"));
  ASSERT_TRUE(p.compiled()) << p.findings();
  EXPECT_EQ(guards(p), (std::vector<int>{0, 0, 1}));
  EXPECT_EQ(p.view().guard_count, 2);
}

// Two topics in either order: each field is set by clauses of its own.
TEST(Guards, OneTopicsFieldsDoNotBlockAnothers) {
  Projection p(guarded("{total: bigint, shipped_at: timestamptz}", "{placed: {copy: [total]}, shipped: {set: {shipped_at: time}}}"));
  ASSERT_TRUE(p.compiled()) << p.findings();
  EXPECT_EQ(guards(p), (std::vector<int>{0, 1}));
}

// A newer event that did not bring the field must not block an older one that does.
TEST(Guards, AFieldThatMayBeLeftHasItsOwn) {
  Projection p(
      guarded("{a: text, b: text, c: text, d: bigint}", "{e: {copy: [a], patch: [b], set: {c: \"data.?c\", d: size(data.items)}}}"));
  ASSERT_TRUE(p.compiled()) << p.findings();
  EXPECT_EQ(guards(p), (std::vector<int>{0, 1, 2, 0}));
}

TEST(Guards, AFieldThatMayBeLeftInOneSourceOnlyHasItsOwn) {
  Projection p(R"(source:
  - {topics: a, envelope: {time: at}}
  - {topics: b, envelope: {time: at, data: {k: k, y: y}}}
views:
  v: {key: {k: text}, newest_by: time, fields: {x: text, y: text}, on_event: {"*": {patch: [x], copy: [y]}}}
)");
  ASSERT_TRUE(p.compiled()) << p.findings();
  EXPECT_NE(guards(p)[0], guards(p)[1]);
}

TEST(Guards, MergesAreNotGuarded) {
  Projection p(guarded("{n: bigint, status: text}", "{e: {add: {n: 1}, set: {status: \"'e'\"}}}", "    cross_partition: arrival_order\n"));
  ASSERT_TRUE(p.compiled()) << p.findings();
  EXPECT_EQ(guards(p), (std::vector<int>{-1, 0}));
}

TEST(Guards, DeletesHaveTwoMore) {
  Projection p(guarded("{a: text}", "{e: {copy: [a]}, gone: {delete: true}}", "    soft_delete: deleted_at\n"));
  ASSERT_TRUE(p.compiled()) << p.findings();
  const ViewSchema& v = p.view();
  EXPECT_EQ(v.guard_count, 3);
  EXPECT_EQ(v.guard_alive, 1);
  EXPECT_EQ(v.guard_deleted, 2);
  ASSERT_EQ(v.fields.size(), 2U);
  EXPECT_EQ(v.soft_delete, 1);
  EXPECT_EQ(v.fields[1].name, "deleted_at");  // need not be declared
  EXPECT_EQ(v.fields[1].guard, -1);
  EXPECT_EQ(p.changes(R"({"type":"gone","k":"x","id":"e1","at":1000})"), "v[x] delete at 1970-01-01T00:00:01Z");
  EXPECT_FALSE(p.last_changes()[0].guard.empty());
}

std::string stamp(Projection& p, const std::string& id, const std::string& at, std::int64_t offset = 7) {
  TestRecord record{R"({"type":"e","k":"x","a":"y",)" + (id.empty() ? "" : R"("id":")" + id + R"(",)") + R"("at":)" + at + "}"};
  record.offset = offset;
  EXPECT_EQ(p.changes(record), "v[x] set a=y");
  return std::string(p.last_changes()[0].guard);
}

TEST(Guards, StampsOrderByVersionThenById) {
  Projection p(guarded("{a: text}", "{e: {copy: [a]}}"));
  ASSERT_TRUE(p.compiled()) << p.findings();
  EXPECT_LT(stamp(p, "z", "1000"), stamp(p, "a", "1001"));
  EXPECT_LT(stamp(p, "a", "1000"), stamp(p, "b", "1000"));
  EXPECT_LT(stamp(p, "a", "-1000"), stamp(p, "a", "0"));  // before 1970
  EXPECT_LT(stamp(p, "a", "\"1969-12-31T23:59:59Z\""), stamp(p, "a", "1"));
  EXPECT_EQ(stamp(p, "a", "1000"), stamp(p, "a", "\"1970-01-01T00:00:01Z\""));
  EXPECT_EQ(stamp(p, "evt", "0"), std::string("\x80\0\0\0\0\0\0\0evt", 11));
}

// Without an ID ties go by position: of one partition the later record wins.
TEST(Guards, WithoutAnIdThePositionBreaksTies) {
  Projection p(guarded("{a: text}", "{e: {copy: [a]}}"));
  ASSERT_TRUE(p.compiled()) << p.findings();
  EXPECT_LT(stamp(p, "", "1000", 9), stamp(p, "", "1000", 10));
  EXPECT_EQ(stamp(p, "", "1000", 9).substr(8), "topic/0/0000000000000000009");
}

TEST(Guards, VersionsMayBeIntegersOfTheData) {
  Projection p(R"(source: {topics: topic, envelope: flat}
views:
  v: {key: {k: text}, newest_by: data.version, fields: {a: text}, on_event: {topic: {copy: [a]}}}
)");
  ASSERT_TRUE(p.compiled()) << p.findings();
  EXPECT_EQ(p.changes(R"({"k":"x","a":"y","version":3})"), "v[x] set a=y");
  EXPECT_EQ(p.last_changes()[0].guard.substr(0, 8), std::string_view("\x80\0\0\0\0\0\0\x03", 8));
  EXPECT_THAT(p.changes(R"({"k":"x","a":"y"})"), HasSubstr("view v, newest_by: data.version"));
  EXPECT_THAT(p.changes(R"({"k":"x","a":"y","version":"newer"})"), HasSubstr("\"newer\" is neither a time nor a whole number"));
  EXPECT_THAT(p.changes(R"({"k":"x","a":"y","version":null})"), HasSubstr("newest_by"));
}

TEST(Guards, WhatAGuardedViewCanNotHold) {
  Projection added(guarded("{n: bigint}", "{e: {add: {n: 1}}, f: {copy: [n]}}", "    cross_partition: never\n"));
  EXPECT_THAT(added.findings(), HasSubstr("n is guarded by newest_by and also added to"));
  Projection hard(guarded("{a: text}", "{e: {copy: [a]}, f: {delete: true}}"));
  EXPECT_THAT(hard.findings(), HasSubstr("deletes softly"));
}

}  // namespace
}  // namespace foldline
