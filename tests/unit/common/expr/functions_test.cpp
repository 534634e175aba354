// Functions, methods and macros.
#include "tests/unit/common/expr/harness.h"

namespace foldline::expr {
namespace {

TEST_F(Expressions, SizeCountsCharactersElementsAndEntries) {
  EXPECT_EQ(eval("size('Köln')"), "4");
  EXPECT_EQ(eval("'Köln'.size()"), "4");
  EXPECT_EQ(eval("size(data.items)"), "2");
  EXPECT_EQ(eval("data.items.size()"), "2");
  EXPECT_EQ(eval("size(data.customer)"), "2");
  EXPECT_EQ(eval("size(data.none) + size(data.empty)"), "0");
  EXPECT_EQ(eval("size([1, 2, 3])"), "3");
  EXPECT_EQ(eval("size(bytes('Köln'))"), "5");
  EXPECT_EQ(eval("size(data.total_cents)"), "error: size() takes text, bytes, list or map, not integer (2999) (in size(data.total_cents))");
  EXPECT_EQ(eval("size(1)"), "problem at 5: size() takes text, bytes, list or map; 1 is integer");
  EXPECT_EQ(eval("size(data.reason)"), "error: size() takes text, bytes, list or map, not null (null) (in size(data.reason))");
  EXPECT_EQ(eval("size()"), "problem at 0: size() does not take 0 arguments");
  EXPECT_EQ(eval("size(1, 2)"), "problem at 0: size() does not take 2 arguments");
}

TEST_F(Expressions, TextFunctions) {
  EXPECT_EQ(eval("data.currency.upperAscii()"), "\"EUR\"");
  EXPECT_EQ(eval("'ÄBC'.lowerAscii()"), "\"Äbc\"");
  EXPECT_EQ(eval("'  a b\t\\u00a0\\u2003'.trim()"), "\"a b\"");
  EXPECT_EQ(eval("'   '.trim()"), "\"\"");
  EXPECT_EQ(eval("'ä'.trim()"), "\"ä\"");
  EXPECT_EQ(eval("type.startsWith('order.') && type.endsWith('placed') && type.contains('.')"), "true");
  EXPECT_EQ(eval("'a.b.c'.split('.')"), R"(["a","b","c"])");
  EXPECT_EQ(eval("'acme.orders'.split('.')[0]"), "\"acme\"");
  EXPECT_EQ(eval("'a.b.c'.split('.', 2)"), R"(["a","b.c"])");
  EXPECT_EQ(eval("'a.b.c'.split('.', 0)"), "[]");
  EXPECT_EQ(eval("'a.b.c'.split('.', 1)"), R"(["a.b.c"])");
  EXPECT_EQ(eval("'äbc'.split('')"), R"(["ä","b","c"])");
  EXPECT_EQ(eval("''.split('.')"), R"([""])");
  EXPECT_EQ(eval("''.split('')"), "[]");
  EXPECT_EQ(eval("'.a.'.split('.')"), R"(["","a",""])");
  EXPECT_EQ(eval("['a', 'b'].join('-')"), "\"a-b\"");
  EXPECT_EQ(eval("['a', 'b'].join()"), "\"ab\"");
  EXPECT_EQ(eval("data.items[1].tags.join(',')"), "\"x\"");
  EXPECT_EQ(eval("data.items.map(i, i.sku).join(',')"), "\"a,b\"");
  EXPECT_EQ(eval("[1].join(',')"), "problem at 4: join() takes a list of texts, not 1");
  EXPECT_EQ(eval("'tacocat'.substring(4)"), "\"cat\"");
  EXPECT_EQ(eval("'tacocat'.substring(0, 4)"), "\"taco\"");
  EXPECT_EQ(eval("'äöü'.substring(1, 2)"), "\"ö\"");
  EXPECT_EQ(eval("'abc'.substring(4)"), "problem at 6: place 4 is outside of \"abc\" (of 3 characters)");
  EXPECT_EQ(eval("'abc'.substring(2, 1)"), "problem at 6: substring(2, 1) ends before it starts");
  EXPECT_EQ(eval("'äbc'.charAt(0) + 'abc'.charAt(3)"), "\"ä\"");
  EXPECT_EQ(eval("'hello mellow'.indexOf('ello')"), "1");
  EXPECT_EQ(eval("'hello mellow'.indexOf('ello', 2)"), "7");
  EXPECT_EQ(eval("'hello'.indexOf('x')"), "-1");
  EXPECT_EQ(eval("'ähello'.indexOf('l')"), "3");
  EXPECT_EQ(eval("'hello mellow'.lastIndexOf('ello')"), "7");
  EXPECT_EQ(eval("'hello mellow'.lastIndexOf('ello', 6)"), "1");
  EXPECT_EQ(eval("'hello hello'.replace('he', 'we')"), "\"wello wello\"");
  EXPECT_EQ(eval("'hello hello'.replace('he', 'we', 1)"), "\"wello hello\"");
  EXPECT_EQ(eval("'hello'.replace('l', '')"), "\"heo\"");
  EXPECT_EQ(eval("'ab'.replace('', '_')"), "\"_a_b_\"");
  EXPECT_EQ(eval("'abä'.reverse()"), "\"äba\"");
  EXPECT_EQ(eval("data.total_cents.trim()"), "error: trim() takes text, not integer (2999) (in data.total_cents.trim())");
  EXPECT_EQ(eval("time.trim()"), "problem at 0: trim() takes text; time is timestamp");
}

TEST_F(Expressions, Conversions) {
  EXPECT_EQ(eval("int('42') + int(42.0) + int(double('42'))"), "126");
  EXPECT_EQ(eval("int(2.5)"), "problem at 0: int(x): 2.5 has a fraction");
  EXPECT_EQ(eval("int(data.total)"), "error: int(x): 29.99 has a fraction (in int(data.total))");
  EXPECT_EQ(eval("int(double('2.5'))"), "problem at 0: int(x): 2.5 has a fraction");
  EXPECT_EQ(eval("int('abc')"), "problem at 0: \"abc\" is not an integer");
  EXPECT_EQ(eval("int(timestamp('1970-01-01T00:00:01.9Z'))"), "1");
  EXPECT_EQ(eval("int(timestamp('1969-12-31T23:59:59.5Z'))"), "-1");
  EXPECT_EQ(eval("string(42) + string(1.50) + string(true) + string('x')"), "\"421.50truex\"");
  EXPECT_EQ(eval("string(duration('1h30m')) + string(duration('1500ms'))"), "\"5400s1.5s\"");
  EXPECT_EQ(eval("string(date(time))"), "\"2026-04-03\"");
  EXPECT_EQ(eval("string(time)"), "\"2026-04-03T22:15:00.250000Z\"");
  EXPECT_EQ(eval("string(double('0.1'))"), "\"0.1\"");
  EXPECT_EQ(eval("string(bytes('ä'))"), "\"ä\"");
  EXPECT_EQ(eval("string(data.items)"),
            "error: string() takes bool, integer, decimal, double, text, bytes, timestamp, date, interval or uuid, not list "
            "([{\"sku\":\"a\",\"quantity\":2,\"tags\":[]},{\"sku\":\"b\",\"quantity\":1,\"tags\":[\"x\"]}]) (in string(data.items))");
  EXPECT_EQ(kind_of("decimal('1.50')"), "decimal");
  EXPECT_EQ(eval("decimal(double('0.1')) + 0.2"), "0.3");
  EXPECT_EQ(kind_of("double(1)"), "double");
  EXPECT_EQ(eval("double('inf')"), "problem at 0: \"inf\" is not a double");
  EXPECT_EQ(eval("bool('true') && !bool('f')"), "true");
  EXPECT_EQ(eval("bool('yes')"), "problem at 0: \"yes\" is not a bool");
  EXPECT_EQ(eval("timestamp(0)"), "\"1970-01-01T00:00:00Z\"");
  EXPECT_EQ(eval("timestamp(data.ts)"), "\"2026-04-03T22:15:00Z\"");
  EXPECT_EQ(eval("timestamp(1775254500000)"), "problem at 0: timestamp(1775254500000) is out of range: years are 0001 to 9999");
  EXPECT_EQ(eval("timestamp('yesterday')"), "problem at 0: \"yesterday\" is not a timestamp");
  EXPECT_EQ(eval("json('{\"a\": [1.50]}').a[0]"), "1.50");
  EXPECT_EQ(eval("json(data.order_id)").substr(0, 37), "error: json(x): not well-formed JSON:");
  EXPECT_EQ(eval("size(json(data.items))"), "2");
}

TEST_F(Expressions, Rounding) {
  EXPECT_EQ(eval("round(2.345, 2)"), "2.35");
  EXPECT_EQ(eval("round(-2.5, 0)"), "-3");
  EXPECT_EQ(eval("round(2.5)"), "3");
  EXPECT_EQ(eval("round(2, 2)"), "2");
  EXPECT_EQ(eval("round(data.total * 3 / 7, 2)"), "12.85");
  EXPECT_EQ(eval("int(round(data.total, 0))"), "30");
  EXPECT_EQ(eval("round(1.5, 39)"), "problem at 0: round(x, 39): digits of fraction are 0 to 38");
  EXPECT_EQ(eval("round(double('1.5'), 0)"), "problem at 6: round() takes integer or decimal; double('1.5') is double");
}

TEST_F(Expressions, DaysWeeksAndMonthsOfTheProjectionsZone) {
  EXPECT_EQ(eval("date(time)"), "\"2026-04-03\"");
  EXPECT_EQ(eval("week(time)"), "\"2026-W14\"");
  EXPECT_EQ(eval("month(time)"), "\"2026-04\"");
  EXPECT_EQ(eval("date(time, 'Europe/Berlin')"), "\"2026-04-04\"");
  EXPECT_EQ(eval("week(timestamp('2027-01-01T00:00:00Z'))"), "\"2026-W53\"");
  EXPECT_EQ(eval("week(timestamp('2024-12-30T00:00:00Z'))"), "\"2025-W01\"");
  EXPECT_EQ(eval("week(timestamp('2023-01-01T00:00:00Z'))"), "\"2022-W52\"");
  EXPECT_EQ(eval("month(date(time))"), "\"2026-04\"");
  scope.set_zone(*Zone::load("Europe/Berlin"));
  EXPECT_EQ(eval("date(time)"), "\"2026-04-04\"");
  EXPECT_EQ(eval("date(time, 'UTC')"), "\"2026-04-03\"");
  EXPECT_EQ(eval("time.getHours()"), "0");
  EXPECT_EQ(eval("time.getHours('UTC')"), "22");
  EXPECT_EQ(eval("date(time, 'Mars')").substr(0, 13), "problem at 11");
  EXPECT_EQ(eval("date(time, type)"), "problem at 11: the zone must be a constant text");
  EXPECT_EQ(eval("date(data.when)"), "error: date() takes timestamp or date, not text (\"2026-04-03T22:15:00.250Z\") (in date(data.when))");
  EXPECT_EQ(eval("date('2026-04-03')"), "problem at 5: date() takes timestamp or date; '2026-04-03' is text");
  EXPECT_EQ(hint("date('2026-04-03')"), "date(timestamp(x)) takes the day of a text's time");
}

TEST_F(Expressions, PartsOfATime) {
  EXPECT_EQ(eval("time.getFullYear()"), "2026");
  EXPECT_EQ(eval("time.getMonth()"), "3");
  EXPECT_EQ(eval("time.getDate()"), "3");
  EXPECT_EQ(eval("time.getDayOfMonth()"), "2");
  EXPECT_EQ(eval("time.getDayOfWeek()"), "5");
  EXPECT_EQ(eval("time.getDayOfYear()"), "92");
  EXPECT_EQ(eval("time.getHours() * 10000 + time.getMinutes() * 100 + time.getSeconds()"), "221500");
  EXPECT_EQ(eval("time.getMilliseconds()"), "250");
  EXPECT_EQ(eval("duration('90m').getHours()"), "1");
  EXPECT_EQ(eval("duration('90m').getMinutes()"), "90");
}

TEST_F(Expressions, EpochTakesAUnit) {
  EXPECT_EQ(eval("epoch(data.ts, 's')"), "\"2026-04-03T22:15:00Z\"");
  EXPECT_EQ(eval("epoch(1775254500250, 'ms')"), "\"2026-04-03T22:15:00.250000Z\"");
  EXPECT_EQ(eval("epoch(1775254500.25, 's')"), "\"2026-04-03T22:15:00.250000Z\"");
  EXPECT_EQ(eval("epoch(1500, 'ns')"), "\"1970-01-01T00:00:00.000001Z\"");
  EXPECT_EQ(eval("epoch(-1, 'ns')"), "\"1969-12-31T23:59:59.999999Z\"");
  EXPECT_EQ(eval("epoch(data.ts, 'sec')"), "problem at 15: \"sec\" is no unit of epoch()");
  EXPECT_EQ(eval("epoch(data.ts, 'ms') < time"), "true");
  EXPECT_EQ(eval("epoch(data.big, 's')").substr(0, 6), "error:");
}

TEST_F(Expressions, Uuid5IsRfc4122) {
  EXPECT_EQ(eval("uuid5('dns', 'www.example.com')"), "\"2ed6657d-e927-568b-95e1-2665a8aea6a2\"");  // Python's uuid.uuid5
  EXPECT_EQ(eval("uuid5('6ba7b811-9dad-11d1-80b4-00c04fd430c8', 'http://python.org/')"), "\"4c565f0d-3f5a-5890-b41b-20cf47701c5e\"");
  EXPECT_EQ(eval("uuid5('dns', '" + std::string(200, 'a') + "')"), "\"fe30bfa6-ef90-59b3-b108-118411d0f0ab\"");
  EXPECT_EQ(eval("uuid5('nope', 'a')"), "problem at 0: uuid5(): \"nope\" is no namespace");
}

TEST_F(Expressions, Loops) {
  EXPECT_EQ(eval("data.items.map(i, i.quantity)"), "[2,1]");
  EXPECT_EQ(eval("data.items.map(i, i.quantity > 1, i.sku)"), "[\"a\"]");
  EXPECT_EQ(eval("data.items.filter(i, i.sku == 'b')"), R"([{"sku":"b","quantity":1,"tags":["x"]}])");
  EXPECT_EQ(eval("data.items.exists(i, i.quantity == 1)"), "true");
  EXPECT_EQ(eval("data.items.all(i, i.quantity == 1)"), "false");
  EXPECT_EQ(eval("data.items.exists_one(i, i.quantity == 1)"), "true");
  EXPECT_EQ(eval("data.none.all(i, i.x) && !data.none.exists(i, i.x)"), "true");
  EXPECT_EQ(eval("[1, 2].map(i, [3, 4].map(j, i * j))"), "[[3,4],[6,8]]");
  EXPECT_EQ(eval("{'a': 1, 'b': 2}.map(k, k)"), "[\"a\",\"b\"]");
  EXPECT_EQ(eval("data.customer.exists(k, k == 'name')"), "true");
  EXPECT_EQ(eval("data.items.exists(i, i.nothing == 1 || i.sku == 'b')"), "true");
  EXPECT_EQ(eval("data.items.exists(i, i.sku == 'b' ? true : i.nothing)"), "true");  // an error is absorbed by the element that decides
  EXPECT_EQ(eval("data.items.map(i, i.nothing)"), "error: i.nothing is missing (in data.items.map(i, i.nothing))");
  EXPECT_EQ(eval("data.items.map(i, i.?nothing)"), "problem at 21: i.?nothing is optional: it may be none");
  EXPECT_EQ(eval("data.items.map(i, {'sku': i.sku, ?'n': i.?nothing})"), R"([{"sku":"a"},{"sku":"b"}])");
  EXPECT_EQ(eval("data.order_id.map(i, i)"), "error: \"o-1\" is neither a list nor a map (in data.order_id.map(i, i))");
  EXPECT_EQ(eval("type.map(i, i)"), "problem at 5: type is text: map() is for lists and maps");
  EXPECT_EQ(eval("data.items.map(1, 2)"), "problem at 15: 1 must be a name for the element");
  EXPECT_EQ(eval("data.items.filter(i, i.sku)"), "error: \"a\" is not a bool (in data.items.filter(i, i.sku))");
  EXPECT_EQ(eval("[1].filter(i, i)"), "problem at 14: the test of filter() must be a bool, i is integer");
  EXPECT_EQ(eval("data.items.map(i)"), "problem at 11: map() does not take 1 argument");
  EXPECT_EQ(eval("i"), "problem at 0: unknown name i");
  EXPECT_EQ(type_of("data.items.map(i, i.sku + '!')"), "list(text)");
}

TEST_F(Expressions, LoopsHaveABudget) {
  std::string list = "[0";
  for (int i = 1; i < 200; ++i) list += "," + std::to_string(i);
  list += "]";
  const std::string text = "data.many.map(a, data.many.map(b, data.many.exists(c, c == 200)))";
  record = R"({"payload": {"many": )" + list + "}}";
  EXPECT_NE(eval(text).find("more than 1000000 rounds of loops"), std::string::npos);
}

TEST_F(Expressions, UnknownFunctionsComeWithASuggestion) {
  EXPECT_EQ(eval("sze(data.items)"), "problem at 0: unknown function sze()");
  EXPECT_EQ(hint("sze(data.items)"), "did you mean size()?");
  EXPECT_EQ(eval("data.order_id.upper()"), "problem at 14: unknown function upper()");
  EXPECT_EQ(eval("data.order_id.startswith('o')"), "problem at 14: unknown function startswith()");
  EXPECT_EQ(hint("data.order_id.startswith('o')"), "did you mean startsWith()?");
  EXPECT_EQ(eval("upperAscii('a')"), "problem at 0: upperAscii is not called like this");
  EXPECT_EQ(hint("upperAscii('a')"), "x.upperAscii(…)");
  EXPECT_EQ(eval("time.date()"), "problem at 5: date is not called like this");
  EXPECT_EQ(eval("data.order_id.matches('a')"), "problem at 14: matches() is not built yet");
  EXPECT_EQ(eval("now()"), "problem at 0: now() is not part of the language");
  EXPECT_EQ(eval("hash('a')"), "problem at 0: hash() is not built yet");
}

}  // namespace
}  // namespace foldline::expr
