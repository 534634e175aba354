// What the words of `foldline query` mean, how rows are printed, and which rows an expression lets through.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cmd/foldline/project.h"
#include "cmd/foldline/query.h"
#include "cmd/foldline/query_key.h"
#include "cmd/foldline/query_position.h"
#include "cmd/foldline/query_table.h"
#include "cmd/foldline/query_where.h"
#include "common/time.h"

namespace foldline {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kFile = R"yaml(
projection: shop
source: {topics: orders, partition_key: data.id, envelope: flat}
store: {memory: {}}
views:
  revenue:
    key: {day: date, currency: text, shop: int}
    fields:
      price: numeric(8,2)
      orders: bigint
      share: double
      paid: bool
      at: timestamptz
      state: {enum: [placed, shipped]}
      note: text
      more: json
      tags: list(text)
    cross_partition: never
    on_event: {a: {copy: [price, orders, share, paid, at, state, note, more, tags]}}
)yaml";

class Query : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(directory_);
    ::setenv("KAFKA_BROKERS", "localhost:9092", 1);
    std::ofstream(path_) << kFile;
    std::ostringstream err;
    projection_ = load_projection(path_.string(), "", err);
    ASSERT_NE(projection_, nullptr) << err.str();
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] const ViewSchema& view() const { return projection_->views[0]; }

  [[nodiscard]] rows::StoredRow row() const {
    Arena arena;
    const Value key[] = {Value::date(*parse_date_days("2026-04-03")), Value::text("EUR"), Value::integer(7)};
    rows::StoredRow out = rows::new_row(view(), key);
    const Value tags[] = {Value::text("a"), Value::text("b\x1b")};
    const Value values[] = {Value::decimal(*Decimal::parse("12.5")),
                            Value::integer(9'007'199'254'740'993),
                            Value::floating(0.1),
                            Value::boolean(true),
                            Value::timestamp(*parse_timestamp_us("2026-04-03T09:15:00.25Z")),
                            Value::text("placed"),
                            Value::null(),
                            Value::json(R"({"a":{"b":[1,2]},"c":null})"),
                            Value::list(tags)};
    for (std::size_t i = 0; i < std::size(values); ++i) out.fields[i] = rows::OwnedValue(values[i]);
    return out;
  }

  [[nodiscard]] Result<bool> judged(const std::vector<std::string>& texts) const {
    auto filter = RowFilter::compile(*projection_, view(), texts);
    if (!filter) return fail(filter.error());
    return filter->matches(row());
  }

  [[nodiscard]] std::string narrowed(const std::string& text, const std::vector<std::string>& words = {}) const {
    auto key = parse_key(view(), words);
    auto filter = RowFilter::compile(*projection_, view(), {text});
    if (!key || !filter) return "error";
    filter->narrow(view(), *key);
    std::string out;
    for (std::size_t i = 0; i < key->size(); ++i) out += cell_text((*key)[i], view().key[i].type) + " ";
    return out;
  }

  static QueryCommand of_view(const std::string& name) {
    QueryCommand out;
    out.view = name;
    return out;
  }

  [[nodiscard]] int run(QueryCommand command, std::string& said) const {
    command.file = path_.string();
    std::ostringstream out;
    std::ostringstream err;
    const int code = query_view(command, out, err);
    said = out.str() + err.str();
    return code;
  }

  std::filesystem::path directory_ = std::filesystem::path(::testing::TempDir()) / ("foldline_query_" + std::to_string(::getpid()));
  std::filesystem::path path_ = directory_ / "p.yaml";
  Projection projection_;
};

TEST_F(Query, KeysAreTypedByTheView) {
  const auto key = parse_key(view(), {"2026-04-03", "EUR", "-5"});
  ASSERT_TRUE(key) << key.error().message;
  Arena arena;
  EXPECT_TRUE(equal((*key)[0].view(arena), Value::date(*parse_date_days("2026-04-03"))));
  EXPECT_TRUE(equal((*key)[1].view(arena), Value::text("EUR")));
  EXPECT_TRUE(equal((*key)[2].view(arena), Value::integer(-5)));
  EXPECT_EQ(parse_key(view(), {})->size(), 0U);
}

