#include "sinks/postgres/staging.h"

#include <gmock/gmock.h>

#include <deque>

#include "sinks/postgres/binary.h"
#include "sinks/postgres/check_change.h"
#include "sinks/postgres/sink.h"
#include "tests/unit/sinks/changes.h"

namespace foldline::postgres {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct View {
  View() {
    schema.name = "v";
    KeyPart key;
    key.name = "id";
    schema.key.push_back(key);
    for (const char* name : {"a", "b"}) {
      Field field;
      field.name = name;
      field.type.kind = TypeKind::bigint;
      field.ops = op_bit(Op::set) | op_bit(Op::add);
      schema.fields.push_back(field);
    }
  }

  FoldedRow& row(const char* id) {
    keys.push_back(Value::text(id));
    cells.emplace_back(schema.fields.size());
    FoldedRow& out = rows.emplace_back();
    out.key = &keys.back();
    out.cells = cells.back().data();
    pointers.push_back(&out);
    return out;
  }

  ViewSchema schema;
  std::deque<Value> keys;
  std::deque<std::vector<Cell>> cells;
  std::deque<FoldedRow> rows;
  std::vector<FoldedRow*> pointers;
};

// Shape and key of each row, in the order of the COPY.
std::vector<std::string> staged_rows(const StagedView& staged) {
  std::vector<std::string> out;
  std::string_view rest = std::string_view(staged.copy_data).substr(19);
  while (get<std::int16_t>(rest.data()) >= 0) {
    const int columns = get<std::int16_t>(rest.data());
    rest.remove_prefix(2);
    std::string line;
    for (int i = 0; i < columns; ++i) {
      const std::int32_t size = get<std::int32_t>(rest.data());
      rest.remove_prefix(4);
      if (i == 0) line += std::to_string(get<std::int32_t>(rest.data())) + " ";
      if (i == 1) line += rest.substr(0, static_cast<std::size_t>(size));
      if (size > 0) rest.remove_prefix(static_cast<std::size_t>(size));
    }
    out.push_back(line);
  }
  EXPECT_EQ(rest.size(), 2U);
  return out;
}

TEST(PostgresStaging, RowsAreSortedByKeyAndMarkedWithTheirShape) {
  View view;
  view.row("b").cells[0] = {CellState::set, Op::set, Value::integer(1)};
  view.row("longer key").cells[0] = {CellState::set, Op::set, Value::integer(1)};
  view.row("a").cells[1] = {CellState::merge, Op::add, Value::integer(1)};
  view.row("longer kex").base = RowBase::erase;
  const auto layout = *make_layout(view.schema, 0, "public");
  Stager stager;
  StagedView staged;
  ASSERT_TRUE(stager.stage(layout, view.pointers));
  stager.lay_out(nullptr, 0, staged);
  EXPECT_THAT(staged_rows(staged), ElementsAre("1 a", "0 b", "2 longer kex", "0 longer key"));
  EXPECT_EQ(staged.shapes.size(), 3U);
  view.pointers.resize(1);
  ASSERT_TRUE(stager.stage(layout, view.pointers)) << "buffers are reused";
  stager.lay_out(nullptr, 0, staged);
  EXPECT_THAT(staged_rows(staged), ElementsAre("0 b"));
}

// Straight COPYs with every column and with some, from buffers that batches before have used.
TEST(PostgresStaging, CopiedRowsHoldTheColumnsOfTheirShapeAlone) {
  const auto copied = [](const StagedShape& shape) {
    std::vector<std::string> out;
    std::string_view rest = std::string_view(shape.copy_data).substr(19);
    while (get<std::int16_t>(rest.data()) >= 0) {
      std::string line = std::to_string(get<std::int16_t>(rest.data()));
      const int columns = get<std::int16_t>(rest.data());
      rest.remove_prefix(2);
      for (int i = 0; i < columns; ++i) {
        const std::int32_t size = get<std::int32_t>(rest.data());
        line += i == 0 ? " " + std::string(rest.substr(4, static_cast<std::size_t>(size)))
                       : " " + std::to_string(get<std::int64_t>(rest.data() + 4));
        rest.remove_prefix(4 + static_cast<std::size_t>(size));
      }
      out.push_back(line);
    }
    EXPECT_EQ(rest.size(), 2U);
    return out;
  };
  Stager stager;
  StagedView staged;
  StraightPolicy policy({.min_rows = 1});
  for (const int batch : {1, 2}) {
    View view;
    for (const char* key : {"p", "o"}) {
      FoldedRow& whole = view.row((key + std::to_string(batch)).c_str());
      whole.cells[0] = {CellState::set, Op::set, Value::integer(batch)};
      whole.cells[1] = {CellState::set, Op::set, Value::integer(8)};
    }
    view.keys[0] = Value::text(batch == 1 ? "p1" : "p2");
    view.keys[1] = Value::text(batch == 1 ? "o1" : "o2");
    view.row("q").cells[1] = {CellState::set, Op::set, Value::integer(9)};
    view.keys[2] = Value::text(batch == 1 ? "q1" : "q2");
    const auto layout = *make_layout(view.schema, 0, "public");
    ASSERT_TRUE(stager.stage(layout, view.pointers));
    stager.lay_out(&policy, 0, staged);
    const std::string n = std::to_string(batch);
    ASSERT_EQ(staged.shapes.size(), 2U);
    EXPECT_THAT(copied(staged.shapes[0]), ElementsAre("3 o" + n + " " + n + " 8", "3 p" + n + " " + n + " 8"));
    EXPECT_THAT(copied(staged.shapes[1]), ElementsAre("2 q" + n + " 9"));
    EXPECT_EQ(staged.copy_data, "");
    stager.remember(policy);
  }
}

// G17: what goes straight needs a policy; what was written lately, or failed to be copied, is updated; what depends on the stored row
// never.
TEST(PostgresStaging, RowsThatAreProbablyThereAreUpdatedWhereTheyOnlySet) {
  View view;
  view.row("a").cells[0] = {CellState::set, Op::set, Value::integer(1)};
  view.row("b").cells[1] = {CellState::merge, Op::add, Value::integer(1)};
  const auto layout = *make_layout(view.schema, 0, "public");
  Stager stager;
  StagedView staged;
  StraightPolicy policy({.min_rows = 1});
  ASSERT_TRUE(stager.stage(layout, view.pointers));
  stager.lay_out(&policy, 0, staged);
  EXPECT_EQ(staged.shapes[0].copied_rows, 1);
  stager.remember(policy);
  ASSERT_TRUE(stager.stage(layout, view.pointers));
  stager.lay_out(&policy, 0, staged);
  EXPECT_TRUE(staged.shapes[0].updates);
  EXPECT_FALSE(staged.shapes[1].updates) << "an UPDATE and an upsert after it would add twice";
  stager.lay_out(&policy, kMaxArrayRows, staged);
  EXPECT_FALSE(staged.shapes[0].updates) << "arrays are in no table";
  stager.lay_out(nullptr, 0, staged);
  EXPECT_FALSE(staged.goes_straight());
}

// G13, G19: what was encoded ahead says the same as what the commit encodes; what can't be encoded is left to it.
TEST(PostgresStaging, BatchEncodedAheadIsTheBatch) {
  View view;
  view.row("b").cells[0] = {CellState::set, Op::set, Value::integer(1)};
  view.row("a").cells[0] = {CellState::set, Op::set, Value::integer(2)};
  auto shared = std::make_shared<StoreShared>();
  shared->layouts.push_back(*make_layout(view.schema, 0, "public"));
  const PostgresSink sink(shared);
  std::unique_ptr<EncodedRows> ahead;
  const ViewRows rows{0, view.pointers};
  ASSERT_TRUE(sink.encode_ahead({&rows, 1}, ahead));
  const EncodedRows* first = ahead.get();
  StagedView expected;
  StagedView staged;
  Stager stager;
  ASSERT_TRUE(stager.stage(shared->layouts[0], view.pointers));
  stager.lay_out(nullptr, 0, expected);
  dynamic_cast<EncodedBatch&>(*ahead).of(0).lay_out(nullptr, 0, staged);
  EXPECT_EQ(staged.copy_data, expected.copy_data);
  view.rows[0].cells[0].value = Value::text("seven");
  EXPECT_FALSE(sink.encode_ahead({&rows, 1}, ahead));
  EXPECT_EQ(ahead.get(), first) << "its buffers are used again";
}

TEST(PostgresStaging, MisfitNamesViewColumnAndValue) {
  View view;
  view.row("b").cells[1] = {CellState::set, Op::set, Value::text("seven")};
  const auto layout = *make_layout(view.schema, 0, "public");
  Stager stager;
  StagedView staged;
  const auto ok = stager.stage(layout, view.pointers);
  ASSERT_FALSE(ok);
  EXPECT_EQ(ok.error().code, ErrorCode::store_rejected);
  EXPECT_EQ(ok.error().message, "view v, column b: \"seven\" is not a value for bigint");
}

TEST(PostgresStaging, OperationThatIsNotBuiltIsABugNotData) {
  View view;
  view.row("b").cells[1] = {CellState::merge, Op::append, Value::integer(1)};
  const auto layout = *make_layout(view.schema, 0, "public");
  Stager stager;
  StagedView staged;
  const auto ok = stager.stage(layout, view.pointers);
  ASSERT_FALSE(ok);
  EXPECT_EQ(ok.error().code, ErrorCode::internal);
}

TEST(PostgresCheck, RefusesOneChangeFromTheSchemaAlone) {
  View view;
  const PostgresSink sink(std::make_shared<StoreShared>());
  const auto checked = [&](const Value& key, const Value& assigned) {
    return said_of(&key, assigned, [&](const Change& change) { return sink.check(view.schema, change); });
  };
  const std::string long_key(kMaxKeyBytes + 1, 'x');
  EXPECT_EQ(checked(Value::text("a"), Value::integer(1)), "");
  EXPECT_EQ(checked(Value::text("a"), Value::null()), "");
  EXPECT_EQ(checked(Value::null(), Value::integer(1)), "view v, column id: a key part is null");
  EXPECT_EQ(checked(Value::text(long_key), Value::integer(1)), "view v: the key has 2001 bytes");
  EXPECT_THAT(checked(Value::text(std::string_view("\0", 1)), Value::integer(1)), HasSubstr("NUL"));
  EXPECT_THAT(checked(Value::text("a"), Value::text("x")), HasSubstr("column a"));
}

}  // namespace
}  // namespace foldline::postgres
