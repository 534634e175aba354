// The attributes of an event, whatever form the record has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/codec/envelope.h"
#include "tests/unit/projectors/projection.h"

namespace foldline {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// One view that shows what expressions see.
std::string with_view(const std::string& source, const std::string& set = "{data: data}") {
  return "source: " + source + R"(
views:
  seen:
    key: {id: {type: text, from: id}}
    fields: {data: json, text: text, number: bigint, old: json, raw: bytes, key: text}
    on_event: {"*": {set: )" +
         set + "}}\n";
}

Projection project(const std::string& source, const std::string& set = "{data: data}") {
  Projection p(with_view(source, set));
  EXPECT_TRUE(p.compiled()) << p.findings();
  return p;
}

TEST(Envelope, FlatTakesEveryDefault) {
  Projection p = project("{topics: topic, envelope: flat}");
  EXPECT_EQ(p.event(TestRecord{R"({"type":"ignored","a":1})", "k-1"}), "topic id= at 2026-01-01T00:00:00Z key=k-1");
  EXPECT_EQ(p.changes(R"({"a":1})"), R"(seen[topic:0:7] set data={"a":1})");
}

TEST(Envelope, TypeMissingNullOrEmptyIsALetter) {
  Projection p = project("{topics: topic, envelope: {type: event_type, id: event_id}}");
  EXPECT_EQ(p.event(R"({"event_id":"e1"})"), "decode: type is missing: the record has no 'event_type'");
  EXPECT_EQ(p.last_event().id, "e1");
  EXPECT_EQ(p.event(R"({"event_type":null})"), "decode: type is missing: the record has no 'event_type'");
  EXPECT_THAT(p.event(R"({"event_type":""})"), StartsWith("decode: type: "));
  EXPECT_THAT(p.event(R"({"event_type":{"a":1}})"), StartsWith("decode: type: "));
  EXPECT_THAT(p.event(R"({"event_type":")" + std::string(600, 'x') + "\"}"), HasSubstr("type has 600 bytes"));
  EXPECT_EQ(p.event(R"({"event_type":17,"event_id":18})"), "17 id=18 at 2026-01-01T00:00:00Z");
}

// G14: without its ID an event is identified by its position; that is counted.
TEST(Envelope, IdMissingAlthoughNamedIsThePositionAndIsCounted) {
  Projection p = project("{topics: topic, envelope: {type: t, id: meta.id}}");
  EXPECT_EQ(p.event(R"({"t":"x"})"), "x id= at 2026-01-01T00:00:00Z");
  EXPECT_EQ(p.event(R"({"t":"x","meta":{"id":null}})"), "x id= at 2026-01-01T00:00:00Z");
  EXPECT_EQ(p.event(R"({"t":"x","meta":{"id":""}})"), "x id= at 2026-01-01T00:00:00Z");
  EXPECT_EQ(p.counts().missing_ids, 3U);
  EXPECT_EQ(p.event(R"({"t":"x","meta":{"id":"e"}})"), "x id=e at 2026-01-01T00:00:00Z");
  EXPECT_EQ(p.counts().missing_ids, 3U);
  EXPECT_THAT(p.event(R"({"t":"x","meta":{"id":[1]}})"), StartsWith("decode: id: "));
}

TEST(Envelope, TimeIsRfc3339OrMillisecondsAndUnreadableIsALetter) {
  Projection p = project("{topics: topic, envelope: {time: at}}");
  EXPECT_EQ(p.event(R"({"at":"2026-04-03T11:15:00+02:00"})"), "topic id= at 2026-04-03T09:15:00Z");
  EXPECT_EQ(p.event(R"({"at":"2026-04-03T09:15:00"})"), "topic id= at 2026-04-03T09:15:00Z");  // none = UTC
  EXPECT_EQ(p.event(R"({"at":1710500000123})"), "topic id= at 2024-03-15T10:53:20.123000Z");
  EXPECT_EQ(p.event(R"({"at":"1710500000123"})"), "topic id= at 2024-03-15T10:53:20.123000Z");
  EXPECT_EQ(p.event(R"({"at":0})"), "topic id= at 1970-01-01T00:00:00Z");
  for (const char* bad :
       {R"({"at":"yesterday"})", R"({"at":null})", R"({"at":1.5})", R"({"at":true})", R"({"at":9223372036854775807})", "{}"}) {
    EXPECT_THAT(p.event(bad), StartsWith("decode: time: ")) << bad;
  }
}

TEST(Envelope, AnOptionalTimeThatIsNotThereIsTheRecords) {
  Projection p = project("{topics: topic, envelope: {time: \"record.value.?at\"}}");
  EXPECT_EQ(p.event("{}"), "topic id= at 2026-01-01T00:00:00Z");
  EXPECT_EQ(p.event(R"({"at":0})"), "topic id= at 1970-01-01T00:00:00Z");
}

TEST(Envelope, TimeInAnotherUnitByExpression) {
  Projection p = project("{topics: topic, envelope: {time: \"epoch(at, 's')\"}}");
  EXPECT_EQ(p.event(R"({"at":1710500000})"), "topic id= at 2024-03-15T10:53:20Z");
}

TEST(Envelope, DescribingAttributesMayBeMissing) {
  Projection p = project("{topics: topic, envelope: {source: who, schema_version: version, correlation_id: trace.id}}");
  EXPECT_EQ(p.event("{}"), "topic id= at 2026-01-01T00:00:00Z");
  EXPECT_EQ(p.event(R"({"who":"shop","version":1,"trace":{"id":"r-1"}})"),
            "topic id= at 2026-01-01T00:00:00Z correlation=r-1 source=shop version=1");
}

TEST(Envelope, TheKeyIsTheRecordsUnlessNamed) {
  Projection named = project("{topics: topic, envelope: {key: customer.id}}");
  EXPECT_EQ(named.event(TestRecord{R"({"customer":{"id":7}})", "record key"}), "topic id= at 2026-01-01T00:00:00Z key=7");
  EXPECT_THAT(named.event("{}"), StartsWith("decode: key: "));
  Projection unnamed = project("{topics: topic, envelope: flat}", "{key: key}");
  EXPECT_EQ(unnamed.changes(TestRecord{"{}", "record key"}), "seen[topic:0:7] set key=record key");
  EXPECT_EQ(unnamed.changes("{}"), "seen[topic:0:7] set key=null");
}

TEST(Envelope, AKeyMayBeJson) {
  Projection p = project("{topics: topic, key_format: json, envelope: {id: record.key.id}}", "{number: key.id}");
  EXPECT_EQ(p.changes(TestRecord{"{}", R"({"id":42})"}), "seen[42] set number=42");
  EXPECT_THAT(p.changes(TestRecord{"{}", "{"}), StartsWith("decode: key: not JSON: "));
}

TEST(Envelope, AKeyThatIsNoTextIsBytesAndHarmsNobody) {
  Projection p = project("{topics: topic, envelope: flat}", "{number: 1}");
  EXPECT_EQ(p.changes(TestRecord{"{}", "\xFF\xFE"}), "seen[topic:0:7] set number=1");
  Projection reader = project("{topics: topic, envelope: flat}", "{key: key}");
  EXPECT_THAT(reader.changes(TestRecord{"{}", "\xFF\xFE"}), StartsWith("project: view seen, set key: "));
}

TEST(Envelope, DataAsAMapLeavesOutWhatIsNone) {
  Projection p = project(R"yaml({topics: topic, envelope: {id: i, data: {a: x, b: "record.value.?y"}}})yaml");
  EXPECT_EQ(p.changes(R"({"i":"1","x":5,"y":6})"), R"(seen[1] set data={"a":5,"b":6})");
  EXPECT_EQ(p.changes(R"({"i":"1","x":5})"), R"(seen[1] set data={"a":5})");
}

TEST(Envelope, AFieldCalledRecordIsReadThroughTheRecord) {
  Projection p = project("{topics: topic, envelope: {id: record.value.record.id}}", "{text: record.topic, number: record.offset}");
  EXPECT_EQ(p.changes(R"({"record":{"id":"r"}})"), "seen[r] set text=topic, set number=7");
}

TEST(Envelope, HeadersHoldTheAttributes) {
  Projection p = project("{topics: topic, envelope: headers}");
  EXPECT_EQ(p.event(TestRecord{R"({"a":1})",
                               std::nullopt,
                               {{"type", "order.placed"}, {"id", "e1"}, {"time", "2026-04-03T09:15:00Z"}, {"correlation_id", "c1"}}}),
            "order.placed id=e1 at 2026-04-03T09:15:00Z correlation=c1");
  EXPECT_EQ(p.event(TestRecord{"{}", std::nullopt, {{"type", "t"}, {"time", "1710500000123"}}}), "t id= at 2024-03-15T10:53:20.123000Z");
  EXPECT_THAT(p.event("{}"), StartsWith("decode: type is missing"));
  // Of two headers of one name the last counts, as in Kafka's lastHeader().
  EXPECT_EQ(p.event(TestRecord{"{}", std::nullopt, {{"type", "first"}, {"type", "last"}}}), "last id= at 2026-01-01T00:00:00Z");
}

TEST(Envelope, HeadersInExpressions) {
  Projection p = project("{topics: topic, envelope: flat}", "{text: record.headers.tenant, data: record.headers}");
  EXPECT_EQ(p.changes(TestRecord{"{}", std::nullopt, {{"tenant", "t1"}, {"x", std::nullopt}}}),
            R"(seen[topic:0:7] set text=t1, set data={"tenant":"t1","x":null})");
}

// A null value is an event of type `tombstone` without data.
TEST(Envelope, ANullValueIsATombstone) {
  Projection p = project("{topics: topic, envelope: {type: event_type, id: event_id, time: at, key: customer_id}}", "{text: key}");
  EXPECT_EQ(p.event(TestRecord{std::nullopt, "k"}), "tombstone id= at 2026-01-01T00:00:00Z key=k");
  EXPECT_EQ(p.changes(TestRecord{std::nullopt, "k"}), "seen[topic:0:7] set text=k");
  EXPECT_EQ(p.counts().missing_ids, 0U);
}

TEST(Envelope, WhenSkipsAndCounts) {
  Projection p = project("{topics: topic, envelope: {type: t}, when: \"type != 'test' && data.?hidden.orValue(false) == false\"}");
  EXPECT_EQ(p.event(R"({"t":"x"})"), "x id= at 2026-01-01T00:00:00Z");
  EXPECT_EQ(p.event(R"({"t":"test"})"), "skipped");
  EXPECT_EQ(p.event(R"({"t":"x","hidden":true})"), "skipped");
  EXPECT_EQ(p.counts().skipped, 2U);
}

TEST(Envelope, TextAndBytes) {
  Projection text = project("{topics: topic, format: text, envelope: flat}", "{text: data}");
  EXPECT_EQ(text.changes("plain {text"), "seen[topic:0:7] set text=plain {text");
  EXPECT_EQ(text.changes("bad \xFF"), "decode: not UTF-8 (byte 4)");
  Projection bytes = project("{topics: topic, format: bytes, envelope: flat}", "{raw: data}");
  EXPECT_EQ(bytes.changes("\x01\xFF"), "seen[topic:0:7] set raw=Af8=");
}

TEST(Envelope, StrictSourcesCheckTheWholeRecord) {
  const char* record = R"({"t":"x","unused":tru})";
  EXPECT_EQ(project("{topics: topic, envelope: {type: t}}").changes(R"({"t":"x"})"), R"(seen[topic:0:7] set data={"t":"x"})");
  EXPECT_EQ(project("{topics: topic, envelope: {type: t}}", "{number: 1}").event(record), "x id= at 2026-01-01T00:00:00Z");
  EXPECT_EQ(project("{topics: topic, strict: true, envelope: {type: t}}", "{number: 1}").event(record),
            "decode: not JSON: expected a value, found 't' (byte 18)");
}

TEST(CloudEvents, Structured) {
  Projection p = project("{topics: topic, envelope: cloudevents}");
  const std::string event =
      R"({"specversion":"1.0","type":"com.shop.placed","source":"/shop","id":"A-1","time":"2026-04-03T09:15:00Z","datacontenttype":"application/json","data":{"n":1}})";
  const std::string expected = "com.shop.placed id=A-1 at 2026-04-03T09:15:00Z source=/shop";
  EXPECT_EQ(p.event(TestRecord{event, std::nullopt, {{"content-type", "application/cloudevents+json; charset=utf-8"}}}), expected);
  EXPECT_EQ(p.event(event), expected);  // many producers leave the header out
  EXPECT_EQ(p.changes(event), R"(seen[A-1] set data={"n":1})");
  EXPECT_THAT(p.event(R"({"a":1})"), StartsWith("decode: type is missing"));
}

TEST(CloudEvents, Binary) {
  Projection p = project("{topics: topic, envelope: cloudevents}");
  TestRecord record{R"({"n":1})",
                    "k",
                    {{"ce_specversion", "1.0"},
                     {"ce_type", "com.shop.placed"},
                     {"ce_source", "/shop"},
                     {"ce_id", "A-1"},
                     {"ce_time", "2026-04-03T09:15:00Z"},
                     {"content-type", "application/json"}}};
  EXPECT_EQ(p.event(record), "com.shop.placed id=A-1 at 2026-04-03T09:15:00Z key=k source=/shop");
  EXPECT_EQ(p.changes(record), R"(seen[A-1] set data={"n":1})");
  record.value = std::nullopt;  // an event without data, by its binding
  EXPECT_THAT(p.event(record), StartsWith("com.shop.placed id=A-1"));
}

TEST(CloudEvents, BinaryDataOfOtherMediaTypes) {
  Projection p = project("{topics: topic, envelope: cloudevents}", "{text: data}");
  EXPECT_EQ(p.changes(TestRecord{"hello", std::nullopt, {{"ce_type", "t"}, {"ce_id", "1"}, {"content-type", "text/plain"}}}),
            "seen[1] set text=hello");
  Projection bytes = project("{topics: topic, envelope: cloudevents}", "{raw: data}");
  EXPECT_EQ(
      bytes.changes(TestRecord{"\x01", std::nullopt, {{"ce_type", "t"}, {"ce_id", "1"}, {"content-type", "application/octet-stream"}}}),
      "seen[1] set raw=AQ==");
}

TEST(CloudEvents, APathThroughDataIsTheSameInBothModes) {
  Projection p = project("{topics: topic, envelope: {form: cloudevents, key: subject}}", "{number: data.n, key: key}");
  EXPECT_EQ(p.changes(R"({"type":"t","id":"1","source":"s","subject":"o-1","data":{"n":5}})"), "seen[1] set number=5, set key=o-1");
  EXPECT_EQ(
      p.changes(TestRecord{R"({"n":5})", std::nullopt, {{"ce_type", "t"}, {"ce_id", "1"}, {"ce_source", "s"}, {"ce_subject", "o-1"}}}),
      "seen[1] set number=5, set key=o-1");
}

TEST(CloudEvents, BatchesAreRefusedByName) {
  Projection p = project("{topics: topic, envelope: cloudevents}");
  EXPECT_THAT(p.event(TestRecord{"[]", std::nullopt, {{"content-type", "application/cloudevents-batch+json"}}}),
              HasSubstr("not built yet"));
}

constexpr const char* kChange =
    R"({"before":%B,"after":%A,"source":{"connector":"mysql","name":"app","db":"shop","table":"orders","file":"bin.7","pos":154,"row":1,"ts_ms":1710500000000},"op":"%O","ts_ms":1710500009999})";

std::string change(const std::string& op, const std::string& before, const std::string& after) {
  std::string out = kChange;
  out.replace(out.find("%B"), 2, before);
  out.replace(out.find("%A"), 2, after);
  return out.replace(out.find("%O"), 2, op);
}

TEST(Debezium, TypesOfAllOperations) {
  Projection p = project("{topics: topic, envelope: debezium}");
  const std::string row = R"({"id":1})";
  EXPECT_THAT(p.event(change("c", "null", row)), StartsWith("orders.create "));
  EXPECT_THAT(p.event(change("r", "null", row)), StartsWith("orders.read "));
  EXPECT_THAT(p.event(change("u", row, row)), StartsWith("orders.update "));
  EXPECT_THAT(p.event(change("d", row, "null")), StartsWith("orders.delete "));
  EXPECT_THAT(p.event(change("t", "null", "null")), StartsWith("orders.truncate "));
  EXPECT_EQ(p.event(change("m", "null", "null")), "skipped");
  EXPECT_THAT(p.event(change("x", "null", row)), HasSubstr("not a Debezium change: 'op' is \"x\""));
  EXPECT_THAT(p.event(R"({"id":1})"), HasSubstr("not a Debezium change: 'op' is missing"));
}

// Rows of a snapshot share a place in the log, so the record's key is part of the ID; the time is the database's.
TEST(Debezium, IdIsTheLogPositionAndTheKey) {
  Projection p = project("{topics: topic, envelope: debezium}");
  EXPECT_EQ(p.event(TestRecord{change("u", "null", R"({"id":1})"), "key-1"}),
            "orders.update id=app.shop..orders file=bin.7 pos=154 row=1 u key-1 at 2024-03-15T10:53:20Z key=key-1");
  EXPECT_NE(p.event(TestRecord{change("r", "null", "{}"), "key-1"}), p.event(TestRecord{change("r", "null", "{}"), "key-2"}));
  EXPECT_EQ(p.event(R"({"op":"c","source":{"table":"t"},"after":{}})"), "t.create id= at 2026-01-01T00:00:00Z");
  const std::string long_key(5000, 'k');
  EXPECT_LT(p.event(TestRecord{change("u", "null", "{}"), long_key}).find('#'), 200U);
}

TEST(Debezium, DataOfADeleteIsBeforeElseTheKey) {
  Projection p = project("{topics: topic, envelope: debezium}", "{number: data.n, old: \"old\"}");
  EXPECT_THAT(p.changes(change("u", R"({"n":1})", R"({"n":2})")), HasSubstr(R"(set number=2, set old={"n":1})"));
  EXPECT_THAT(p.changes(change("d", R"({"n":1})", "null")), HasSubstr(R"(set number=1, set old={"n":1})"));
  EXPECT_THAT(p.changes(TestRecord{change("d", "null", "null"), R"({"n":3})"}), HasSubstr("set number=3, set old=null"));
  EXPECT_THAT(p.changes(TestRecord{change("d", "null", "null"), R"({"schema":{"type":"struct"},"payload":{"n":4}})"}),
              HasSubstr("set number=4"));
}

TEST(Debezium, TheSchemaAndPayloadFormIsTheSame) {
  Projection p = project("{topics: topic, envelope: debezium}", "{number: data.n}");
  const std::string bare = change("c", "null", R"({"n":2})");
  EXPECT_EQ(p.changes(R"({"schema":{"type":"struct","fields":[]},"payload":)" + bare + "}"), p.changes(bare));
}

TEST(Debezium, UnavailableColumnsCountAsAbsent) {
  Projection p(R"yaml(source: {topics: topic, envelope: debezium}
views:
  rows:
    key: {id: bigint}
    cross_partition: never
    fields: {note: text, n: bigint}
    on_event: {orders.update: {patch: all}}
)yaml");
  ASSERT_TRUE(p.compiled()) << p.findings();
  EXPECT_EQ(p.changes(change("u", "null", R"({"id":1,"n":2,"note":"__debezium_unavailable_value"})")), "rows[1] set n=2");
}

TEST(Debezium, AttributesCanBeReplaced) {
  Projection p = project("{topics: topic, envelope: {form: debezium, id: after.uid, type: \"'row'\"}}");
  EXPECT_THAT(p.event(change("c", "null", R"({"uid":"u-1"})")), StartsWith("row id=u-1 "));
}

constexpr const char* kOutbox =
    R"({"before":null,"after":{"id":"e-1","aggregate_type":"Payment","aggregate_id":"p-1","event_type":"Authorized","payload":"{\"order_id\":\"o-1\",\"amount\":12.50}","created_at":"2026-04-03T09:15:00Z"},"source":{"table":"outbox","lsn":1},"op":"%O","ts_ms":1})";

