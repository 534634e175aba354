// What is found when a file is loaded: types of fields, enums, bools; and what a field gets.
#include "tests/unit/common/expr/harness.h"

#include <random>
#include <thread>

namespace foldline::expr {
namespace {

Type of(TypeKind kind) {
  Type out;
  out.kind = kind;
  return out;
}

Type status() {
  Type out = of(TypeKind::enumeration);
  out.members = {"placed", "shipped"};
  return out;
}

TEST_F(Expressions, AFieldGetsAValueOfItsType) {
  EXPECT_EQ(into("data.total_cents", of(TypeKind::bigint)), "2999");
  EXPECT_EQ(into("data.text_number", of(TypeKind::bigint)), "42");
  EXPECT_EQ(into("data.total", of(TypeKind::numeric)), "29.99");
  EXPECT_EQ(into("data.when", of(TypeKind::timestamptz)), "\"2026-04-03T22:15:00.250000Z\"");
  EXPECT_EQ(into("data.?nothing", of(TypeKind::bigint)), "none");
  EXPECT_EQ(into("data.reason", of(TypeKind::bigint)), "null");
  EXPECT_EQ(into("data.items", of(TypeKind::json)), R"([{"sku":"a","quantity":2,"tags":[]},{"sku":"b","quantity":1,"tags":["x"]}])");
  EXPECT_EQ(into("key", of(TypeKind::text)), "\"o-1\"");
  EXPECT_EQ(into("1", of(TypeKind::numeric)), "1");
  EXPECT_EQ(into("time", of(TypeKind::timestamptz)), "\"2026-04-03T22:15:00.250000Z\"");
}

TEST_F(Expressions, AValueThatDoesNotFitNamesPathValueAndType) {
  EXPECT_EQ(into("data.total", of(TypeKind::bigint)), "error: data.total: 29.99 is not a bigint");
  EXPECT_EQ(into("data.order_id", of(TypeKind::bigint)), "error: data.order_id: \"o-1\" is not a bigint");
  EXPECT_EQ(into("data.total_cents", of(TypeKind::text)), "error: data.total_cents: 2999 is not a text");
  EXPECT_EQ(into("data.currency", status()), "error: data.currency: \"eur\" is not one of placed, shipped");
  EXPECT_EQ(into("data.big + 0", of(TypeKind::int32)), "error: data.big + 0: 9223372036854775807 is not an int");
  const auto program = compiled("data.total", {nullptr, false});
  const Type bigint = of(TypeKind::bigint);
  EXPECT_EQ(run(*compiled("data.total", {&bigint, false})).error().code, ErrorCode::value);
  EXPECT_EQ(run(*compiled("data.nothing", {&bigint, false})).error().code, ErrorCode::expression);
}

TEST_F(Expressions, WrongTypesAreErrorsOfTheFile) {
  EXPECT_EQ(into("time", of(TypeKind::bigint)), "problem at 0: time is timestamp, the field is bigint");
  EXPECT_EQ(into("'open'", of(TypeKind::bigint)), "problem at 0: \"open\" is not a bigint");
  EXPECT_EQ(into("size(data.items)", of(TypeKind::text)), "problem at 0: size(data.items) is integer, the field is text");
  EXPECT_EQ(into("time", of(TypeKind::date)), "problem at 0: time is timestamp, the field is date");
  const Type date = of(TypeKind::date);
  EXPECT_EQ(hint("time", {&date, false}), "date(t) takes the day of a time");
  EXPECT_EQ(into("double(data.total)", of(TypeKind::numeric)), "problem at 0: double(data.total) is double, the field is numeric");
  EXPECT_EQ(into("data.?total.optMap(t, t > 1)", of(TypeKind::bigint)),
            "problem at 0: data.?total.optMap(t, t > 1) is optional(bool), the field is bigint");
  EXPECT_EQ(into("1.5", of(TypeKind::bigint)), "problem at 0: 1.5 is not a bigint");
  EXPECT_EQ(into("true", of(TypeKind::text)), "problem at 0: true is bool, the field is text");
  EXPECT_EQ(into("4294967296", of(TypeKind::int32)), "problem at 0: 4294967296 is not an int");
}

TEST_F(Expressions, EnumMembersAreCheckedWhenTheFileIsLoaded) {
  EXPECT_EQ(into("placed", status()), "\"placed\"");
  EXPECT_EQ(into("'placed'", status()), "\"placed\"");
  EXPECT_EQ(into("cancelled", status()), "problem at 0: \"cancelled\" is not one of placed, shipped");
  EXPECT_EQ(into("'shiped'", status()), "problem at 0: \"shiped\" is not one of placed, shipped");
  const Type type = status();
  EXPECT_EQ(hint("'shiped'", {&type, false}), "did you mean shipped?");
  EXPECT_EQ(into("data.flag ? placed : 'x'", status()), "problem at 21: \"x\" is not one of placed, shipped");
  EXPECT_EQ(into("data.?a.orValue('x')", status()), "problem at 16: \"x\" is not one of placed, shipped");
  EXPECT_EQ(into("data.?a.orValue(shipped)", status()), "\"shipped\"");
}

TEST_F(Expressions, ConditionsAreBools) {
  const CompileOptions want{nullptr, true};
  EXPECT_EQ(eval("data.flag", want), "true");
  EXPECT_EQ(eval("data.total_cents", want), "error: 2999 is not a bool (in data.total_cents)");
  EXPECT_EQ(eval("data.reason", want), "error: null is not a bool (in data.reason)");
  EXPECT_EQ(eval("1 + 1", want), "problem at 0: 1 + 1 is integer, not a bool");
  EXPECT_EQ(eval("data.?flag", want), "problem at 0: data.?flag is optional: it may be none");
  EXPECT_EQ(hint("data.?flag", want), "data.?flag.orValue(false)");
  EXPECT_EQ(eval("true", want), "true");
}

TEST_F(Expressions, ConstantsAreComputedOnce) {
  const auto program = compiled("[1, 2].map(i, i * 2) + [size('abc')]");
  ASSERT_TRUE(program);
  const std::size_t before = arena.size_bytes();
  EXPECT_EQ(shown(*program->eval({{}, &arena})), "[2,4,3]");
  EXPECT_EQ(arena.size_bytes(), before);
  EXPECT_EQ(eval("[1].map(i, i / 0)"), "problem at 13: 1 / 0: division by zero");
  EXPECT_EQ(eval("duration('30x')"), "problem at 0: \"30x\" is not an interval");
  EXPECT_EQ(eval("time - duration('30x')"), "problem at 7: \"30x\" is not an interval");
}

TEST_F(Expressions, ABarePathCopiesNothing) {
  const Type text = of(TypeKind::text);
  const auto program = compiled("data.order_id", {&text, false});
  const std::vector<Value> values = slots();
  const std::size_t before = arena.size_bytes();
  ASSERT_TRUE(program->eval({values, &arena}));
  EXPECT_EQ(arena.size_bytes(), before);
}

TEST_F(Expressions, AnEventWithTooFewSlotsIsABugNotACrash) {
  const auto program = compiled("data.order_id");
  const auto out = program->eval({attributes, &arena});
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, ErrorCode::internal);
}

TEST_F(Expressions, ThreadsShareAProgram) {
  const auto program = compiled("data.items.map(i, i.sku + data.order_id).join(',') + string(data.total * 2)");
  ASSERT_TRUE(program);
  const std::vector<Value> values = slots();
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Arena own;
      for (int i = 0; i < 500; ++i) {
        const auto out = program->eval({values, &own});
        if (!out || out->as_text() != "ao-1,bo-159.98") ++wrong;
        own.reset();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

// Every expression of language.md's read models that this build has, and why the others are refused.
TEST_F(Expressions, TheLanguagesReadModels) {
  record = R"({"payload": {"order_id": "o-1", "customer_id": " c ", "currency": "eur", "total_cents": 2999, "total": 29.99, "amount": 5,
    "items": [{"sku": "a"}], "quantity": 3, "data": {"sku": "a"}}})";
  EXPECT_EQ(eval("size(data.items)"), "1");
  EXPECT_EQ(eval("date(time)"), "\"2026-04-03\"");
  EXPECT_EQ(eval("week(time)"), "\"2026-W14\"");
  EXPECT_EQ(eval("data.?reason.orValue('') != 'test'"), "true");
  EXPECT_EQ(eval("-data.amount"), "-5");
  EXPECT_EQ(eval("data.customer_id.trim()"), "\"c\"");
  EXPECT_EQ(eval("data.currency.upperAscii()"), "\"EUR\"");
  EXPECT_EQ(eval("data.total_cents < 0"), "false");
  EXPECT_EQ(eval("data.?total.optMap(t, int(t * 100))"), "2999");
  EXPECT_EQ(eval("type.split('.')[0]"), "\"order\"");
  EXPECT_EQ(eval("type + '.' + key"), "\"order.placed.o-1\"");
  EXPECT_EQ(eval("date(time - duration('1s'))"), "\"2026-04-03\"");
  EXPECT_EQ(eval("data.items.map(i, i.sku == data.data.sku ? {'sku': i.sku, 'quantity': data.quantity} : i)"),
            R"([{"sku":"a","quantity":3}])");
  EXPECT_EQ(eval("row.status == placed"), "problem at 0: row: row is not built yet");
}

