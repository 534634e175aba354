#include "common/type.h"

#include <gtest/gtest.h>

#include <set>

#include "common/json.h"
#include "common/time.h"

namespace foldline {
namespace {

Type of(TypeKind kind) {
  Type out;
  out.kind = kind;
  return out;
}

Type numeric(int precision, int scale) {
  Type out = of(TypeKind::numeric);
  out.precision = precision;
  out.scale = scale;
  return out;
}

Type list_of(const Type& element, TypeKind kind = TypeKind::list) {
  Type out = of(kind);
  out.element = std::make_shared<Type>(element);
  return out;
}

Type members(std::vector<std::string> names) {
  Type out = of(TypeKind::enumeration);
  out.members = std::move(names);
  return out;
}

class Convert : public ::testing::Test {
 protected:
  // KIND:JSON of the answer, or the error's message.
  std::string to(const Type& type, const Value& value) {
    const auto out = convert(value, type, arena);
    if (!out) {
      EXPECT_EQ(out.error().code, ErrorCode::value);
      return "error: " + out.error().message;
    }
    std::string text(to_string(out->kind()));
    text += ' ';
    append_json(text, *out);
    return text;
  }
  std::string to(TypeKind kind, const Value& value) { return to(of(kind), value); }
  static Value dec(std::string_view text) { return Value::decimal(*Decimal::parse(text)); }
  Arena arena;
};

TEST_F(Convert, NullAndAbsentStayWhatTheyAre) {
  for (const TypeKind kind : {TypeKind::boolean, TypeKind::bigint, TypeKind::text, TypeKind::json, TypeKind::uuid}) {
    EXPECT_TRUE(convert(Value::null(), of(kind), arena)->is_null());
    EXPECT_TRUE(convert(Value::absent(), of(kind), arena)->is_absent());
  }
}

TEST_F(Convert, WholeNumbersOnly) {
  EXPECT_EQ(to(TypeKind::bigint, Value::integer(5)), "integer 5");
  EXPECT_EQ(to(TypeKind::bigint, dec("12.00")), "integer 12");
  EXPECT_EQ(to(TypeKind::bigint, dec("12.5")), "error: 12.5 is not a bigint");
  EXPECT_EQ(to(TypeKind::bigint, Value::text("-42")), "integer -42");
  EXPECT_EQ(to(TypeKind::bigint, Value::text("1e3")), "integer 1000");
  EXPECT_EQ(to(TypeKind::bigint, Value::text("many")), "error: \"many\" is not a bigint");
  EXPECT_EQ(to(TypeKind::bigint, Value::text("12 ")), "error: \"12 \" is not a bigint");
  EXPECT_EQ(to(TypeKind::bigint, Value::text("")), "error: \"\" is not a bigint");
  EXPECT_EQ(to(TypeKind::bigint, Value::text("9223372036854775808")), "error: \"9223372036854775808\" is not a bigint");
  EXPECT_EQ(to(TypeKind::bigint, Value::boolean(true)), "error: true is not a bigint");
  EXPECT_EQ(to(TypeKind::bigint, Value::floating(1)), "error: 1 is not a bigint");
}

TEST_F(Convert, LeadingZerosAreNoNumber) {  // "007" holds more than 7
  EXPECT_EQ(to(TypeKind::bigint, Value::text("007")), "error: \"007\" is not a bigint");
  EXPECT_EQ(to(TypeKind::numeric, Value::text("007")), "error: \"007\" is not a numeric");
  EXPECT_EQ(to(TypeKind::bigint, Value::text("0")), "integer 0");
  EXPECT_EQ(to(TypeKind::floating, Value::text("007")), "error: \"007\" is not a double");
}

TEST_F(Convert, AnIntHas32Bits) {
  EXPECT_EQ(to(TypeKind::int32, Value::integer(2'147'483'647)), "integer 2147483647");
  EXPECT_EQ(to(TypeKind::int32, Value::integer(2'147'483'648)), "error: 2147483648 is not an int");
  EXPECT_EQ(to(TypeKind::int32, Value::text("-2147483649")), "error: \"-2147483649\" is not an int");
}

TEST_F(Convert, NumericsKeepEveryDigitOrRefuse) {
  EXPECT_EQ(to(TypeKind::numeric, Value::integer(5)), "decimal 5");
  EXPECT_EQ(to(TypeKind::numeric, dec("29.990")), "decimal 29.990");
  EXPECT_EQ(to(TypeKind::numeric, Value::text("29.99")), "decimal 29.99");
  EXPECT_EQ(to(TypeKind::numeric, Value::floating(0.1)), "error: 0.1 is not a numeric");
  EXPECT_EQ(to(numeric(12, 2), dec("29.9")), "decimal 29.90");
  EXPECT_EQ(to(numeric(12, 2), dec("29.9900")), "decimal 29.99");
  EXPECT_EQ(to(numeric(12, 2), dec("29.999")), "error: 29.999 is not a numeric(12,2)");
  EXPECT_EQ(to(numeric(4, 2), Value::integer(99)), "decimal 99.00");
  EXPECT_EQ(to(numeric(4, 2), dec("-99.99")), "decimal -99.99");
  EXPECT_EQ(to(numeric(4, 2), Value::integer(100)), "error: 100 is not a numeric(4,2)");
  EXPECT_EQ(to(numeric(4, 2), dec("-100.0")), "error: -100.0 is not a numeric(4,2)");
  EXPECT_EQ(to(numeric(38, 0), dec(std::string(38, '9'))), "decimal " + std::string(38, '9'));
  EXPECT_EQ(to(numeric(2, 2), dec("0.99")), "decimal 0.99");
  EXPECT_EQ(to(numeric(2, 2), dec("1")), "error: 1 is not a numeric(2,2)");
}

TEST_F(Convert, DoublesTakeTheNearest) {
  EXPECT_EQ(to(TypeKind::floating, Value::integer(3)), "double 3");
  EXPECT_EQ(to(TypeKind::floating, dec("29.99")), "double 29.99");
  EXPECT_EQ(to(TypeKind::floating, Value::text("1e300")), "double 1e+300");
  for (const char* text : {"inf", "nan", "0x10", "", "1.5 ", "1e999", ".5", "+1"}) {
    EXPECT_EQ(to(TypeKind::floating, Value::text(text)), "error: \"" + std::string(text) + "\" is not a double");
  }
}

TEST_F(Convert, TextIsNeverMadeOfSomethingElse) {
  EXPECT_EQ(to(TypeKind::text, Value::text("a")), "text \"a\"");
  EXPECT_EQ(to(TypeKind::keyword, Value::text("")), "text \"\"");
  EXPECT_EQ(to(TypeKind::text, Value::integer(1)), "error: 1 is not a text");
  EXPECT_EQ(to(TypeKind::text, Value::json("[]")), "error: [] is not a text");
  EXPECT_EQ(convert(Value::integer(1), of(TypeKind::text), arena).error().hint, "string(x) makes text of it");
}

TEST_F(Convert, TimesFromTextAndMilliseconds) {
  EXPECT_EQ(to(TypeKind::timestamptz, Value::text("2026-04-03T11:15:00+02:00")), "timestamp \"2026-04-03T09:15:00Z\"");
  EXPECT_EQ(to(TypeKind::timestamptz, Value::integer(1'775'207'700'250)), "timestamp \"2026-04-03T09:15:00.250000Z\"");
  EXPECT_EQ(to(TypeKind::timestamptz, Value::integer(INT64_MAX)), "error: 9223372036854775807 is not a timestamptz");
  EXPECT_EQ(to(TypeKind::timestamptz, Value::integer(253'402'300'800'000)), "error: 253402300800000 is not a timestamptz");
  EXPECT_EQ(to(TypeKind::timestamptz, dec("1.5")), "error: 1.5 is not a timestamptz");
  EXPECT_EQ(to(TypeKind::timestamptz, Value::date(1)), "error: 1970-01-02 is not a timestamptz");
  EXPECT_EQ(to(TypeKind::date, Value::text("2026-04-03")), "date \"2026-04-03\"");
  EXPECT_EQ(to(TypeKind::date, Value::timestamp(0)), "error: 1970-01-01T00:00:00Z is not a date");
  EXPECT_EQ(to(TypeKind::interval, Value::text("1h30m")), "interval \"PT1H30M\"");
  EXPECT_EQ(to(TypeKind::interval, Value::integer(1)), "error: 1 is not an interval");
}

TEST_F(Convert, UuidAndInetMustParseWhole) {
  EXPECT_EQ(to(TypeKind::uuid, Value::text("123E4567-E89B-12D3-A456-426614174000")), "uuid \"123e4567-e89b-12d3-a456-426614174000\"");
  EXPECT_EQ(to(TypeKind::uuid, Value::text("123e4567")), "error: \"123e4567\" is not a uuid");
  for (const char* text : {"10.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32"}) {
    EXPECT_EQ(to(TypeKind::inet, Value::text(text)), "text \"" + std::string(text) + '"');
  }
  for (const char* text : {"10.0.0", "10.0.0.0/33", "::1/129", "host", "10.0.0.1/", "10.0.0.1/-1", ""}) {
    EXPECT_EQ(to(TypeKind::inet, Value::text(text)), "error: \"" + std::string(text) + "\" is not an inet");
  }
}

TEST_F(Convert, AnEnumTakesItsMembersOnly) {
  const Type status = members({"placed", "shipped"});
  EXPECT_EQ(to(status, Value::text("shipped")), "text \"shipped\"");
  EXPECT_EQ(to(status, Value::text("open")), "error: \"open\" is not one of placed, shipped");
  EXPECT_EQ(to(status, Value::integer(1)), "error: 1 is not an enum [placed, shipped]");
}

TEST_F(Convert, JsonTakesAnything) {
  EXPECT_EQ(to(TypeKind::json, Value::json("{\"a\": 1}")), "json {\"a\": 1}");
  EXPECT_EQ(to(TypeKind::json, Value::text("a\"b")), "json \"a\\\"b\"");
  EXPECT_EQ(to(TypeKind::json, dec("1.50")), "json 1.50");
  const MapEntry entries[] = {{"a", Value::timestamp(0)}};
  EXPECT_EQ(to(TypeKind::json, Value::map(entries)), "json {\"a\":\"1970-01-01T00:00:00Z\"}");
}

TEST_F(Convert, ListsConvertEachElement) {
  const Type bigints = list_of(of(TypeKind::bigint));
  EXPECT_EQ(to(bigints, Value::json("[1, \"2\", 3.0, null]")), "list [1,2,3,null]");
  const Value items[] = {Value::text("1"), Value::integer(2)};
  EXPECT_EQ(to(bigints, Value::list(items)), "list [1,2]");
  EXPECT_EQ(to(bigints, Value::json("[1, \"x\"]")), "error: element 1: \"x\" is not a bigint");
  EXPECT_EQ(to(bigints, Value::json("{}")), "error: {} is not a list(bigint)");
  EXPECT_EQ(to(bigints, Value::integer(1)), "error: 1 is not a list(bigint)");
  EXPECT_EQ(to(list_of(bigints), Value::json("[[1],[]]")), "list [[1],[]]");
}

TEST_F(Convert, ASetKeepsOneOfEach) {
  EXPECT_EQ(to(list_of(of(TypeKind::numeric), TypeKind::set), Value::json("[1, 1.0, 2, \"1.00\"]")), "list [1,2]");
}

TEST_F(Convert, TheHotPathAllocatesNothing) {
  const std::size_t before = arena.size_bytes();
  static_cast<void>(convert(Value::text("a"), of(TypeKind::text), arena));
  static_cast<void>(convert(Value::integer(1), of(TypeKind::bigint), arena));
  static_cast<void>(convert(Value::text("2026-04-03T09:15:00Z"), of(TypeKind::timestamptz), arena));
  EXPECT_EQ(arena.size_bytes(), before);
}

TEST_F(Convert, WhatFitsComesBackAsItWas) {
  const std::vector<Value> values = {Value::null(),
                                     Value::absent(),
                                     Value::boolean(true),
                                     Value::integer(7),
                                     Value::integer(INT32_MAX),
                                     Value::integer(INT32_MAX + std::int64_t{1}),
                                     Value::integer(INT32_MIN),
                                     Value::integer(INT32_MIN - std::int64_t{1}),
                                     Value::integer(INT64_MIN),
                                     dec("1.50"),
                                     Value::floating(0.5),
                                     Value::text("a"),
                                     Value::text("2026-04-03"),
                                     Value::timestamp(1),
                                     Value::date(1),
                                     Value::interval(1),
                                     Value::bytes("\x01"),
                                     Value::json("{}"),
                                     Value::uuid(Uuid::random())};
  std::set<TypeKind> fitting;
  for (int i = 0; i <= static_cast<int>(TypeKind::enumeration); ++i) {
    const auto kind = static_cast<TypeKind>(i);
    for (const Value& value : values) {
      if (!fits(value, kind)) continue;
      fitting.insert(kind);
      const auto converted = convert(value, of(kind), arena);
      ASSERT_TRUE(converted) << of(kind).name() << ": " << describe(value) << ": " << converted.error().message;
      EXPECT_TRUE(equal(value, *converted)) << of(kind).name() << ": " << describe(value);
    }
  }
  EXPECT_EQ(fitting, (std::set<TypeKind>{TypeKind::boolean, TypeKind::int32, TypeKind::bigint, TypeKind::text, TypeKind::keyword,
                                         TypeKind::uuid, TypeKind::date, TypeKind::timestamptz, TypeKind::json}));
}

TEST(TypeName, IsWhatTheFileSays) {
  EXPECT_EQ(numeric(12, 2).name(), "numeric(12,2)");
  EXPECT_EQ(of(TypeKind::numeric).name(), "numeric");
  EXPECT_EQ(list_of(of(TypeKind::text)).name(), "list(text)");
  EXPECT_EQ(list_of(of(TypeKind::int32), TypeKind::set).name(), "set(int)");
  EXPECT_EQ(members({"a", "b"}).name(), "enum [a, b]");
  EXPECT_TRUE(list_of(of(TypeKind::text)) == list_of(of(TypeKind::text)));
  EXPECT_FALSE(list_of(of(TypeKind::text)) == list_of(of(TypeKind::keyword)));
  EXPECT_FALSE(numeric(12, 2) == numeric(12, 3));
}

}  // namespace
}  // namespace foldline
