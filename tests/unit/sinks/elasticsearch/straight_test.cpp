// What is written straight is what rows::apply() and append_document() make, byte for byte; and what is not obvious is left to them.
#include "sinks/elasticsearch/straight.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

namespace foldline::elasticsearch {
namespace {

Field field_of(const std::string& name, TypeKind kind, Value default_value = Value::null()) {
  Field out;
  out.name = name;
  out.type.kind = kind;
  out.default_value = default_value;
  out.not_null = !default_value.is_null();
  return out;
}

ViewSchema rich_view() {
  ViewSchema out;
  out.name = out.store_name = "v";
  out.kind = "index";
  out.key.push_back({"id", {}, ""});
  out.key.push_back({"day", field_of("", TypeKind::date).type, ""});
  out.fields = {field_of("te\"xt", TypeKind::text),
                field_of("keyword", TypeKind::keyword, Value::text("none\n")),
                field_of("big", TypeKind::bigint, Value::integer(0)),
                field_of("small", TypeKind::int32),
                field_of("flag", TypeKind::boolean),
                field_of("money", TypeKind::numeric),
                field_of("ratio", TypeKind::floating),
                field_of("day_of", TypeKind::date),
                field_of("at", TypeKind::timestamptz),
                field_of("wait", TypeKind::interval),
                field_of("raw", TypeKind::json),
                field_of("blob", TypeKind::bytes),
                field_of("who", TypeKind::uuid)};
  out.fields[5].type.precision = 12;
  out.fields[5].type.scale = 2;
  return out;
}

class Straight : public ::testing::Test {
 protected:
  std::int64_t pick(std::int64_t below) { return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below)); }