// Random expressions from the language's own words: no crash, no endless run, and every answer in bounds.
TEST_F(Expressions, RandomTextNeverCrashes) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  static constexpr const char* kWords[] = {"data",     ".",         ".?",      "items",    "total",
                                           "order_id", "customer",  "nothing", "time",     "type",
                                           "(",        ")",         "[",       "[?",       "]",
                                           "{",        "}",         ",",       "?",        ":",
                                           "+",        "-",         "*",       "/",        "%",
                                           "!",        "&&",        "||",      "==",       "!=",
                                           "<",        ">=",        " in ",    "1",        "0",
                                           "2.5",      "'a'",       "''",      "r'\\'",    "true",
                                           "false",    "null",      "size",    "map",      "filter",
                                           "exists",   "optMap",    "orValue", "coalesce", "has",
                                           "int",      "string",    "double",  "decimal",  "timestamp",
                                           "duration", "date",      "week",    "split",    "trim",
                                           "round",    "json",      "i",       "i",        "9223372036854775807",
                                           "1e30",     "'\\u00e4'", "\"",      "'''",      "`x`",
                                           "optional", "none",      "of",      "epoch",    "uuid5",
                                           "substring"};
  int ran = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string text;
    for (std::size_t n = random() % 14 + 1; n > 0; --n) text += kWords[random() % std::size(kWords)];
    SCOPED_TRACE(text);
    const auto program = compiled(text);
    if (!program) {
      ASSERT_LE(program.error().position, text.size());
      ASSERT_FALSE(program.error().message.empty());
    } else {
      const auto value = run(*program);
      ran += value ? 1 : 0;
      if (!value) {
        ASSERT_FALSE(value.error().message.empty());
      }
    }
    if (round % 200 == 0) {
      arena.reset();
      attributes[kSlotType] = Value::text("order.placed");
    }
  }
  EXPECT_GT(ran, 100);
}