TEST_F(Query, AValueThatItsTypeDoesNotTakeIsNamedWithItsPartAndType) {
  auto key = parse_key(view(), {"tomorrow"});
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().message, "KEY 1 (day): \"tomorrow\" is not a date");
  EXPECT_EQ(key.error().hint, "write it as 2026-04-03");
  key = parse_key(view(), {"2026-04-03", "EUR", "99999999999"});
  ASSERT_FALSE(key);
  EXPECT_THAT(key.error().message, HasSubstr("is not an int"));
  key = parse_key(view(), {"2026-04-03", "EUR", "1", "2"});
  ASSERT_FALSE(key);
  EXPECT_THAT(key.error().message, HasSubstr("has 3 parts, and 4 are given"));
  EXPECT_EQ(key.error().hint, "in order: day date, currency text, shop int");
}

TEST_F(Query, WordsOfEveryKeyTypeAreUnderstood) {
  const auto parse_one = [](TypeKind kind, const std::string& word) {
    ViewSchema one;
    one.key.push_back({"k", Type{kind, 0, 0, {}, nullptr}, ""});
    return parse_key(one, {word}).has_value();
  };
  EXPECT_TRUE(parse_one(TypeKind::boolean, "true"));
  EXPECT_FALSE(parse_one(TypeKind::boolean, "yes"));
  EXPECT_TRUE(parse_one(TypeKind::bytes, "AAE="));
  EXPECT_FALSE(parse_one(TypeKind::bytes, "not base64"));
  EXPECT_TRUE(parse_one(TypeKind::numeric, "12.50"));
  EXPECT_FALSE(parse_one(TypeKind::numeric, "12,50"));
  EXPECT_TRUE(parse_one(TypeKind::uuid, "123e4567-e89b-12d3-a456-426614174000"));
  EXPECT_TRUE(parse_one(TypeKind::timestamptz, "2026-04-03T09:15:00+02:00"));
  EXPECT_TRUE(parse_one(TypeKind::interval, "1h30m"));
  EXPECT_TRUE(parse_one(TypeKind::inet, "10.0.0.1"));
  EXPECT_FALSE(parse_one(TypeKind::inet, "10.0.0"));
}

TEST_F(Query, UnknownNamesAreAnsweredWithThoseThatThereAre) {
  const auto found = find_view(projection_->views, "revenu");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().hint, "did you mean revenue? the views are: revenue");
  const auto columns = choose_columns(view(), {"day", "prices"});
  ASSERT_FALSE(columns);
  EXPECT_THAT(columns.error().message, HasSubstr("has no prices"));
  EXPECT_THAT(columns.error().hint, StartsWith("did you mean price? it has: day date, currency text"));
  std::string said;
  QueryCommand wrong_where = of_view("revenue");
  wrong_where.where = {"prise > 1"};
  QueryCommand wrong_wait = of_view("revenue");
  wrong_wait.wait_for = "elsewhere:0:1";
  EXPECT_EQ(run(of_view("nothing"), said), 2);
  EXPECT_EQ(run(wrong_where, said), 2);
  EXPECT_THAT(said, HasSubstr("unknown name prise\n  prise > 1\n  ^\n"));
  EXPECT_THAT(said, HasSubstr("did you mean price"));
  EXPECT_EQ(run(wrong_wait, said), 2);
  EXPECT_EQ(run(of_view("revenue"), said), 0);
  EXPECT_THAT(said, HasSubstr("0 rows"));
}

