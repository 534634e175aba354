// Paths, optionals and missing parts (language.md, rule 5).
#include "tests/unit/common/expr/harness.h"

namespace foldline::expr {
namespace {

TEST_F(Expressions, APathReadsOneSlot) {
  EXPECT_EQ(eval("data.order_id"), "\"o-1\"");
  EXPECT_EQ(eval("data.customer.address.city"), "\"Köln\"");
  EXPECT_EQ(eval("data['order_id']"), "\"o-1\"");
  EXPECT_EQ(eval("data['order-id']"), "7");
  EXPECT_EQ(eval("data.`order-id`"), "7");
  EXPECT_EQ(eval("data.items"), R"([{"sku":"a","quantity":2,"tags":[]},{"sku":"b","quantity":1,"tags":["x"]}])");
  EXPECT_EQ(eval("type"), "\"order.placed\"");
}

TEST_F(Expressions, OnlyWholePathsAreDecodedAndEachOnce) {
  ASSERT_TRUE(compiled("data.customer.name + data['customer'].name"));
  ASSERT_EQ(paths.paths().size(), 1U);
  EXPECT_EQ(paths.paths()[0].to_string(), "value.payload.customer.name");
  ASSERT_TRUE(compiled("time"));
  EXPECT_EQ(paths.paths().size(), 1U);
}

TEST_F(Expressions, AMissingPathIsAnErrorInTheUsersWords) {
  EXPECT_EQ(eval("data.nothing"), "error: data.nothing is missing");
  EXPECT_EQ(hint("data.nothing"), "data.?nothing makes it optional");
  EXPECT_EQ(eval("data.customer.nothing.deeper"), "error: data.customer.nothing.deeper is missing");
  EXPECT_EQ(eval("data['no such']"), "error: data['no such'] is missing");
  EXPECT_EQ(eval("data.nothing + 1"), "error: data.nothing is missing (in data.nothing + 1)");
  EXPECT_EQ(eval("data.order_id.deeper"), "error: data.order_id.deeper is missing");
  EXPECT_EQ(eval("data.reason.deeper"), "error: data.reason.deeper is missing");  // null on the way
}

TEST_F(Expressions, NullIsAValueNotAMissingPath) {
  EXPECT_EQ(eval("data.reason"), "null");
  EXPECT_EQ(eval("data.?reason"), "null");
  EXPECT_EQ(eval("data.?reason.orValue('x')"), "null");
  EXPECT_EQ(eval("data.reason == null"), "true");
  EXPECT_EQ(eval("has(data.reason)"), "true");
  EXPECT_EQ(eval("coalesce(data.?reason, 'x')"), "\"x\"");
}

TEST_F(Expressions, AnOptionalPathIsNoneWhenMissing) {
  EXPECT_EQ(eval("data.?coupon"), "none");
  EXPECT_EQ(eval("data.?coupon.orValue('')"), "\"\"");
  EXPECT_EQ(eval("data.?order_id.orValue('')"), "\"o-1\"");
  EXPECT_EQ(eval("data.?coupon.hasValue()"), "false");
  EXPECT_EQ(eval("data.?order_id.value()"), "\"o-1\"");
  EXPECT_EQ(eval("data.?coupon.value()"), "error: data.?coupon is missing (in data.?coupon.value())");
  EXPECT_EQ(eval("data.?coupon.or(data.?order_id)"), "\"o-1\"");
  EXPECT_EQ(eval("data.?coupon.?code"), "none");
  EXPECT_EQ(eval("data.?coupon.code"), "none");  // an optional makes the rest optional, as in CEL
  EXPECT_EQ(eval("data[?'coupon']"), "none");
  EXPECT_EQ(eval("data.?reason.orValue('') != 'test'"), "true");
}

TEST_F(Expressions, WhatStandsBeforeTheQuestionMarkMustBeThere) {
  EXPECT_EQ(eval("data.customer.?phone"), "none");
  EXPECT_EQ(eval("data.nobody.?phone"), "error: data.nobody is missing (in data.nobody.?phone)");
  EXPECT_EQ(eval("data.?nobody.phone.orValue('-')"), "\"-\"");
}

// The bound name itself is not decoded only to know that it is there.
TEST_F(Expressions, ABoundNameNeedNotBeThereForAnOptional) {
  scope.bind_path("gone", {Root::value, {"nowhere"}}, ExprType::dyn());
  EXPECT_EQ(eval("gone.?x"), "none");
  EXPECT_EQ(paths.paths().size(), 1U);
  EXPECT_EQ(eval("gone.x.?y"), "error: gone.x is missing (in gone.x.?y)");
}

TEST_F(Expressions, OptMapRunsOnlyOnAValue) {
  EXPECT_EQ(eval("data.?total.optMap(t, int(t * 100))"), "2999");
  EXPECT_EQ(eval("data.?nothing.optMap(t, int(t * 100))"), "none");
  EXPECT_EQ(eval("data.?customer.optMap(c, c.name)"), "\"Ann\"");
  EXPECT_EQ(type_of("data.?total.optMap(t, int(t * 100))"), "optional(integer)");
}

TEST_F(Expressions, HasAsksForOneField) {
  EXPECT_EQ(eval("has(data.order_id)"), "true");
  EXPECT_EQ(eval("has(data.nothing)"), "false");
  EXPECT_EQ(eval("has(data.nothing.deeper)"), "false");
  EXPECT_EQ(eval("has(data['order-id'])"), "true");
  EXPECT_EQ(eval("has(data.items[0].sku)"), "true");
  EXPECT_EQ(eval("has(data.items[0].nothing)"), "false");
  EXPECT_EQ(eval("has(data)"), "problem at 4: has() takes a field");
}

TEST_F(Expressions, ElementsAreTakenFromRawJson) {
  EXPECT_EQ(eval("data.items[0].sku"), "\"a\"");
  EXPECT_EQ(eval("data.items[1].tags[0]"), "\"x\"");
  EXPECT_EQ(eval("data.items[2].sku"), "error: data.items[2] is missing: place 2 of a list of 2 (in data.items[2].sku)");
  EXPECT_EQ(eval("data.items[?2].sku"), "none");
  EXPECT_EQ(eval("data.items[?0].sku.orValue('')"), "\"a\"");
  EXPECT_EQ(eval("data.items[0].price"), "error: data.items[0].price is missing");
  EXPECT_EQ(eval("data.items[0].?price"), "none");
  EXPECT_EQ(eval("data.items[-1]"), "error: data.items[-1] is missing: place -1 of a list of 2");
  EXPECT_EQ(eval("data.items['a']"), "error: data.items['a'] is missing");
  EXPECT_EQ(eval("data.order_id[0]"), "error: data.order_id[0]: \"o-1\" is neither a list nor a map");
  EXPECT_EQ(eval("data.items[0].sku.x"), "error: data.items[0].sku.x: \"a\" is text and has no field x");
}

TEST_F(Expressions, CoalesceTakesTheFirstThatIsNeitherNoneNorNull) {
  EXPECT_EQ(eval("coalesce(data.?a, data.?reason, data.?order_id, 'x')"), "\"o-1\"");
  EXPECT_EQ(eval("coalesce(data.?a, data.?b)"), "none");
  EXPECT_EQ(eval("coalesce(data.?a, 0)"), "0");
  EXPECT_EQ(eval("coalesce(data.a, 0)"), "error: data.a is missing (in coalesce(data.a, 0))");
}

TEST_F(Expressions, OptionalsMustBeResolvedBeforeUse) {
  EXPECT_EQ(eval("data.?a + 1"), "problem at 6: data.?a is optional: it may be none");
  EXPECT_EQ(hint("data.?a + 1"), "data.?a.orValue(x) gives a none a value");
  EXPECT_EQ(eval("size(data.?a)"), "problem at 11: data.?a is optional: it may be none");
  EXPECT_EQ(eval("data.a.orValue(1)"), "problem at 7: data.a is not optional: .orValue() is for what may be none");
  EXPECT_EQ(hint("data.a.orValue(1)"), "data.?a.orValue(…)");
  EXPECT_EQ(eval("data.?a ? 1 : 2"), "problem at 6: data.?a is optional: it may be none");
  EXPECT_EQ(eval("optional.none()"), "none");
  EXPECT_EQ(eval("optional.of(1).orValue(2)"), "1");
}

TEST_F(Expressions, UnknownNamesComeWithASuggestion) {
  EXPECT_EQ(eval("dat.order_id"), "problem at 0: unknown name dat");
  EXPECT_EQ(hint("dat.order_id"), "did you mean data?");
  EXPECT_EQ(eval("1 + tiem"), "problem at 4: unknown name tiem");
  EXPECT_EQ(hint("1 + tiem"), "did you mean time?");
  EXPECT_EQ(eval("plced"), "problem at 0: unknown name plced");
  EXPECT_EQ(hint("plced"), "did you mean placed?");
  EXPECT_EQ(hint("EUR"), "a text stands in quotes: 'EUR'");
  EXPECT_EQ(eval("row.balance < 1"), "problem at 0: row: row is not built yet");
  EXPECT_EQ(eval("lookup(a, 1)"), "problem at 0: lookup(): lookup is not built yet");
  EXPECT_EQ(eval("size"), "problem at 0: size is a function");
  EXPECT_EQ(eval("now"), "problem at 0: now is not part of the language");
  EXPECT_EQ(eval("time.year"), "problem at 5: time is timestamp: it has no field year");
}

TEST_F(Expressions, EnumMembersAreTextsUnlessTheNameMeansSomethingElse) {
  EXPECT_EQ(eval("placed"), "\"placed\"");
  scope.bind_enum_member("type");
  EXPECT_EQ(eval("type"), "\"order.placed\"");
  scope.bind_path("shipped", {Root::value, {"payload", "order_id"}}, ExprType::dyn());
  EXPECT_EQ(eval("shipped"), "\"o-1\"");
}

// The reader counts a list's elements on the way; whether it has must not be seen.
TEST_F(Expressions, AListIsCountedOnceHoweverItCame) {
  const auto size = compiled("size(data.items)");
  ASSERT_TRUE(size);
  Arena storage;
  std::vector<Value> slots(paths.slot_count());
  const auto of = [&](const Value& items) {
    slots.at(kAttributeSlots) = items;
    const auto value = size->eval({slots, &storage});
    return value ? describe(*value) : "error: " + value.error().message;
  };
  for (const char* list : {"[]", "[1]", " [1, [2, 3]]", R"({"a": 1, "b": 2, "c": {}})"}) {
    const std::string plainly = of(Value::json(list));
    const auto elements = static_cast<std::uint32_t>(std::stoul(plainly));
    EXPECT_EQ(of(Value::json(list, elements)), plainly) << list;
  }
  EXPECT_EQ(of(Value::json("not looked at", 7)), "7");
  EXPECT_EQ(of(Value::text("four")), "4");
  EXPECT_EQ(of(Value::absent()), "error: data.items is missing (in size(data.items))");
  EXPECT_EQ(of(Value::integer(1)), "error: size() takes text, bytes, list or map, not integer (1) (in size(data.items))");
}

TEST_F(Expressions, BarePathsGiveTheirSlot) {
  EXPECT_EQ(compiled("time")->bare_slot(), kSlotTime);
  EXPECT_EQ(compiled("data.total_cents")->bare_slot(), kAttributeSlots);
  EXPECT_EQ(compiled("data.?total_cents")->bare_slot(), std::nullopt);
  EXPECT_EQ(compiled("data.total_cents + 1")->bare_slot(), std::nullopt);
  EXPECT_EQ(compiled("1")->bare_slot(), std::nullopt);
}

TEST_F(Expressions, AsPathSeesThroughNames) {
  const auto path = [this](std::string_view text) {
    const auto found = as_path(*parse(text), scope);
    return found ? found->to_string() : "no path";
  };
  scope.bind_ast("who", *parse("data.customer"));
  EXPECT_EQ(path("data.order_id"), "value.payload.order_id");
  EXPECT_EQ(path("data['order_id']"), "value.payload.order_id");
  EXPECT_EQ(path("(data).order_id"), "value.payload.order_id");
  EXPECT_EQ(path("who.name"), "value.payload.customer.name");
  EXPECT_EQ(path("time"), "attribute 2");
  EXPECT_EQ(path("data.?order_id"), "no path");
  EXPECT_EQ(path("data.order_id + ''"), "no path");
  EXPECT_EQ(path("nothing"), "no path");
  EXPECT_TRUE(paths.paths().empty());
}

TEST_F(Expressions, ARecordsFieldsAreNamesInAnEnvelope) {
  Scope envelope;
  envelope.bind_rest_to_value();
  envelope.bind_path("record", {Root::value, {}}, ExprType::dyn());
  scope = envelope;
  EXPECT_EQ(eval("payload.order_id"), "\"o-1\"");
  EXPECT_EQ(eval("payload.?nothing"), "none");
  EXPECT_EQ(eval("nothing"), "error: nothing is missing");
  EXPECT_EQ(eval("record.payload.order_id"), "\"o-1\"");
}

// A producer's habits made alike: the envelope's expressions see the record, the view's see `data`.
TEST_F(Expressions, FieldsOfAMapOfExpressions) {
  Scope envelope;
  envelope.bind_rest_to_value();
  scope.bind_fields("data",
                    {{"id", *parse("payload.order_id")},
                     {"cents", *parse("payload.?total.optMap(t, int(t * 100))")},
                     {"coupon", *parse("payload.?coupon")},
                     {"who", *parse("payload.customer")}},
                    envelope);
  EXPECT_EQ(eval("data.id"), "\"o-1\"");
  EXPECT_EQ(eval("data.cents + 1"), "3000");
  EXPECT_EQ(eval("data.coupon"), "error: data.coupon is missing");
  EXPECT_EQ(eval("data.?coupon"), "none");
  EXPECT_EQ(eval("has(data.coupon)"), "false");
  EXPECT_EQ(eval("has(data.cents)"), "true");
  EXPECT_EQ(eval("data.who.name"), "\"Ann\"");
  EXPECT_EQ(eval("data['id']"), "\"o-1\"");
  EXPECT_EQ(eval("data"), R"({"cents":2999,"id":"o-1","who":{"name":"Ann","address":{"city":"Köln"}}})");
  EXPECT_EQ(eval("data.idd"), "problem at 5: unknown field data.idd");
  EXPECT_EQ(hint("data.idd"), "did you mean id?");
  EXPECT_EQ(eval("id"), "problem at 0: unknown name id");
  EXPECT_EQ(hint("id"), "did you mean data.id?");
  EXPECT_EQ(compiled("data.id")->bare_slot(), kAttributeSlots);
  EXPECT_EQ(as_path(*parse("data.who.name"), scope)->to_string(), "value.payload.customer.name");
}

TEST_F(Expressions, ABoundExpressionSeesTheNamesBeforeItOnly) {
  scope.bind_ast("data", *parse("data.customer"));  // no endless loop: it sees the earlier `data`
  EXPECT_EQ(eval("data.name"), "\"Ann\"");
  scope.bind_ast("a", *parse("data.name + b"));
  scope.bind_ast("b", *parse("'!'"));
  EXPECT_EQ(eval("a"), "problem at 0: unknown name b (in `b`)");
  EXPECT_EQ(eval("1 + size(a)"), "problem at 9: unknown name b (in `b`)");
}

TEST_F(Expressions, ALoopVariableIsNotSeenByABoundExpression) {
  scope.bind_ast("who", *parse("data.customer.name"));
  EXPECT_EQ(eval("data.items.map(data, who)"), "[\"Ann\",\"Ann\"]");
}

TEST_F(Expressions, NamesThatGrowWithoutEndAreRefused) {
  scope.bind_ast("x0", *parse("data.total_cents"));
  for (int i = 1; i < 40; ++i) {
    const std::string before = "x" + std::to_string(i - 1);
    scope.bind_ast("x" + std::to_string(i), *parse(before + " + " + before));
  }
  EXPECT_NE(eval("x39").find("problem at 0: the expression has more than 10000 parts"), std::string::npos);
}

}  // namespace
}  // namespace foldline::expr
