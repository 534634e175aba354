#include "sinks/postgres/staging.h"

#include <gmock/gmock.h>

#include <deque>

#include "sinks/postgres/binary.h"
#include "sinks/postgres/sink.h"

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

// shape, n and key of each row, in the order of the COPY.
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
      if (i < 2) line += std::to_string(get<std::int32_t>(rest.data())) + " ";
      if (i == 2) line += rest.substr(0, static_cast<std::size_t>(size));
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
  EXPECT_THAT(staged_rows(staged), ElementsAre("1 0 a", "0 1 b", "2 2 longer kex", "0 3 longer key"));
  EXPECT_EQ(staged.shapes.size(), 3U);
  view.pointers.resize(1);
  ASSERT_TRUE(stager.stage(layout, view.pointers)) << "buffers are reused";
  stager.lay_out(nullptr, 0, staged);
  EXPECT_THAT(staged_rows(staged), ElementsAre("0 0 b"));
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
    Change change;
    change.key = &key;
    const Assignment assignment{0, Op::set, assigned};
    change.assignments = {&assignment, 1};
    const auto ok = sink.check(view.schema, change);
    return ok ? std::string() : ok.error().message;
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
