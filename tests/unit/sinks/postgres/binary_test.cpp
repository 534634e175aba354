// The encoders against bytes written down by hand from PostgreSQL's ..._send functions; whole rows round-trip in the integration tests.
#include "sinks/postgres/binary.h"

#include <gmock/gmock.h>

#include "common/arena.h"

namespace foldline::postgres {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Type type_of(TypeKind kind, std::int32_t precision = 0, std::int32_t scale = 0) {
  Type out;
  out.kind = kind;
  out.precision = precision;
  out.scale = scale;
  return out;
}

std::string hex(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::string encoded(const Value& value, const Type& type) {
  std::string out;
  const auto ok = encode_field(out, value, type);
  return ok ? hex(out) : ok.error().message;
}

std::string numeric(std::string_view text) { return encoded(Value::decimal(*Decimal::parse(text)), type_of(TypeKind::numeric)); }

TEST(PostgresBinary, WholeNumbers) {
  EXPECT_EQ(encoded(Value::integer(-2), type_of(TypeKind::int32)), "00000004fffffffe");
  EXPECT_EQ(encoded(Value::integer(INT64_MIN), type_of(TypeKind::bigint)), "000000088000000000000000");
  EXPECT_EQ(encoded(Value::boolean(true), type_of(TypeKind::boolean)), "0000000101");
  EXPECT_EQ(encoded(Value::null(), type_of(TypeKind::bigint)), "ffffffff");
}

TEST(PostgresBinary, FoldedSumsThatArriveAsDecimalsAreWholeNumbersAgain) {
  EXPECT_EQ(encoded(Value::decimal({700, 2}), type_of(TypeKind::bigint)), "000000080000000000000007");
  EXPECT_THAT(encoded(Value::decimal({701, 2}), type_of(TypeKind::bigint)), HasSubstr("out of the range"));
  EXPECT_THAT(encoded(Value::decimal({static_cast<int128>(INT64_MAX) + 1, 0}), type_of(TypeKind::bigint)),
              HasSubstr("out of the range of bigint"));
  EXPECT_THAT(encoded(Value::integer(2'147'483'648), type_of(TypeKind::int32)), HasSubstr("out of the range of integer"));
  EXPECT_THAT(encoded(Value::integer(-2'147'483'649), type_of(TypeKind::int32)), HasSubstr("out of the range of integer"));
}

// length, digits, weight, sign, scale, then base-10000 digits
TEST(PostgresBinary, NumericsInBase10000) {
  EXPECT_EQ(numeric("0"),
            "00000008"
            "0000"
            "0000"
            "0000"
            "0000");
  EXPECT_EQ(numeric("0.000"),
            "00000008"
            "0000"
            "0000"
            "0000"
            "0003");
  EXPECT_EQ(numeric("1"),
            "0000000a"
            "0001"
            "0000"
            "0000"
            "0000"
            "0001");
  EXPECT_EQ(numeric("10000"),
            "0000000a"
            "0001"
            "0001"
            "0000"
            "0000"
            "0001");
  EXPECT_EQ(numeric("29.99"),
            "0000000c"
            "0002"
            "0000"
            "0000"
            "0002"
            "001d"
            "26ac");
  EXPECT_EQ(numeric("-0.5"),
            "0000000a"
            "0001"
            "ffff"
            "4000"
            "0001"
            "1388");
  EXPECT_EQ(numeric("0.00001"),
            "0000000a"
            "0001"
            "fffe"
            "0000"
            "0005"
            "03e8");
  EXPECT_EQ(numeric("123456789.5"),
            "00000010"
            "0004"
            "0002"
            "0000"
            "0001"
            "0001"
            "0929"
            "1a85"
            "1388");
  EXPECT_EQ(numeric("99999999999999999999999999999999999999").substr(0, 24),
            "0000001c"
            "000a"
            "0009"
            "0000"
            "0000");
  EXPECT_EQ(numeric("0.99999999999999999999999999999999999999").substr(0, 24),
            "0000001c"
            "000a"
            "ffff"
            "0000"
            "0026");
}

TEST(PostgresBinary, TimesCountFrom2000) {
  EXPECT_EQ(encoded(Value::timestamp(kPostgresEpochUs + 1), type_of(TypeKind::timestamptz)), "000000080000000000000001");
  EXPECT_EQ(encoded(Value::date(kPostgresEpochDays - 1), type_of(TypeKind::date)), "00000004ffffffff");
  EXPECT_EQ(encoded(Value::interval(5), type_of(TypeKind::interval)),
            "00000010"
            "0000000000000005"
            "00000000"
            "00000000");
  EXPECT_THAT(encoded(Value::timestamp(INT64_MIN), type_of(TypeKind::timestamptz)), HasSubstr("out of the range"));
  EXPECT_THAT(encoded(Value::date(INT32_MAX), type_of(TypeKind::date)), HasSubstr("out of the range"));
}

TEST(PostgresBinary, JsonHasAVersionAndInetItsFamily) {
  EXPECT_EQ(encoded(Value::json("{}"), type_of(TypeKind::json)),
            "00000003"
            "01"
            "7b7d");
  EXPECT_EQ(encoded(Value::text("10.0.0.1"), type_of(TypeKind::inet)),
            "00000008"
            "02200004"
            "0a000001");
  EXPECT_EQ(encoded(Value::text("10.0.0.0/8"), type_of(TypeKind::inet)),
            "00000008"
            "02080004"
            "0a000000");
  EXPECT_EQ(encoded(Value::text("::1"), type_of(TypeKind::inet)),
            "00000014"
            "03800010"
            "00000000000000000000000000000001");
  for (const char* wrong : {"10.0.0", "10.0.0.1/33", "10.0.0.1/", "::1/129", "host", ""}) {
    EXPECT_THAT(encoded(Value::text(wrong), type_of(TypeKind::inet)), HasSubstr("is not a value for inet")) << wrong;
  }
}

TEST(PostgresBinary, ArraysSayTheirElementType) {
  Type list = type_of(TypeKind::list);
  list.element = std::make_shared<Type>(type_of(TypeKind::int32));
  const std::vector<Value> items = {Value::integer(1), Value::null()};
  EXPECT_EQ(encoded(Value::list(items), list),
            "00000020"
            "00000001"
            "00000001"
            "00000017"
            "00000002"
            "00000001"
            "00000004"
            "00000001"
            "ffffffff");
  EXPECT_EQ(encoded(Value::list({}), list),
            "0000000c"
            "00000000"
            "00000000"
            "00000017");
}

TEST(PostgresBinary, ValueOfAnotherKindIsRefusedNotReinterpreted) {
  EXPECT_THAT(encoded(Value::text("7"), type_of(TypeKind::bigint)), HasSubstr("is not a value for bigint"));
  EXPECT_THAT(encoded(Value::integer(7), type_of(TypeKind::text)), HasSubstr("is not a value for text"));
  EXPECT_THAT(encoded(Value::integer(7), type_of(TypeKind::timestamptz)), HasSubstr("is not a value for"));
}

std::string checked(const Value& value, const Type& type) {
  const auto ok = check_value(value, type);
  return ok ? "" : ok.error().message;
}

// The short way of check_value(): takes nothing that the long one refuses, and the values that it is for.
TEST(PostgresBinary, WhatPassesPlainlyIsNeverRefused) {
  const std::vector<Value> values = {Value::null(),
                                     Value::absent(),
                                     Value::text(""),
                                     Value::text("plain"),
                                     Value::text(std::string_view("a\0b", 3)),
                                     Value::text(std::string_view("\0", 1)),
                                     Value::json("{}"),
                                     Value::bytes("x"),
                                     Value::integer(0),
                                     Value::integer(INT32_MAX),
                                     Value::integer(INT64_C(1) + INT32_MAX),
                                     Value::integer(INT32_MIN),
                                     Value::integer(INT64_C(-1) + INT32_MIN),
                                     Value::integer(INT64_MIN),
                                     Value::timestamp(0),
                                     Value::timestamp(INT64_MIN),
                                     Value::timestamp(INT64_MAX),
                                     Value::date(0),
                                     Value::boolean(true),
                                     Value::floating(1.5),
                                     Value::uuid(Uuid{}),
                                     Value::interval(1),
                                     Value::decimal(*Decimal::parse("1.5"))};
  for (int kind = 0; kind <= static_cast<int>(TypeKind::enumeration); ++kind) {
    const Type type = type_of(static_cast<TypeKind>(kind));
    for (const Value& value : values) {
      std::string out;
      const bool has_nul = value.is(Kind::text) && value.as_text().find('\0') != std::string_view::npos;
      EXPECT_EQ(passes_plainly(value, type), encode_plain(out, value, type) && !has_nul) << describe(value) << ", kind " << kind;
      if (!passes_plainly(value, type)) continue;
      EXPECT_TRUE(check_value(value, type)) << describe(value) << " in a column of kind " << kind;
    }
  }
  EXPECT_TRUE(passes_plainly(Value::text("plain"), type_of(TypeKind::text)));
  EXPECT_TRUE(passes_plainly(Value::integer(7), type_of(TypeKind::bigint)));
  EXPECT_TRUE(passes_plainly(Value::integer(7), type_of(TypeKind::int32)));
  EXPECT_TRUE(passes_plainly(Value::timestamp(0), type_of(TypeKind::timestamptz)));
  EXPECT_TRUE(passes_plainly(Value::boolean(false), type_of(TypeKind::boolean)));
}

TEST(PostgresBinary, CheckFindsWhatPostgresWouldRefuse) {
  EXPECT_THAT(checked(Value::text(std::string_view("a\0b", 3)), type_of(TypeKind::text)), HasSubstr("NUL"));
  EXPECT_EQ(checked(Value::text("a"), type_of(TypeKind::text)), "");
  EXPECT_THAT(checked(Value::json(R"({"a":"\u0000"})"), type_of(TypeKind::json)), HasSubstr("\\u0000"));
  EXPECT_THAT(checked(Value::json(R"({"a":"\\\u0000"})"), type_of(TypeKind::json)), HasSubstr("\\u0000"));
  EXPECT_EQ(checked(Value::json(R"({"a":"\\u0000"})"), type_of(TypeKind::json)), "") << "an escaped backslash before u0000";
  EXPECT_EQ(checked(Value::bytes(std::string_view("\0", 1)), type_of(TypeKind::bytes)), "");
  EXPECT_EQ(checked(Value::decimal({99'999, 2}), type_of(TypeKind::numeric, 5, 2)), "");
  EXPECT_THAT(checked(Value::decimal({100'000, 2}), type_of(TypeKind::numeric, 5, 2)), HasSubstr("out of the range of numeric(5,2)"));
  EXPECT_THAT(checked(Value::integer(1'000), type_of(TypeKind::numeric, 5, 2)), HasSubstr("out of the range"));
  EXPECT_THAT(checked(Value::text("no"), type_of(TypeKind::inet)), StartsWith("\"no\" is not"));
}

}  // namespace
}  // namespace foldline::postgres