TEST_F(Query, WithoutAViewTheyAreListed) {
  std::string said;
  EXPECT_EQ(run({}, said), 0);
  EXPECT_THAT(
      said,
      HasSubstr("revenue\n  table   revenue\n  key     day date, currency text, shop int\n  fields  price numeric(8,2), orders bigint"));
  QueryCommand as_json;
  as_json.json = true;
  EXPECT_EQ(run(as_json, said), 0);
  EXPECT_THAT(said, StartsWith(R"({"view":"revenue","kind":"table","name":"revenue","key":[{"name":"day","type":"date"},)"));
}

TEST_F(Query, JsonHoldsEveryDigitAndStaysOnOneLine) {
  std::ostringstream out;
  RowPrinter printer(columns_of(view()), true, out);
  printer.add(row());
  printer.finish();
  EXPECT_EQ(
      out.str(),
      "{\"day\":\"2026-04-03\",\"currency\":\"EUR\",\"shop\":7,\"price\":12.50,\"orders\":9007199254740993,\"share\":0.1,\"paid\":true,"
      "\"at\":\"2026-04-03T09:15:00.250000Z\",\"state\":\"placed\",\"note\":null,\"more\":{\"a\":{\"b\":[1,2]},\"c\":null},"
      "\"tags\":[\"a\",\"b\\u001b\"]}\n");
}

TEST_F(Query, TablesAlignNumbersAndShowNullAsNothingAndAnEmptyTextAsTwoQuotes) {
  std::ostringstream out;
  RowPrinter printer(*choose_columns(view(), {"currency", "price", "note"}), false, out);
  rows::StoredRow first = row();
  printer.add(first);
  first.key[1] = rows::OwnedValue(Value::text("Kč"));
  first.fields[0] = rows::OwnedValue(Value::decimal(*Decimal::parse("-1234.00")));
  first.fields[6] = rows::OwnedValue(Value::text(""));
  printer.add(first);
  printer.finish();
  EXPECT_EQ(out.str(),
            "currency     price  note\n"
            "EUR          12.50\n"
            "Kč        -1234.00  \"\"\n");
}

TEST_F(Query, ALongTableBeginsToAppearBeforeItEnds) {
  std::ostringstream out;
  RowPrinter printer(*choose_columns(view(), {"currency"}), false, out);
  for (std::size_t i = 0; i < kRowsToMeasure; ++i) printer.add(row());
  EXPECT_GT(out.str().size(), kRowsToMeasure * 4);
  printer.add(row());
  printer.finish();
  EXPECT_THAT(out.str(), StartsWith("currency\nEUR\n"));
}

TEST_F(Query, NothingThatIsStoredSteersTheTerminal) {
  EXPECT_EQ(visible("a\x1b[31mred\n\t\r\x7f"), "a\\x1b[31mred\\n\\t\\r\\x7f");
  EXPECT_EQ(visible("\xc2\x9b"
                    "31m"),
            "\\u009b31m");  // CSI in one character
  EXPECT_EQ(visible("\xe2\x80\xae"
                    "live"),
            "\\u202elive");                                                          // right to left
  EXPECT_EQ(visible("\xff\xc0\xaf\xed\xa0\x80"), "\\xff\\xc0\\xaf\\xed\\xa0\\x80");  // no UTF-8: overlong, surrogate
  EXPECT_EQ(visible("\xe2\x82"), "\\xe2\\x82");                                      // cut short
  EXPECT_EQ(visible("Grüße 株 🚀"), "Grüße 株 🚀");
  std::ostringstream out;
  RowPrinter printer(*choose_columns(view(), {"tags"}), false, out);
  printer.add(row());
  printer.finish();
  EXPECT_EQ(out.str().find('\x1b'), std::string::npos) << out.str();
}