std::string outbox(const std::string& op) {
  std::string out = kOutbox;
  return out.replace(out.find("%O"), 2, op);
}

TEST(Outbox, RowsBecomeTheEventsInThem) {
  Projection p = project("{topics: topic, envelope: {form: outbox, type: after.aggregate_type + '.' + after.event_type}}",
                         "{text: data.order_id, data: data}");
  EXPECT_EQ(p.event(outbox("c")), "Payment.Authorized id=e-1 at 2026-04-03T09:15:00Z key=p-1");
  EXPECT_EQ(p.changes(outbox("c")), R"(seen[e-1] set text=o-1, set data={"order_id":"o-1","amount":12.50})");
}

TEST(Outbox, InsertsOnly) {
  Projection p = project("{topics: topic, envelope: outbox}");
  EXPECT_THAT(p.event(outbox("c")), StartsWith("Authorized id=e-1"));
  EXPECT_THAT(p.event(outbox("r")), StartsWith("Authorized id=e-1"));  // found by a snapshot
  EXPECT_EQ(p.event(outbox("u")), "skipped");
  EXPECT_EQ(p.event(R"({"before":{"id":"e-1"},"after":null,"op":"d"})"), "skipped");
  EXPECT_EQ(p.event(TestRecord{std::nullopt, "e-1"}), "skipped");
}

