// The SQL of each shape, read as a person would read it. That it does what it says is for the integration tests.
#include "sinks/postgres/statements.h"

#include <gmock/gmock.h>

#include "sinks/postgres/guarded_delete.h"

namespace foldline::postgres {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Field field(const std::string& name, TypeKind kind) {
  Field out;
  out.name = name;
  out.type.kind = kind;
  out.ops = op_bit(Op::set);
  return out;
}

ViewSchema orders() {
  ViewSchema out;
  out.name = "orders";
  KeyPart key;
  key.name = "id";
  out.key.push_back(key);
  out.fields = {field("name", TypeKind::text), field("total", TypeKind::bigint)};
  out.fields[1].default_value = Value::integer(0);
  out.fields[1].not_null = true;
  return out;
}

ViewLayout layout_of(const ViewSchema& view) { return *make_layout(view, 0, "shop"); }

Shape shape_with(const ViewLayout& layout, std::vector<CellCode> cells) {
  Shape out;
  out.cells = std::move(cells);
  out.guards.resize(layout.guards.size());
  return out;
}

TEST(PostgresStatements, SetAndAddTakeOneUpsert) {
  const auto layout = layout_of(orders());
  const auto sql = rows_statements(layout, shape_with(layout, {CellCode::set, CellCode::add}), Source::staging);
  ASSERT_EQ(sql.size(), 1U);
  EXPECT_EQ(sql[0], R"(INSERT INTO "shop"."orders" AS t ("id", "name", "total") SELECT s.k0, s.c0, s.c1 FROM pg_temp.foldline_stage_0 s )"
                    R"(WHERE s.shape = $1::int4 ON CONFLICT ("id") DO UPDATE SET "name" = excluded."name", )"
                    R"("total" = coalesce(t."total", 0) + excluded."total")");
}

TEST(PostgresStatements, RowThatMustOnlyExistIsLeftAlone) {
  const auto layout = layout_of(orders());
  EXPECT_THAT(rows_statements(layout, shape_with(layout, {CellCode::none, CellCode::none}), Source::staging)[0],
              HasSubstr(R"(ON CONFLICT ("id") DO NOTHING)"));
}

// A new row starts from the default, then the operand is merged into it: no single value could be both.
TEST(PostgresStatements, DefaultThatIsNotNeutralSeedsTheRowFirst) {
  auto view = orders();
  view.fields[1].default_value = Value::integer(100);
  const auto layout = layout_of(view);
  const auto sql = rows_statements(layout, shape_with(layout, {CellCode::none, CellCode::add}), Source::staging);
  ASSERT_EQ(sql.size(), 2U);
  EXPECT_THAT(sql[0], HasSubstr(R"(("id") SELECT s.k0 FROM)"));
  EXPECT_THAT(sql[0], HasSubstr("DO NOTHING"));
}

TEST(PostgresStatements, ResetWritesEveryColumn) {
  const auto layout = layout_of(orders());
  auto shape = shape_with(layout, {CellCode::none, CellCode::add});
  shape.kind = RowKind::reset;
  const auto sql = rows_statements(layout, shape, Source::staging);
  ASSERT_EQ(sql.size(), 1U);
  EXPECT_THAT(sql[0], HasSubstr(R"(SELECT s.k0, NULL, coalesce('0'::bigint, 0) + s.c1)"));
  EXPECT_THAT(sql[0], HasSubstr(R"(SET "name" = excluded."name", "total" = excluded."total")"));
}

TEST(PostgresStatements, TextExtremesCompareBytewise) {
  const auto layout = layout_of(orders());
  EXPECT_THAT(rows_statements(layout, shape_with(layout, {CellCode::max, CellCode::none}), Source::staging)[0],
              HasSubstr(R"(greatest((t."name") COLLATE "C", excluded."name"))"));
}

TEST(PostgresStatements, EraseJoinsByEveryKeyPart) {
  auto view = orders();
  view.key.push_back(view.key[0]);
  view.key[1].name = "part";
  const auto layout = layout_of(view);
  Shape shape;
  shape.kind = RowKind::erase;
  EXPECT_THAT(rows_statements(layout, shape, Source::staging)[0], HasSubstr(R"(WHERE t."id" = s.k0 AND t."part" = s.k1)"));
}

TEST(PostgresStatements, UpdateTouchesWhatIsSetAlone) {
  const auto layout = layout_of(orders());
  const auto shape = shape_with(layout, {CellCode::set, CellCode::none});
  EXPECT_TRUE(is_plain_update(layout, shape));
  EXPECT_EQ(update_straight(layout, shape, 3),
            R"(UPDATE "shop"."orders" AS t SET "name" = s.c0 FROM pg_temp.foldline_stage_0 s WHERE s.shape = 3 AND t."id" = s.k0)");
}

// Whatever an UPDATE could not do, or an upsert after it would do twice.
TEST(PostgresStatements, OnlyPlainSetsMayBeUpdated) {
  auto view = orders();
  view.fields.push_back(field("gone", TypeKind::timestamptz));
  view.soft_delete = 2;
  view.fields[0].guard = 0;
  view.guard_count = 1;
  const auto layout = layout_of(view);
  const Shape plain = shape_with(layout, {CellCode::none, CellCode::set, CellCode::none});
  EXPECT_TRUE(is_plain_update(layout, plain));
  std::vector<Shape> others(7, plain);
  others[0].kind = RowKind::reset;
  others[1].kind = RowKind::erase;
  others[2].soft_deleted = true;
  others[3].starts_anew = true;
  others[4].guards[0] = true;
  others[5].cells[1] = CellCode::add;
  others[6].cells[1] = CellCode::none;
  for (std::size_t i = 0; i < others.size(); ++i) EXPECT_FALSE(is_plain_update(layout, others[i])) << i;
}

TEST(PostgresStatements, SoftDeletedRowStartsAnewOnlyWhenUpserted) {
  auto view = orders();
  view.fields.push_back(field("gone", TypeKind::timestamptz));
  view.soft_delete = 2;
  const auto layout = layout_of(view);
  auto shape = shape_with(layout, {CellCode::none, CellCode::none, CellCode::none});
  shape.soft_deleted = true;
  EXPECT_THAT(rows_statements(layout, shape, Source::staging)[0], HasSubstr(R"(DO UPDATE SET "gone" = excluded."gone")"));
  shape.soft_deleted = false;
  shape.starts_anew = true;
  const auto sql = rows_statements(layout, shape, Source::staging)[0];
  EXPECT_THAT(sql, HasSubstr(R"("name" = CASE WHEN t."gone" IS NULL THEN t."name" ELSE NULL END)"));
  EXPECT_THAT(sql, HasSubstr(R"("gone" = NULL WHERE t."gone" IS NOT NULL)"));
}

TEST(PostgresStatements, GuardedShapeSkipsStaleRows) {
  auto view = orders();
  view.fields[0].guard = 0;
  view.guard_count = 1;
  const auto layout = layout_of(view);
  auto shape = shape_with(layout, {CellCode::set, CellCode::none});
  shape.guards[0] = true;
  EXPECT_THAT(rows_statements(layout, shape, Source::staging)[0],
              HasSubstr(R"( WHERE (t."_newest_1" IS NULL OR excluded."_newest_1" > t."_newest_1"))"));
  shape.cells[1] = CellCode::add;  // an unguarded field counts also when the guarded one is stale
  EXPECT_THAT(rows_statements(layout, shape, Source::staging)[0], Not(HasSubstr(" WHERE (t.")));
}

TEST(PostgresStatements, QuotingSurvivesEveryCharacter) {
  EXPECT_EQ(quote_identifier(R"(a"b)"), R"("a""b")");
  EXPECT_EQ(quote_literal("it's"), "'it''s'");
  EXPECT_EQ(quote_literal(R"(\')"), R"(E'\\''')");
  EXPECT_EQ(index_name("t", "a_b", false), "t_a_b_idx");
  const std::string longer = index_name(std::string(60, 't'), "column", true);
  EXPECT_EQ(longer.size(), kMaxIdentifierBytes);
  EXPECT_NE(longer, index_name(std::string(60, 't'), "columm", true));
}

}  // namespace
}  // namespace foldline::postgres
