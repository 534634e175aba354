// What is wrong with a file is said at its place, all at once, with a remedy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/projectors/projection.h"

namespace foldline {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The findings about a view whose lines start at line 8 of the file.
std::string findings(const std::string& view, const std::string& source = "{topics: topic, envelope: {type: type, data: data}}") {
  return Projection("source: " + source + "\nviews:\n  v:\n    cross_partition: never\n" + view).findings();
}

constexpr const char* kHead =
    "    key: {order_id: text}\n    fields: {total_cents: bigint, status: {enum: [placed, shipped]}, rate: double, flag: bool, gone: "
    "timestamptz}\n";

std::string clause(const std::string& text) { return findings(std::string(kHead) + "    on_event:\n      e: " + text + "\n"); }

TEST(CompileErrors, UnknownFields) {
  EXPECT_THAT(clause("{copy: [total_cent]}"), HasSubstr("11:18 error: the view v has no field total_cent (did you mean total_cents?)"));
  EXPECT_THAT(clause("{set: {totl_cents: 1}}"), HasSubstr("did you mean total_cents?"));
  EXPECT_THAT(clause("{set: {order_id: 1}}"), HasSubstr("order_id is a part of the key"));
}

TEST(CompileErrors, UnknownNamesPointIntoTheExpression) {
  EXPECT_THAT(clause("{set: {total_cents: 1 + dta.total}}"),
              AllOf(HasSubstr("11:34 error: "), HasSubstr("unknown name dta"), HasSubstr("did you mean data?")));
  EXPECT_THAT(clause("{set: {status: plced}}"), HasSubstr("plced"));
}

TEST(CompileErrors, ExpressionsOfTheWrongType) {
  EXPECT_THAT(clause("{set: {total_cents: time}}"), HasSubstr("error: time is timestamp"));
  EXPECT_THAT(clause("{when: size(data.items), set: {}}"), HasSubstr("not a bool"));
  EXPECT_THAT(clause("{reject: {why: time}, set: {}}"), HasSubstr("not a bool"));
  EXPECT_THAT(clause("{set: {total_cents: \"'many'\"}}"), HasSubstr("\"many\" is not a bigint"));
}

TEST(CompileErrors, OperationsOfTheWrongType) {
  EXPECT_THAT(clause("{add: {status: 1}}"), HasSubstr("`add` needs a number or an interval, and status is enum"));
  EXPECT_THAT(clause("{max: {flag: true}}"), HasSubstr("`max` needs"));
}

// G9
TEST(CompileErrors, SumsOfDoublesAreRefused) { EXPECT_THAT(clause("{add: {rate: 1.5}}"), HasSubstr("`add` on a double is refused")); }

TEST(CompileErrors, AFieldInTwoOperations) {
  EXPECT_THAT(clause("{copy: [total_cents], add: {total_cents: 1}}"), HasSubstr("total_cents stands in two operations of this clause"));
  EXPECT_THAT(clause("[{min: {total_cents: 1}}, {max: {total_cents: 1}}]"), HasSubstr("total_cents takes both `min` and `max`"));
}

TEST(CompileErrors, NullWhereNoneCanBe) {
  EXPECT_THAT(clause("{add: {total_cents: null}}"), HasSubstr("total_cents can't be null here"));
  EXPECT_THAT(clause("[{add: {total_cents: 1}}, {set: {total_cents: null}}]"), HasSubstr("total_cents can't be null here"));
  EXPECT_THAT(clause("{set: {total_cents: null}}"), Not(HasSubstr("error")));
}

TEST(CompileErrors, DeleteStandsAlone) { EXPECT_THAT(clause("{delete: true, add: {total_cents: 1}}"), HasSubstr("delete")); }

TEST(CompileErrors, TypesAndPatterns) {
  EXPECT_THAT(findings(std::string(kHead) + "    on_event: {a | b: {set: {}}, b: {set: {}}}\n"),
              HasSubstr("the type b stands in two keys"));
  EXPECT_THAT(findings(std::string(kHead) + "    on_event: {\"a.*\": {set: {}}, \"*.a\": {set: {}}}\n"), HasSubstr("tie"));
  EXPECT_THAT(findings(std::string(kHead) + "    on_event: {\"a.*\": {set: {}}, \"b.*\": {set: {}}}\n"), Not(HasSubstr("error")));
}

TEST(CompileErrors, KeysOfClauses) { EXPECT_THAT(clause("{key: {order: data.x}, set: {}}"), HasSubstr("has no part order")); }

TEST(CompileErrors, SoftDeletes) {
  const auto with = [](const std::string& name) {
    return findings(std::string(kHead) + "    soft_delete: " + name + "\n    on_event: {e: {delete: true}}\n");
  };
  EXPECT_THAT(with("flag"), HasSubstr("soft_delete: flag is bool, and must be a timestamptz"));
  EXPECT_THAT(with("order_id"), HasSubstr("soft_delete: order_id is a part of the key"));
  EXPECT_THAT(with("gone"), Not(HasSubstr("error")));
  EXPECT_THAT(findings(std::string(kHead) + "    soft_delete: gone\n    on_event: {e: {set: {gone: time}}}\n"),
              HasSubstr("only `delete` fills it"));
}

TEST(CompileErrors, NewestBy) {
  const auto with = [](const std::string& by) {
    return findings(std::string(kHead) + "    newest_by: " + by + "\n    on_event: {e: {copy: [total_cents]}}\n");
  };
  EXPECT_THAT(with("type"), HasSubstr("newest_by is text, and must be a timestamp or an integer"));
  EXPECT_THAT(with("time"), Not(HasSubstr("error")));
}

TEST(CompileErrors, ExpiryAndIndexes) {
  EXPECT_THAT(findings(std::string(kHead) + "    expire: {after: 2d, from: flag}\n    on_event: {e: {set: {}}}\n"),
              HasSubstr("must be a date or a timestamptz"));
  EXPECT_THAT(findings(std::string(kHead) + "    expire: {after: 2d, from: goe}\n    on_event: {e: {set: {}}}\n"),
              HasSubstr("neither a key part nor a field"));
  EXPECT_THAT(findings(std::string(kHead) + "    options: {indexes: [total]}\n    on_event: {e: {set: {}}}\n"),
              HasSubstr("has no field total"));
}

TEST(CompileErrors, WhatIsNotBuiltIsRefusedByName) {
  EXPECT_THAT(clause("{when: row.flag, set: {}}"), AllOf(HasSubstr("row"), HasSubstr("not built yet")));
  EXPECT_THAT(clause("{when: is_new, set: {}}"), AllOf(HasSubstr("is_new"), HasSubstr("not built yet")));
  EXPECT_THAT(clause("{set: {total_cents: index}}"), AllOf(HasSubstr("index"), HasSubstr("not built yet")));
  EXPECT_THAT(clause("{set: {total_cents: item.x}}"), AllOf(HasSubstr("item"), HasSubstr("not built yet")));
  EXPECT_THAT(clause("{set: {gone: window_start}}"), AllOf(HasSubstr("window_start"), HasSubstr("not built yet")));
  EXPECT_THAT(clause("{when: \"lookup(other, data.x).?y.orValue(0) > 1\", set: {}}"),
              AllOf(HasSubstr("lookup"), HasSubstr("not built yet")));
}

TEST(CompileErrors, MapsOfDataKnowTheirFields) {
  const std::string map = "{topics: topic, envelope: {type: type, data: {order_id: orderId, total_cents: total}}}";
  EXPECT_THAT(findings(std::string(kHead) + "    on_event: {e: {copy: [status]}}\n", map),
              HasSubstr("builds `data` from a map that has no status"));
  EXPECT_THAT(findings(std::string(kHead) + "    on_event: {e: {set: {total_cents: data.totl_cents}}}\n", map),
              HasSubstr("did you mean total_cents?"));
  EXPECT_THAT(findings(std::string(kHead) + "    on_event: {e: {set: {gone: old.x}}}\n", map), HasSubstr("names no `old`"));
}

TEST(CompileErrors, OneFindingForAllSources) {
  const std::string text = Projection(R"(source: [{topics: a, envelope: flat}, {topics: b, envelope: flat}]
views:
  v: {key: {k: text}, fields: {n: bigint}, on_event: {e: {add: {n: nmber}}}}
)")
                               .findings();
  EXPECT_EQ(text.find("nmber"), text.rfind("unknown name nmber") + 13) << text;
}

TEST(CompileErrors, AllAtOnce) {
  const std::string text =
      findings(std::string(kHead) + "    on_event:\n      e: {copy: [nope], set: {flag: time}}\n      f: {add: {status: 1}}\n");
  EXPECT_THAT(text, AllOf(HasSubstr("no field nope"), HasSubstr("time is timestamp"), HasSubstr("status is enum")));
}

TEST(CompileErrors, EnvelopesAndPartitionKeys) {
  const std::string view = std::string(kHead) + "    on_event: {e: {set: {}}}\n";
  EXPECT_THAT(findings(view, "{topics: t, envelope: {type: 'size('}}"), HasSubstr("error"));
  EXPECT_THAT(findings(view, "{topics: t, envelope: flat, partition_key: nope.x}"), HasSubstr("unknown name nope"));
  EXPECT_THAT(findings(view, "{topics: t, envelope: flat, when: type}"), HasSubstr("not a bool"));
  EXPECT_THAT(findings(view, "{topics: t, format: text, envelope: debezium}"), HasSubstr("json"));
}

TEST(CompileErrors, Defaults) {
  EXPECT_THAT(findings("    key: {k: text}\n    fields: {n: {type: bigint, default: \"'x'\"}}\n    on_event: {e: {copy: [n]}}\n"),
              HasSubstr("\"x\" is not a bigint"));
}

TEST(CompileErrors, AFieldThatNoClauseWritesIsAWarning) {
  EXPECT_THAT(clause("{copy: [total_cents]}"), HasSubstr("warning: no clause writes the field flag"));
}

// An order that can't be proven is refused (the order proof has tests of its own).
TEST(CompileErrors, OrderNotProven) {
  const std::string text = Projection(R"(source: {topics: topic, envelope: flat}
views:
  v: {key: {k: text}, fields: {a: text}, on_event: {topic: {copy: [a]}}}
)")
                               .findings();
  EXPECT_THAT(text, HasSubstr("error"));
  Projection proven(R"(source: {topics: topic, partition_key: data.k, envelope: flat}
views:
  v: {key: {k: text}, fields: {a: text}, on_event: {topic: {copy: [a]}}}
)");
  EXPECT_TRUE(proven.compiled()) << proven.findings();
  EXPECT_FALSE(proven.order_proof().empty());
}

}  // namespace
}  // namespace foldline