TEST_F(Query, LongCellsAreCutBetweenCharacters) {
  std::ostringstream out;
  RowPrinter printer(*choose_columns(view(), {"note"}), false, out);
  rows::StoredRow one = row();
  std::string text;
  for (std::size_t i = 0; i < kMaxCellChars + 1; ++i) text += "ü";
  one.fields[6] = rows::OwnedValue(Value::text(text));
  printer.add(one);
  printer.finish();
  EXPECT_EQ(out.str(), "note\n" + text.substr(0, 2 * kMaxCellChars) + "…\n");
}

TEST_F(Query, ExpressionsAreTheWorkersOwn) {
  EXPECT_TRUE(*judged({"price == 12.5 && orders > 9007199254740992"}));
  EXPECT_FALSE(*judged({"price > 12.50"}));
  EXPECT_FALSE(*judged({"price == 12.5", "currency == \"USD\""}));
  EXPECT_TRUE(*judged({"state == placed"}));  // a member of the file's enums
  EXPECT_TRUE(*judged({"note == null"}));
  EXPECT_TRUE(*judged({"more.a.b[1] == 2 && size(tags) == 2 && \"a\" in tags"}));
  EXPECT_TRUE(*judged({"day == date(timestamp(\"2026-04-03T00:00:00Z\")) && at > timestamp(\"2026-04-03T09:00:00Z\")"}));
  EXPECT_TRUE(*judged({"!has(more.x)"}));
}

TEST_F(Query, WhatCannotBeToldOfARowIsAnErrorOfThatRow) {
  const auto answer = judged({"note < \"x\""});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::expression);
  EXPECT_THAT(answer.error().message, HasSubstr("null"));
  const auto wrong = judged({"price + 1"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::config);
}

TEST_F(Query, EqualityOfKeyPartsNarrowsTheKey) {
  EXPECT_EQ(narrowed("day == date(timestamp(\"2026-04-03T00:00:00Z\")) && currency == \"EUR\" && price > 1"), "2026-04-03 EUR ");
  EXPECT_EQ(narrowed("\"EUR\" == currency && date(timestamp(\"2026-04-03T00:00:00Z\")) == day"), "2026-04-03 EUR ");
  EXPECT_EQ(narrowed("currency == \"EUR\" && shop == 7", {"2026-04-03"}), "2026-04-03 EUR 7 ");
  EXPECT_EQ(narrowed("currency == \"EUR\""), "");  // not the next part: the store would have to go through all
  EXPECT_EQ(narrowed("day == date(timestamp(\"2026-04-03T00:00:00Z\")) || currency == \"EUR\""), "");
  EXPECT_EQ(narrowed("day == date(at)"), "");
  EXPECT_EQ(narrowed("!(day == date(timestamp(\"2026-04-03T00:00:00Z\")))"), "");
  EXPECT_EQ(narrowed("day > date(timestamp(\"2026-04-03T00:00:00Z\"))"), "");
}

TEST_F(Query, PositionsToWaitForAreTopicPartitionAndOffset) {
  const auto marks = parse_wait_for("orders:0:41,orders:1:7,orders:0:40", projection_->file);
  ASSERT_TRUE(marks) << marks.error().message;
  EXPECT_EQ(*marks, (AppliedMarks{{{"orders", 0}, 41}, {{"orders", 1}, 7}}));
  for (const char* text : {"", "orders", "orders:0", ":0:1", "orders:x:1", "orders:0:-1", "orders:0:1,", "elsewhere:0:1"}) {
    EXPECT_FALSE(parse_wait_for(text, projection_->file)) << text;
  }
}

TEST_F(Query, WaitingEndsAtItsDeadlineAndSaysWhereTheStoreStands) {
  auto store = open_projection_store(*projection_);
  ASSERT_TRUE(store);
  const auto reached = wait_for(**store, {{{"orders", 0}, 41}}, std::chrono::steady_clock::now());
  ASSERT_FALSE(reached);
  EXPECT_EQ(reached.error().message, "--wait-for: not reached in time: orders/0 has no checkpoint yet");
}

}  // namespace
}  // namespace foldline
