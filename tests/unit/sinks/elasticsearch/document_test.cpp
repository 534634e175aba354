#include "sinks/elasticsearch/document.h"

#include <gmock/gmock.h>

#include <limits>

#include "tests/unit/sinks/changes.h"

namespace foldline::elasticsearch {
namespace {

using ::testing::HasSubstr;

Type type_of(TypeKind kind) {
  Type out;
  out.kind = kind;
  return out;
}

ViewSchema view_of(std::vector<std::pair<std::string, Type>> fields) {
  ViewSchema out;
  out.name = out.store_name = "v";
  out.kind = "index";
  out.key.push_back({"id", type_of(TypeKind::text), ""});
  for (auto& [name, type] : fields) {
    Field& field = out.fields.emplace_back();
    field.name = name;
    field.type = std::move(type);
  }
  return out;
}

std::string id_of(std::vector<Value> key) { return document_id(key); }

TEST(DocumentId, IsTheKeyAsPeopleWriteIt) {
  EXPECT_EQ(id_of({Value::text("4711")}), "4711");
  EXPECT_EQ(id_of({Value::text("a:b")}), "a:b");
  EXPECT_EQ(id_of({Value::date(20'000), Value::text("EUR")}), "2024-10-04:EUR");
  EXPECT_EQ(id_of({Value::integer(-5), Value::boolean(true)}), "-5:true");
}

TEST(DocumentId, DifferentKeysHaveDifferentIds) {
  EXPECT_EQ(id_of({Value::text("50%")}), "50%25");
  EXPECT_EQ(id_of({Value::text("")}), "%");
  EXPECT_EQ(id_of({Value::text(""), Value::text("")}), "%:%");
  EXPECT_EQ(id_of({Value::text("a:b"), Value::text("c")}), "a%3Ab:c");
  EXPECT_NE(id_of({Value::text("a%3Ab"), Value::text("c")}), id_of({Value::text("a:b"), Value::text("c")}));
}

TEST(DocumentId, EqualDecimalsHaveOneId) {
  EXPECT_EQ(id_of({Value::decimal(*Decimal::parse("1.50"))}), id_of({Value::decimal(*Decimal::parse("1.5"))}));
}

// The limit of an _id is asked without writing it.
TEST(DocumentId, MostBytesAreNeverFewerThanAreWritten) {
  const std::vector<Value> parts = parts_of_every_kind();
  for (const Value& x : parts) {
    EXPECT_LE(id_of({x}).size(), most_document_id_bytes({&x, 1})) << id_of({x});
    for (const Value& y : parts) {
      const std::vector<Value> key = {x, y};
      EXPECT_LE(id_of(key).size(), most_document_id_bytes(key)) << id_of(key);
    }
  }
  const Value usual = Value::text("order-0004711");
  EXPECT_LE(most_document_id_bytes({&usual, 1}), 50U);
}

TEST(Watermarks, NamesSplitAtTheLastDash) {
  const TopicPartition place{"orders-eu.v1", 12};
  EXPECT_EQ(watermark_name(place), "orders-eu.v1-12");
  EXPECT_EQ(parse_watermark_name("orders-eu.v1-12"), place);
  EXPECT_FALSE(parse_watermark_name("orders"));
  EXPECT_FALSE(parse_watermark_name("orders-x"));
}

TEST(Watermarks, TheHashKnowsNoOrder) {
  const std::vector<Watermark> one = {{"a-0", 1}, {"b-0", 2}};
  const std::vector<Watermark> other = {{"b-0", 2}, {"a-0", 1}};
  const std::vector<Watermark> third = {{"b-0", 1}, {"a-0", 2}};
  EXPECT_EQ(hash_of(one), hash_of(other));
  EXPECT_NE(hash_of(one), hash_of(third));
}

class Documents : public ::testing::Test {
 protected:
  std::string round_trip(const Type& type, const Value& value) {
    const ViewSchema view = view_of({{"f", type}});
    const ViewLayout layout = *make_layout(view, 0, {"p", 1});
    const Value key = Value::text("k");
    rows::StoredRow row = rows::new_row(view, &key);
    row.fields[0] = rows::OwnedValue(value);
    const std::vector<Watermark> marks = {{"t-0", 9}};
    std::string text;
    EXPECT_TRUE(append_document(text, layout, row, marks));
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    DocumentReader reader;
    const auto document = reader.read(layout, text);
    EXPECT_TRUE(document) << text;
    EXPECT_EQ(document->watermarks, marks);
    EXPECT_EQ(document->row.fields[0].to_string(), rows::OwnedValue(value).to_string()) << text;
    const std::size_t end = text.find(",\"_foldline\"");
    return text.substr(9, end - 9);
  }
};

TEST_F(Documents, EveryTypeComesBackExactly) {
  EXPECT_EQ(round_trip(type_of(TypeKind::bigint), Value::integer(INT64_MAX)), R"(,"f":9223372036854775807)");
  EXPECT_EQ(round_trip(type_of(TypeKind::bigint), Value::integer(INT64_MIN)), R"(,"f":-9223372036854775808)");
  EXPECT_EQ(round_trip(type_of(TypeKind::numeric), Value::decimal(*Decimal::parse("12345678901234567890123456789.50"))),
            R"(,"f":"12345678901234567890123456789.50")");
  EXPECT_EQ(round_trip(type_of(TypeKind::timestamptz), Value::timestamp(1'775'207'700'250'001)), R"(,"f":"2026-04-03T09:15:00.250001Z")");
  EXPECT_EQ(round_trip(type_of(TypeKind::date), Value::date(-719'162)), R"(,"f":"0001-01-01")");
  EXPECT_EQ(round_trip(type_of(TypeKind::interval), Value::interval(-5)), R"(,"f":-5)");
  EXPECT_EQ(round_trip(type_of(TypeKind::floating), Value::floating(0.1)), R"(,"f":0.1)");
  round_trip(type_of(TypeKind::floating), Value::floating(std::numeric_limits<double>::denorm_min()));
  round_trip(type_of(TypeKind::floating), Value::floating(-1e300));
  round_trip(type_of(TypeKind::floating), Value::floating(3));
  EXPECT_EQ(round_trip(type_of(TypeKind::bytes), Value::bytes(std::string_view("\0\xff", 2))), R"(,"f":"AP8=")");
  EXPECT_EQ(round_trip(type_of(TypeKind::boolean), Value::boolean(false)), R"(,"f":false)");
  round_trip(type_of(TypeKind::uuid), Value::uuid(Uuid::random()));
  round_trip(type_of(TypeKind::text), Value::text(std::string_view("\0\n\"\\é\xF0\x9F\x98\x80", 10)));
  EXPECT_EQ(round_trip(type_of(TypeKind::bigint), Value::null()), "");
}

TEST_F(Documents, ListsComeBackAndJsonStaysOnOneLine) {
  Type list = type_of(TypeKind::list);
  list.element = std::make_shared<Type>(type_of(TypeKind::numeric));
  const Value elements[] = {Value::decimal(*Decimal::parse("1.10")), Value::decimal(*Decimal::parse("2"))};
  EXPECT_EQ(round_trip(list, Value::list(elements)), R"(,"f":["1.10","2"])");
  round_trip(list, Value::list({}));
  const ViewSchema view = view_of({{"f", type_of(TypeKind::json)}});
  const ViewLayout layout = *make_layout(view, 0, {"p", 1});
  const Value key = Value::text("k");
  rows::StoredRow row = rows::new_row(view, &key);
  row.fields[0] = rows::OwnedValue(Value::json("{\"a\": [1.50,\r\n {}]}"));
  std::string text;
  ASSERT_TRUE(append_document(text, layout, row, {}));
  EXPECT_EQ(text, R"({"id":"k","f":{"a": [1.50,   {}]},"_foldline":{"w":{}}})");
}

TEST_F(Documents, TombstonesHoldNothingButTheirWatermarks) {
  const ViewSchema view = view_of({{"f", type_of(TypeKind::text)}});
  const ViewLayout layout = *make_layout(view, 0, {"p", 1});
  const std::vector<Watermark> marks = {{"t-1", INT64_MAX}};
  std::string text;
  append_tombstone(text, marks, 1'700'000'000'000);
  EXPECT_EQ(text, R"({"_foldline":{"w":{"t-1":9223372036854775807}},"_foldline_deleted":true,"_foldline_deleted_at":1700000000000})");
  DocumentReader reader;
  const auto document = reader.read(layout, text);
  ASSERT_TRUE(document);
  EXPECT_TRUE(document->deleted);
  EXPECT_EQ(document->watermarks, marks);
}

TEST_F(Documents, AFieldAddedLaterReadsAsItsDefault) {
  ViewSchema view = view_of({{"n", type_of(TypeKind::bigint)}});
  view.fields[0].default_value = Value::integer(5);
  view.fields[0].not_null = true;
  const ViewLayout layout = *make_layout(view, 0, {"p", 1});
  DocumentReader reader;
  const auto document = reader.read(layout, R"({"id":"k","gone":[1,{"a":2}],"_foldline":{"w":{}}})");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->row.fields[0].to_string(), "5");
}

TEST_F(Documents, WhatFoldlineDidNotWriteIsAnError) {
  const ViewSchema view = view_of({{"n", type_of(TypeKind::bigint)}});
  const ViewLayout layout = *make_layout(view, 0, {"p", 1});
  DocumentReader reader;
  for (const char* text : {"", "[]", "{", R"({"n":"x"})", R"({"n":1.5})", R"({"_foldline":{"w":{"t-0":"1"}}})", R"({"_foldline":3})"}) {
    EXPECT_FALSE(reader.read(layout, text)) << text;
  }
}

// G28: what the store would refuse is known before.
TEST(CheckValue, RefusesWhatTheMappingCantHold) {
  EXPECT_FALSE(check_value(Value::floating(std::numeric_limits<double>::infinity()), type_of(TypeKind::floating), "double"));
  EXPECT_FALSE(check_value(Value::timestamp(-1), type_of(TypeKind::timestamptz), "date_nanos"));
  EXPECT_TRUE(check_value(Value::timestamp(-1), type_of(TypeKind::timestamptz), "date"));
  EXPECT_FALSE(check_value(Value::text(std::string(32'767, 'x')), type_of(TypeKind::keyword), "keyword"));
  EXPECT_TRUE(check_value(Value::text(std::string(32'766, 'x')), type_of(TypeKind::keyword), "keyword"));
  EXPECT_TRUE(check_value(Value::text(std::string(40'000, 'x')), type_of(TypeKind::text), "text"));
  EXPECT_FALSE(check_value(Value::text("10.0.0.0/8"), type_of(TypeKind::inet), "ip"));
}

}  // namespace
}  // namespace foldline::elasticsearch