TEST(Outbox, APayloadThatIsNoJsonSaysSo) {
  Projection p = project("{topics: topic, envelope: outbox}", "{text: data.order_id}");
  std::string row = outbox("c");
  row.replace(row.find(R"(12.50})"), 6, "12.50");
  EXPECT_THAT(p.event(row), HasSubstr("payload: not JSON: "));
}

// Paths of the event, wherever their values stand in the record.
TEST(Redact, HidesValuesInLettersAndErrors) {
  Projection p = project("{topics: topic, envelope: {id: id, data: payload}, redact: [data.email]}", "{number: data.email}");
  const char* record = R"({"id":"1","payload":{"email":"ada@example.org","n":1}})";
  EXPECT_EQ(p.changes(record), "project: view seen, set number: data.email: \"***\" is not a bigint");
  EXPECT_EQ(p.redacted(record), R"({"id":"1","payload":{"email":"***","n":1}})");
  EXPECT_EQ(p.redacted("no json: ada@example.org"), "(nothing)");
}

TEST(Redact, FollowsTheFormOfTheRecord) {
  Projection change_capture = project("{topics: topic, envelope: debezium, redact: [data.email]}");
  EXPECT_EQ(change_capture.redacted(R"({"before":{"email":"a"},"after":{"email":"b","n":1},"op":"u"})"),
            R"({"before":{"email":"***"},"after":{"email":"***","n":1},"op":"u"})");
  EXPECT_EQ(change_capture.redacted(R"({"schema":{},"payload":{"after":{"email":"b"}}})"),
            R"({"schema":{},"payload":{"after":{"email":"***"}}})");
  Projection events = project("{topics: topic, envelope: cloudevents, redact: [data.email]}");
  EXPECT_EQ(events.redacted(R"({"type":"t","data":{"email":"a"}})"), R"({"type":"t","data":{"email":"***"}})");
  EXPECT_EQ(events.redacted(R"({"email":"a"})"), R"({"email":"***"})");
  Projection rows = project("{topics: topic, envelope: outbox, redact: [data.order_id]}");
  EXPECT_THAT(rows.redacted(outbox("c")), HasSubstr(R"(\"order_id\":\"***\")"));
}

TEST(Redact, MapsNameThePlaceThatTheyRead) {
  Projection p = project("{topics: topic, envelope: {id: id, data: {mail: contact.email, n: n + 1}}, redact: [data.mail]}");
  EXPECT_EQ(p.redacted(R"({"contact":{"email":"a"},"n":1})"), R"({"contact":{"email":"***"},"n":1})");
  Projection built(with_view("{topics: topic, envelope: {id: id, data: {n: n + 1}}, redact: [data.n]}"));
  EXPECT_THAT(built.findings(), HasSubstr("redact: data.n is no place in the record's value"));
}

TEST(Redact, NothingIsHiddenUnasked) { EXPECT_EQ(project("{topics: topic, envelope: flat}").redacted("{}"), "(no redactor)"); }

TEST(EnvelopeForms, AreKnownByTheirNames) {
  for (const char* name : {"flat", "cloudevents", "headers", "debezium", "outbox"})
    EXPECT_NE(codec::find_envelope_form(name), nullptr) << name;
  EXPECT_EQ(codec::find_envelope_form("avro"), nullptr);
}

}  // namespace
}  // namespace foldline