// Trees that always parse: operators and calls over values of every kind.
std::string random_tree(std::mt19937_64& random, int depth) {
  static constexpr const char* kLeaves[] = {"data.order_id",
                                            "data.total",
                                            "data.total_cents",
                                            "data.items",
                                            "data.customer",
                                            "data.reason",
                                            "data.flag",
                                            "data.?nothing.orValue(1)",
                                            "time",
                                            "type",
                                            "1",
                                            "-1",
                                            "0",
                                            "2.50",
                                            "'a'",
                                            "'äö'",
                                            "null",
                                            "true",
                                            "[]",
                                            "{}",
                                            "[1, 2]",
                                            "{'a': 1}",
                                            "duration('1h')",
                                            "date(time)",
                                            "double(2)",
                                            "data.big",
                                            "uuid5('dns', 'x')",
                                            "bytes('a')"};
  static constexpr const char* kOperators[] = {"+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", " in ", "&&", "||"};
  static constexpr const char* kFunctions[] = {"size",     "int",  "string", "double", "decimal", "bool", "timestamp",
                                               "duration", "date", "week",   "json",   "round",   "dyn"};
  static constexpr const char* kMethods[] = {".trim()",    ".size()",        ".split('')",        ".reverse()",         "[0]",
                                             ".a",         ".?a.hasValue()", ".map(i, i)",        ".exists(i, i == 1)", ".filter(i, true)",
                                             ".join(',')", ".charAt(0)",     ".replace('', 'x')", ".getHours()"};
  if (depth == 0) return kLeaves[random() % std::size(kLeaves)];
  switch (random() % 5) {
    case 0:
    case 1:
      return "(" + random_tree(random, depth - 1) + kOperators[random() % std::size(kOperators)] + random_tree(random, depth - 1) + ")";
    case 2: return std::string(kFunctions[random() % std::size(kFunctions)]) + "(" + random_tree(random, depth - 1) + ")";
    case 3: return "dyn(" + random_tree(random, depth - 1) + ")" + kMethods[random() % std::size(kMethods)];
    default:
      return "(" + random_tree(random, depth - 1) + " ? " + random_tree(random, depth - 1) + " : " + random_tree(random, depth - 1) + ")";
  }
}

TEST_F(Expressions, RandomTreesNeverCrashAndKeepTheirTypes) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  int ran = 0;
  for (int round = 0; round < 30'000; ++round) {
    const std::string text = random_tree(random, 1 + static_cast<int>(random() % 3));
    SCOPED_TRACE(text);
    const auto program = compiled(text);
    if (!program) continue;
    const auto value = run(*program);
    if (value) {
      ++ran;
      // What the checker promised is what came.
      const std::string promised = program->type().name();
      const std::string got(to_string(value->kind()));
      const bool list = promised.starts_with("list") && (got == "list" || got == "json");
      const bool map = promised == "map" && (got == "map" || got == "json");
      const bool widened = promised == "decimal" && got == "integer";
      ASSERT_TRUE(promised == "dyn" || got == "null" || promised == got || list || map || widened || promised.starts_with("optional"))
          << promised << " became " << got;
    }
    if (round % 200 == 0) {
      arena.reset();
      attributes[kSlotType] = Value::text("order.placed");
    }
  }
  EXPECT_GT(ran, 1'000);
}

TEST(DidYouMean, FindsSlipsAndNothingElse) {
  const std::vector<std::string> names{"order_id", "customer_id", "total_cents", "time", "id"};
  EXPECT_EQ(did_you_mean("orderId", names), "order_id");
  EXPECT_EQ(did_you_mean("oder_id", names), "order_id");
  EXPECT_EQ(did_you_mean("total_cent", names), "total_cents");
  EXPECT_EQ(did_you_mean("tmie", names), "time");
  EXPECT_EQ(did_you_mean("Id", names), "id");
  EXPECT_EQ(did_you_mean("x", names), std::nullopt);
  EXPECT_EQ(did_you_mean("something_else", names), std::nullopt);
  EXPECT_EQ(did_you_mean("", names), std::nullopt);
}

}  // namespace
}  // namespace foldline::expr