  // Often of the field's kind, and now and then of one that is converted, or that does not fit.
  Value value_for(const Field& field) {
    if (pick(8) == 0) return Value::null();
    if (pick(20) == 0) return Value::integer(pick(2) == 0 ? 7 : INT64_MAX);
    switch (field.type.kind) {
      case TypeKind::text:
      case TypeKind::keyword: return Value::text(pick(2) == 0 ? "plain" : "\"q\" \\ \n \x01 é,\"_foldline\":{\"w\":{");
      case TypeKind::bigint: return Value::integer(pick(2) == 0 ? INT64_MIN : pick(1'000'000));
      case TypeKind::int32: return Value::integer(pick(2) == 0 ? INT32_MIN : pick(1'000));
      case TypeKind::boolean: return Value::boolean(pick(2) == 0);
      case TypeKind::numeric: return Value::decimal(*Decimal::parse(pick(2) == 0 ? "-12.5" : "0.00"));
      case TypeKind::floating: return Value::floating(pick(5) == 0 ? std::numeric_limits<double>::infinity() : -0.25);
      case TypeKind::date: return Value::date(pick(30'000));
      case TypeKind::timestamptz: return Value::timestamp(pick(3) == 0 ? -1 : pick(4'000'000'000'000'000));
      case TypeKind::interval: return Value::interval(pick(1'000'000));
      case TypeKind::json: return Value::json(pick(2) == 0 ? "{\"a\":\n1}" : R"({"x":1,"_foldline":{"w":{"t-0":9}}})");
      case TypeKind::bytes: return Value::bytes("\x01\xff");
      default: return Value::uuid(Uuid::random());
    }
  }

  std::mt19937_64 random_;
};

TEST_F(Straight, IsByteForByteWhatApplyingMakes) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  random_.seed(seed);
  const ViewSchema view = rich_view();
  const ViewLayout layout = *make_layout(view, 0, {"p", 1});
  const std::vector<Watermark> before_marks = {{"t-0", 5}, {"u.x-12", 77}};
  const std::vector<Watermark> marks = {{"t-0", 9}, {"u.x-12", 77}};
  int written = 0;
  int refused = 0;
  int onto = 0;
  for (int round = 0; round < 5'000; ++round) {
    const std::string id = "k" + std::string(static_cast<std::size_t>(pick(3)), '"');
    const Value key[] = {Value::text(id), Value::date(pick(20'000))};
    std::vector<Cell> old_cells(view.fields.size());
    std::vector<Cell> cells(view.fields.size());
    const bool all = pick(2) == 0;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (pick(2) == 0) old_cells[i] = {CellState::set, Op::set, view.fields[i].default_value};
      if (all || pick(3) > 0) cells[i] = {CellState::set, Op::set, value_for(view.fields[i])};
    }
    FoldedRow old;
    old.key = key;
    old.cells = old_cells.data();
    old.upserted = true;
    const auto stored = rows::apply(view, nullptr, old);
    ASSERT_TRUE(stored && *stored);
    std::string source;
    ASSERT_TRUE(append_document(source, layout, **stored, before_marks));
    FoldedRow row;
    row.key = key;
    row.cells = cells.data();
    row.upserted = true;
    row.base = pick(4) == 0 ? RowBase::reset : RowBase::keep;
    const bool exists = pick(2) == 0;
    const bool straight = is_straight(layout, row, exists);
    ASSERT_EQ(straight, all || !exists || row.base == RowBase::reset ||
                            std::ranges::all_of(cells, [](const Cell& cell) { return cell.state == CellState::set; }));
    if (!straight) continue;
    std::vector<Watermark> read = {{"left from before", 1}, {"and this", 2}, {"and that", 3}};
    ASSERT_TRUE(read_tail_watermarks(source, read)) << source;
    ASSERT_EQ(read, before_marks);
    std::string plain;
    auto after = rows::apply(view, exists ? &**stored : nullptr, row);
    Result<void> ok = after ? append_document(plain, layout, **after, marks) : fail(after.error());
    std::string out;
    const auto said = append_straight(out, layout, row, marks);
    ASSERT_EQ(said.has_value(), ok.has_value());
    if (ok) {
      ASSERT_EQ(out, plain);
      ++written;
      onto += exists && row.base == RowBase::keep ? 1 : 0;
    } else {
      ASSERT_TRUE(said.error().message.starts_with("field ")) << said.error().message;  // where several don't fit, perhaps another one
      ASSERT_EQ(said.error().code, ok.error().code);
      ++refused;
    }
  }
  EXPECT_GT(written, 500);
  EXPECT_GT(refused, 100);
  EXPECT_GT(onto, 100);
}

TEST_F(Straight, WhatIsNotObviousIsLeftToApplying) {
  ViewSchema view = rich_view();
  view.fields = {field_of("n", TypeKind::bigint)};
  const ViewLayout layout = *make_layout(view, 0, {"p", 1});
  const Value key[] = {Value::text("k"), Value::date(1)};
  Cell cell{CellState::set, Op::set, Value::integer(1)};
  FoldedRow row;
  row.key = key;
  row.cells = &cell;
  EXPECT_TRUE(is_straight(layout, row, true));
  row.base = RowBase::erase;
  EXPECT_FALSE(is_straight(layout, row, true)) << "a tombstone";
  EXPECT_FALSE(is_straight(layout, row, false)) << "a tombstone where nothing stood";
  row.base = RowBase::keep;
  const Value decimal[] = {Value::decimal(*Decimal::parse("1.50")), Value::date(1)};
  row.key = decimal;
  EXPECT_FALSE(is_straight(layout, row, true)) << "its key may stand there as 1.5";
  EXPECT_TRUE(is_straight(layout, row, false));
  row.key = key;
  cell.state = CellState::none;
  EXPECT_FALSE(is_straight(layout, row, true)) << "the stored value stays";
  EXPECT_TRUE(is_straight(layout, row, false)) << "the default";
  for (const bool exists : {false, true}) {
    cell = {CellState::merge, Op::add, Value::integer(1)};
    EXPECT_FALSE(is_straight(layout, row, exists)) << "a sum";
  }
  cell = {CellState::set, Op::set, Value::integer(1)};
  view.guard_count = 1;
  EXPECT_FALSE(is_straight(layout, row, true)) << "a guard decides";
  view.guard_count = 0;
  view.soft_delete = 0;
  EXPECT_FALSE(is_straight(layout, row, true)) << "a soft delete";
}

// G24: a watermark that is read wrongly is an event applied twice, or lost.
TEST_F(Straight, WatermarksAreReadFromNothingButTheDocumentsOwnEnd) {
  std::vector<Watermark> marks;
  EXPECT_TRUE(read_tail_watermarks(R"({"a":1,"_foldline":{"w":{"t-0":3}}})", marks));
  EXPECT_EQ(marks, (std::vector<Watermark>{{"t-0", 3}}));
  EXPECT_TRUE(read_tail_watermarks(R"({"a":1,"_foldline":{"w":{"t-0":3,"t-11":9223372036854775807}}})", marks));
  EXPECT_EQ(marks, (std::vector<Watermark>{{"t-0", 3}, {"t-11", INT64_MAX}}));
  for (const std::string_view source : {
           R"({"a":1})",
           R"({"_foldline":{"w":{"t-0":3}},"_foldline_deleted":true,"_foldline_deleted_at":1})",
           R"({"a":1,"_foldline":{"w":{"t-0":3},"g":["AAAA"]}})",
           R"({"a":{"b":1,"_foldline":{"w":{"t-0":3}}}})",
           R"({"a":{"b":1,"_foldline":{"w":{"t-0":3}}},"_foldline":{"w":{"t-1":4}},"c":1})",
           R"({"a":",\"_foldline\":{\"w\":{\"t-0\":3}}}"})",
           R"({"a":1,"_foldline":{"w":{"t\u002d0":3}}})",
           R"({"a":1,"_foldline":{"w":{"t-0":3}} })",
           R"({"a":1,"_foldline":{"w":{"t-0":3.5}}})",
           R"({"a":1,"_foldline":{"w":{}}})",
           R"({"a":1,"_foldline":{"w":{"t-0":3)",
           R"({"a":1,"_foldline":{"w":{"t-0)",
           R"({"a":1,"_foldline":{"w":{"t-0":)",
           R"({"a":1,"_foldline":{"w":{)",
       }) {
    EXPECT_FALSE(read_tail_watermarks(source, marks)) << source;
  }
}

}  // namespace
}  // namespace foldline::elasticsearch
