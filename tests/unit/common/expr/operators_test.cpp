// Operators: exact numbers, times, comparison, logic.
#include "tests/unit/common/expr/harness.h"

namespace foldline::expr {
namespace {

TEST_F(Expressions, IntegersOverflowLoudly) {
  EXPECT_EQ(eval("data.total_cents + 1"), "3000");
  EXPECT_EQ(eval("data.big + 1"), "error: 9223372036854775807 + 1 does not fit in 64 bits (in data.big + 1)");
  EXPECT_EQ(eval("-data.big - 2"), "error: -9223372036854775807 - 2 does not fit in 64 bits (in -data.big - 2)");
  EXPECT_EQ(eval("data.big * 2"), "error: 9223372036854775807 * 2 does not fit in 64 bits (in data.big * 2)");
  EXPECT_EQ(eval("-(-data.big - 1)"), "error: -(-9223372036854775808) does not fit in 64 bits (in -(-data.big - 1))");
  EXPECT_EQ(eval("(-data.big - 1) / -1"), "error: -9223372036854775808 / -1 does not fit in 64 bits (in (-data.big - 1) / -1)");
  EXPECT_EQ(eval("(-data.big - 1) % -1"), "0");
  EXPECT_EQ(eval("9223372036854775807 + 1"), "problem at 20: 9223372036854775807 + 1 does not fit in 64 bits");
}

TEST_F(Expressions, DivisionOfIntegersTruncatesAsInCel) {
  EXPECT_EQ(eval("7 / 2"), "3");
  EXPECT_EQ(eval("-7 / 2"), "-3");
  EXPECT_EQ(eval("-7 % 2"), "-1");
  EXPECT_EQ(eval("data.total_cents / 0"), "error: 2999 / 0: division by zero (in data.total_cents / 0)");
  EXPECT_EQ(eval("data.total_cents % 0"), "error: 2999 % 0: division by zero (in data.total_cents % 0)");
  EXPECT_EQ(eval("1 / 0"), "problem at 2: 1 / 0: division by zero");
  EXPECT_EQ(eval("1.0 / 0"), "problem at 4: division of 1.0 by zero");
}

TEST_F(Expressions, IntegersWidenToDecimals) {
  EXPECT_EQ(eval("data.total * 100"), "2999.00");
  EXPECT_EQ(eval("int(data.total * 100)"), "2999");
  EXPECT_EQ(eval("0.1 + 0.2"), "0.3");
  EXPECT_EQ(eval("1 + 0.5"), "1.5");
  EXPECT_EQ(eval("decimal(1) / 3"), "0.3333333333333333");
  EXPECT_EQ(eval("2.50 - 2.5"), "0.00");
  EXPECT_EQ(eval("-data.total"), "-29.99");
  EXPECT_EQ(eval("5.5 % 2"), "problem at 4: 5.5 is decimal, 2 is integer: % is for integers");
  EXPECT_EQ(eval("data.total % 2"), "error: 29.99 % 2: % is for integers (in data.total % 2)");
  EXPECT_EQ(type_of("1 + 0.5"), "decimal");
  EXPECT_EQ(type_of("data.total + 1"), "dyn");
  EXPECT_EQ(type_of("data.total + 0.5"), "decimal");
}

TEST_F(Expressions, DecimalsAndDoublesNeverMix) {
  EXPECT_EQ(eval("double(data.total) + 0.5"),
            "problem at 19: double(data.total) is double, 0.5 is decimal: decimals and doubles never mix");
  EXPECT_EQ(eval("data.total + double(1)"), "error: 29.99 and 1: decimals and doubles never mix (in data.total + double(1))");
  EXPECT_EQ(eval("data.total < double(1)"), "error: 29.99 and 1: decimals and doubles never mix (in data.total < double(1))");
  EXPECT_EQ(eval("data.total == double(1)"), "error: 29.99 and 1: decimals and doubles never mix (in data.total == double(1))");
  EXPECT_EQ(eval("1.5 == double('1.5')"), "problem at 4: 1.5 is decimal, double('1.5') is double: decimals and doubles never mix");
  EXPECT_EQ(eval("double('1.5') * double('2')"), "3");
  EXPECT_EQ(eval("double('1.5') + 1"), "problem at 14: double('1.5') is double, 1 is integer");
  EXPECT_EQ(eval("double('1e308') * double('10')"), "problem at 16: 1e+308 * 10 is not a finite double");
  EXPECT_EQ(eval("1 < double('1.5')"), "true");  // comparing loses nothing
  EXPECT_EQ(eval("9007199254740993 == double('9007199254740992')"), "false");
  EXPECT_EQ(eval("9223372036854775807 < double('9223372036854775808')"), "true");
}

TEST_F(Expressions, Comparison) {
  EXPECT_EQ(eval("1 == 1.0"), "true");
  EXPECT_EQ(eval("1.10 == 1.1"), "true");
  EXPECT_EQ(eval("2 > 1.5"), "true");
  EXPECT_EQ(eval("'a' < 'b' && 'Z' < 'a'"), "true");
  EXPECT_EQ(eval("data.flag == true"), "true");
  EXPECT_EQ(eval("data.order_id == 5"), "false");  // CEL: different types differ
  EXPECT_EQ(eval("data.order_id != null"), "true");
  EXPECT_EQ(eval("null == null"), "true");
  EXPECT_EQ(eval("[1, 2.0] == [1.0, 2]"), "true");
  EXPECT_EQ(eval("data.items == []"), "false");
  EXPECT_EQ(eval("data.none == []"), "true");
  EXPECT_EQ(eval("data.empty == {}"), "true");
  EXPECT_EQ(eval("data.customer == {'address': {'city': 'Köln'}, 'name': 'Ann'}"), "true");
  EXPECT_EQ(eval("type == 5"), "problem at 5: type is text, 5 is integer");
  EXPECT_EQ(eval("'a' < 1"), "problem at 4: 'a' is text, 1 is integer");
  EXPECT_EQ(eval("data.order_id < 1"), "error: \"o-1\" < 1: there is no such operation on text and integer (in data.order_id < 1)");
  EXPECT_EQ(eval("data.reason < 1"), "error: null < 1: there is no such operation on null and integer (in data.reason < 1)");
  EXPECT_EQ(eval("[1] < [2]"), "problem at 4: [1] is list(integer), [2] is list(integer): there is no < for these");
}

TEST_F(Expressions, Times) {
  EXPECT_EQ(eval("time - timestamp('2026-04-03T22:00:00Z')"), "\"PT15M0.250000S\"");
  EXPECT_EQ(eval("time + duration('1h')"), "\"2026-04-03T23:15:00.250000Z\"");
  EXPECT_EQ(eval("duration('1h') + time"), "\"2026-04-03T23:15:00.250000Z\"");
  EXPECT_EQ(eval("time - duration('30m') < time"), "true");
  EXPECT_EQ(eval("duration('1h') - duration('15m') == duration('45m')"), "true");
  EXPECT_EQ(eval("timestamp(data.when) == time"), "true");
  EXPECT_EQ(eval("data.when == time"),
            "error: \"2026-04-03T22:15:00.250Z\" is text, 2026-04-03T22:15:00.250000Z a timestamp (in data.when == time)");
  EXPECT_EQ(hint("data.when == time"), "timestamp(x) reads the text");
  EXPECT_EQ(eval("date(time) == data.when"), "error: \"2026-04-03T22:15:00.250Z\" is text, 2026-04-03 a date (in date(time) == data.when)");
  EXPECT_EQ(eval("time == 'x'"), "problem at 5: time is timestamp, 'x' is text");
  EXPECT_EQ(eval("time + time"), "problem at 5: time is timestamp, time is timestamp: there is no + for these");
  EXPECT_EQ(eval("time + 1"), "problem at 5: time is timestamp, 1 is integer: there is no + for these");
  EXPECT_EQ(eval("timestamp('9999-12-31T00:00:00Z') + duration('24h')"), "problem at 34: 9999-12-31T00:00:00Z + PT24H is out of range");
}

TEST_F(Expressions, TextsAndListsAreJoined) {
  EXPECT_EQ(eval("data.order_id + '/' + data.currency"), "\"o-1/eur\"");
  EXPECT_EQ(eval("[1] + [2, 3]"), "[1,2,3]");
  EXPECT_EQ(eval("size(data.items + [1])"), "3");
  EXPECT_EQ(eval("'a' + 1"), "problem at 4: 'a' is text, 1 is integer: they can't be added");
  EXPECT_EQ(hint("'a' + 1"), "string(x) makes text of a number or a time");
  EXPECT_EQ(eval("data.order_id + data.total_cents"),
            "error: \"o-1\" + 2999: there is no such operation on text and integer (in data.order_id + data.total_cents)");
}

TEST_F(Expressions, InLooksIntoListsAndMaps) {
  EXPECT_EQ(eval("data.currency in ['eur', 'usd']"), "true");
  EXPECT_EQ(eval("data.total_cents in [1.0, 2999.0]"), "true");
  EXPECT_EQ(eval("'x' in data.items[1].tags"), "true");
  EXPECT_EQ(eval("'name' in data.customer"), "true");
  EXPECT_EQ(eval("'phone' in data.customer"), "false");
  EXPECT_EQ(eval("'o' in data.order_id"), "error: \"o-1\" is neither a list nor a map: in can't look into it (in 'o' in data.order_id)");
  EXPECT_EQ(eval("'a' in 'abc'"), "problem at 4: 'a' is text, 'abc' is text: in looks into a list or a map of this type");
  EXPECT_EQ(eval("type in [1, 2]"), "problem at 5: type is text, [1, 2] is list(integer): in looks into a list or a map of this type");
}

TEST_F(Expressions, LogicAbsorbsErrorsAsInCel) {
  EXPECT_EQ(eval("data.nothing == 1 || true"), "true");
  EXPECT_EQ(eval("true || data.nothing == 1"), "true");
  EXPECT_EQ(eval("data.nothing == 1 && data.flag == false"), "false");
  EXPECT_EQ(eval("data.nothing == 1 && data.flag"), "error: data.nothing is missing (in data.nothing == 1 && data.flag)");
  EXPECT_EQ(eval("data.nothing == 1 || data.missing == 1"), "error: data.nothing is missing (in data.nothing == 1 || data.missing == 1)");
  EXPECT_EQ(eval("data.flag && data.total_cents"), "error: 2999 is not a bool (in data.flag && data.total_cents)");
  EXPECT_EQ(eval("data.reason || data.flag"), "true");
  EXPECT_EQ(eval("1 && true"), "problem at 0: an operand of && must be a bool, 1 is integer");
  EXPECT_EQ(eval("!data.flag"), "false");
  EXPECT_EQ(eval("!data.total_cents"), "error: 2999 is not a bool: ! can't negate it (in !data.total_cents)");
  EXPECT_EQ(eval("!'a'"), "problem at 0: 'a' is text: ! takes a bool");
  EXPECT_EQ(eval("-'a'"), "problem at 0: 'a' is text: - takes a number");
  EXPECT_EQ(eval("-data.order_id"), "error: \"o-1\" is not a number: - can't negate it (in -data.order_id)");
}

TEST_F(Expressions, OnlyTheChosenBranchRuns) {
  EXPECT_EQ(eval("data.flag ? 1 : data.nothing"), "1");
  EXPECT_EQ(eval("data.total_cents ? 1 : 2"), "error: 2999 is not a bool (in data.total_cents ? 1 : 2)");
  EXPECT_EQ(eval("1 ? 2 : 3"), "problem at 0: what stands before ? must be a bool, 1 is integer");
  EXPECT_EQ(type_of("data.flag ? 1 : 2.5"), "decimal");
  EXPECT_EQ(type_of("data.flag ? 1 : null"), "integer");
  EXPECT_EQ(type_of("data.flag ? data.?a : 'x'"), "optional");
}

TEST_F(Expressions, UuidsCompareWithTheirText) {
  EXPECT_EQ(eval("uuid5('dns', 'a') == string(uuid5('dns', data.currency == 'eur' ? 'a' : 'b')).upperAscii()"), "true");
  EXPECT_EQ(eval("uuid5('dns', data.currency) == data.order_id"), "error: \"o-1\" is not a UUID: it can't be compared with " +
                                                                      std::string(eval("string(uuid5('dns', 'eur'))")).substr(1, 36) +
                                                                      " (in uuid5('dns', data.currency) == data.order_id)");
}

}  // namespace
}  // namespace foldline::expr
