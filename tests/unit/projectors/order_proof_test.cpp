// The order proof on files as users write them. Origins come from the text of the expressions here: the proof itself never looks
// behind them, and the compiler's paths are tested with the compiler.
#include "projectors/declarative/order_proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/record.h"
#include "config/projection_file.h"

namespace foldline::declarative {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

KeyOrigin origin_of_text(const std::string& text) {
  const auto attribute = [&](AttributeSlot slot) { return KeyOrigin{expr::Path{expr::Root::attribute, {}, slot}, text}; };
  if (text == "id") return attribute(kSlotId);
  if (text == "key" || text == "record.key") return attribute(kSlotRecordKey);
  if (text == "record.topic") return attribute(kSlotRecordTopic);
  if (text == "record.partition") return attribute(kSlotRecordPartition);
  if (text == "record.offset") return attribute(kSlotRecordOffset);
  if (text.rfind("data.", 0) == 0 && text.find('(') == std::string::npos) return {expr::Path{expr::Root::value, {text.substr(5)}, 0}, text};
  return {std::nullopt, text};
}

struct Outcome {
  std::vector<std::string> proofs;
  config::Diagnostics diagnostics;
  bool loaded = false;
};

// `head`: the sources; `view`: the lines of one view `v`, indented by four.
Outcome prove(const std::string& sources, const std::string& view) {
  const std::string text = "projection: p\nstore: {memory: {}}\nkafka: {brokers: b}\n" + sources + "views:\n  v:\n" + view;
  Outcome out;
  const auto file = config::load_projection_text(text, "p.yaml", {"", [](const std::string&) { return std::nullopt; }}, out.diagnostics);
  EXPECT_TRUE(file) << out.diagnostics.to_string();
  if (!file) return out;
  out.loaded = true;
  const OrderFacts facts = order_facts(*file, [](std::size_t, const config::ExprText& e) { return origin_of_text(e.text); });
  out.proofs = prove_order(*file, facts, out.diagnostics);
  return out;
}

const char* const kOneTopic = "source: {topics: orders, partition_key: data.order_id, envelope: flat}\n";
const char* const kNoPartitionKey = "source: {topics: orders, envelope: flat}\n";
const char* const kTwoTopics =
    "source:\n"
    "  - {topics: orders, partition_key: data.order_id, envelope: flat, events: {order.placed: {}}}\n"
    "  - {topics: shipping, partition_key: data.order_id, envelope: flat, events: {order.shipped: {}}}\n";

void expect_proven(const Outcome& outcome, const std::string& how) {
  ASSERT_TRUE(outcome.loaded);
  EXPECT_FALSE(outcome.diagnostics.has_errors()) << outcome.diagnostics.to_string();
  EXPECT_THAT(outcome.proofs.at(0), HasSubstr(how));
}

void expect_refused(const Outcome& outcome, const std::string& why) {
  ASSERT_TRUE(outcome.loaded);
  ASSERT_TRUE(outcome.diagnostics.has_errors()) << outcome.proofs.at(0);
  EXPECT_THAT(outcome.diagnostics.to_string(), HasSubstr(why));
}

TEST(OrderProof, SumsAndExtremesCommuteWhateverTheTopics) {
  expect_proven(prove(kTwoTopics,
                      "    key: {day: {type: date, from: date(time)}}\n"
                      "    fields: {orders: bigint, biggest: bigint, first: timestamptz}\n"
                      "    on_event: {\"*\": {add: {orders: 1}, max: {biggest: data.total}, min: {first: time}}}\n"),
                "any order");
}

TEST(OrderProof, SetUnderThePartitionKeyOfOneTopicIsProven) {
  expect_proven(prove(kOneTopic,
                      "    key: {order_id: text}\n"
                      "    fields: {status: text}\n"
                      "    on_event: {order.placed: {set: {status: \"'a'\"}}, order.shipped: {set: {status: \"'b'\"}}}\n"),
                "(a) one partition: the key part `order_id` is the partition_key `data.order_id` of the topic orders");
}

TEST(OrderProof, SetWithoutAPartitionKeyIsRefusedWithTheFourRemedies) {
  const Outcome outcome = prove(kNoPartitionKey,
                                "    key: {order_id: text}\n"
                                "    fields: {status: text}\n"
                                "    on_event: {order.placed: {set: {status: type}}}\n");
  expect_refused(outcome, "states no partition_key");
  for (const char* remedy : {"(a)", "(b)", "(c) newest_by", "(d) cross_partition: never", "arrival_order"}) {
    EXPECT_THAT(outcome.diagnostics.to_string(), HasSubstr(remedy));
  }
  EXPECT_THAT(outcome.diagnostics.to_string(), HasSubstr("p.yaml:6:3: error"));
  EXPECT_THAT(outcome.diagnostics.to_string(), HasSubstr("order.placed: set status"));
}

TEST(OrderProof, TheRecordsKeyNeedsNoPartitionKey) {
  expect_proven(prove(kNoPartitionKey,
                      "    key: {order_id: {type: text, from: record.key}}\n"
                      "    fields: {status: text}\n"
                      "    on_event: {order.placed: {set: {status: type}}}\n"),
                "is the record's key");
}

TEST(OrderProof, AnotherKeyThanThePartitionKeyIsRefused) {
  expect_refused(prove(kOneTopic,
                       "    key: {customer_id: text}\n"
                       "    fields: {status: text}\n"
                       "    on_event: {order.placed: {set: {status: type}}}\n"),
                 "no part of the key is the partition_key `data.order_id`");
}

TEST(OrderProof, AClausesOwnKeyIsWhatCounts) {
  expect_refused(
      prove(kOneTopic,
            "    key: {order_id: text}\n"
            "    fields: {status: text}\n"
            "    on_event: {order.placed: {set: {status: type}}, order.merged: {key: {order_id: data.into}, set: {status: type}}}\n"),
      "no part of the key");
}

// One clause keyed by the partition key and another by the record's key meet in one row through two partitions.
TEST(OrderProof, PartitionKeyHereAndRecordKeyThereIsRefused) {
  expect_refused(
      prove(kOneTopic,
            "    key: {order_id: text}\n"
            "    fields: {status: text}\n"
            "    on_event: {order.placed: {set: {status: type}}, order.shipped: {key: {order_id: record.key}, set: {status: type}}}\n"),
      "no part of the key");
}

TEST(OrderProof, ASumUnderAnotherKeyBesideASetNeedsNoProof) {
  expect_proven(prove(kOneTopic,
                      "    key: {order_id: text}\n"
                      "    fields: {status: text, merged: int}\n"
                      "    on_event: {order.placed: [{set: {status: type}}, {key: {order_id: data.into}, add: {merged: 1}}]}\n"),
                "(a) one partition");
}

TEST(OrderProof, ASumOnAFieldThatIsAlsoSetNeedsProof) {
  expect_refused(prove(kNoPartitionKey,
                       "    key: {order_id: text}\n"
                       "    fields: {n: int}\n"
                       "    on_event: {a: {add: {n: 1}}, b: {set: {n: 0}}}\n"),
                 "a: add n");
}

TEST(OrderProof, MinAndMaxOfOneFieldNeedProof) {
  expect_refused(prove(kNoPartitionKey,
                       "    key: {order_id: text}\n"
                       "    fields: {n: int}\n"
                       "    on_event: {a: {min: {n: data.x}}, b: {max: {n: data.x}}}\n"),
                 "depend on the order");
}

TEST(OrderProof, ASumInAViewThatDeletesNeedsProof) {
  expect_refused(prove(kNoPartitionKey,
                       "    key: {order_id: text}\n"
                       "    fields: {n: int}\n"
                       "    on_event: {a: {add: {n: 1}}, b: {delete: true}}\n"),
                 "b: delete");
}

TEST(OrderProof, MakingRowsCommutesUnlessTheViewDeletes) {
  const std::string head = "    key: {order_id: text}\n    fields: {}\n";
  expect_proven(prove(kNoPartitionKey, head + "    on_event: {a: {set: {}}}\n"), "any order");
  expect_refused(prove(kNoPartitionKey, head + "    on_event: {a: {set: {}}, b: {delete: true}}\n"), "a: makes the row");
}

TEST(OrderProof, TypesOfTwoTopicsThatSetOneFieldAreRefused) {
  expect_refused(prove(kTwoTopics,
                       "    key: {order_id: text}\n"
                       "    fields: {status: text}\n"
                       "    on_event: {order.placed: {set: {status: type}}, order.shipped: {set: {status: type}}}\n"),
                 "may stand in several topics (orders, shipping)");
}

TEST(OrderProof, TypesOfTwoTopicsThatSetTheirOwnFieldsAreProven) {
  expect_proven(prove(kTwoTopics,
                      "    key: {order_id: text}\n"
                      "    fields: {placed_at: timestamptz, shipped_at: timestamptz}\n"
                      "    on_event: {order.placed: {set: {placed_at: time}}, order.shipped: {set: {shipped_at: time}}}\n"),
                "of the topic shipping");
}

TEST(OrderProof, AnUnlistedTypeMayStandInEveryTopic) {
  expect_refused(prove(kTwoTopics,
                       "    key: {order_id: text}\n"
                       "    fields: {status: text}\n"
                       "    on_event: {order.cancelled: {set: {status: type}}}\n"),
                 "several topics");
}

TEST(OrderProof, ATypeNamedLikeATopicStandsInIt) {
  expect_proven(prove("source: [{topics: orders, partition_key: data.order_id, envelope: flat}, {topics: other, envelope: flat}]\n",
                      "    key: {order_id: text}\n"
                      "    fields: {status: text}\n"
                      "    on_event: {orders: {set: {status: type}}}\n"),
                "(a) one partition");
}

TEST(OrderProof, APatternOfTopicsIsManyTopics) {
  expect_refused(prove("source: {topics: \"*.orders\", partition_key: data.order_id, envelope: flat}\n",
                       "    key: {order_id: text}\n"
                       "    fields: {status: text}\n"
                       "    on_event: {order.placed: {set: {status: type}}}\n"),
                 "several topics");
}

TEST(OrderProof, OneRowForEachEventIsProvenByIdOrPosition) {
  const std::string rest = "    fields: {body: json}\n    on_event: {\"*\": {set: {body: data}}}\n";
  const char* const many = "source: {topics: \"shop.*\", envelope: flat}\n";
  expect_proven(prove(many, "    key: {event: {type: text, from: id}}\n" + rest), "(b) one event a row: the key holds the event's `id`");
  expect_proven(prove(many,
                      "    key: {t: {type: text, from: record.topic}, p: {type: int, from: record.partition}, o: {type: bigint, from: "
                      "record.offset}}\n" +
                          rest),
                "(b) one event a row");
  expect_refused(prove(many, "    key: {p: {type: int, from: record.partition}, o: {type: bigint, from: record.offset}}\n" + rest), "(b)");
}

TEST(OrderProof, NewestByIsProofForWhatItGoverns) {
  const std::string head = "    key: {order_id: text}\n    newest_by: time\n    soft_delete: gone_at\n    fields: {status: text, n: int}\n";
  expect_proven(prove(kNoPartitionKey, head + "    on_event: {a: {set: {status: type}}, b: {delete: true}}\n"), "(c) newest_by `time`");
  const Outcome outcome = prove(kNoPartitionKey, head + "    on_event: {a: {set: {status: type}, add: {n: 1}}, b: {delete: true}}\n");
  expect_refused(outcome, "it does not govern add n");
}

TEST(OrderProof, NewestByBesideAFieldThatIsOnlyAddedIsProven) {
  expect_proven(prove(kNoPartitionKey,
                      "    key: {order_id: text}\n    newest_by: data.version\n    fields: {status: text, n: int}\n"
                      "    on_event: {a: {set: {status: type}}, b: {add: {n: 1}}}\n"),
                "(c) newest_by `data.version`");
}

TEST(OrderProof, TheOwnersWordIsTaken) {
  const std::string rest = "    key: {order_id: text}\n    fields: {status: text}\n    on_event: {a: {set: {status: type}}}\n";
  expect_proven(prove(kNoPartitionKey, "    cross_partition: never\n" + rest), "vouches");
  expect_proven(prove(kNoPartitionKey, "    cross_partition: arrival_order\n" + rest), "last to arrive wins");
}

TEST(OrderProof, EqualExpressionsThatAreMoreThanPathsAreTheSameOrigin) {
  EXPECT_TRUE(same_origin({std::nullopt, "f( data.x )"}, {std::nullopt, "f(data.x)"}));
  EXPECT_FALSE(same_origin({std::nullopt, "f('a b')"}, {std::nullopt, "f('ab')"}));
  EXPECT_FALSE(same_origin({std::nullopt, "data.x"}, {expr::Path{expr::Root::value, {"x"}, 0}, "data.x"}));
}

}  // namespace
}  // namespace foldline::declarative
