// prepare(): what it makes, what it changes, what it refuses.
#include <gmock/gmock.h>

#include <thread>

#include "tests/integration/sinks/postgres_fixture.h"

namespace foldline::postgres {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PostgresSchema : public PostgresFixture {
 protected:
  std::string columns(const std::string& table) {
    std::string out;
    for (const std::string& line :
         rows("SELECT attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END"
              " FROM pg_attribute WHERE attrelid = '" +
              table + "'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum")) {
      out += (out.empty() ? "" : ", ") + line;
    }
    return out;
  }

  // "" or why prepare() refused.
  std::string prepare(const ViewSchema& view, const std::string& projection = "p") {
    auto store = new_store({view}, projection);
    const auto prepared = store->prepare();
    if (prepared) return "";
    EXPECT_EQ(prepared.error().code, ErrorCode::config) << prepared.error().message;
    EXPECT_FALSE(prepared.error().retryable);
    EXPECT_FALSE(prepared.error().hint.empty());
    return prepared.error().message;
  }

  // As a worker that has committed something: then a past can be lost.
  void commit_one(const ViewSchema& view) {
    const std::vector<ViewSchema> views = {view};
    auto store = new_store(views);
    auto lane = open_sink(*store);
    BatchBuilder b(views);
    b.row(0, {b.text("a")});
    b.first("t", 0, 1);
    ASSERT_EQ(said(lane.sink->commit(b.batch(lane.owner))), "committed");
  }
};

TEST_F(PostgresSchema, MakesSchemaTableCommentsIndexesAndHiddenColumns) {
  ViewSchema v =
      view("bronze.events", {{"day", TypeKind::date}, {"id", TypeKind::uuid}},
           {field("amount", numeric_type(12, 2)), sum_field("hits", TypeKind::int32), field("at", type_of(TypeKind::timestamptz)),
            field("gone", type_of(TypeKind::timestamptz)), field("tags", list_type(TypeKind::text))});
  v.doc = "Every event";
  v.key[0].doc = "the event's day";
  v.fields[0].doc = "in euro";
  v.fields[0].guard = 0;
  v.fields[2].guard = 1;
  v.guard_count = 4;
  v.guard_alive = 2;
  v.guard_deleted = 3;
  v.soft_delete = 3;
  v.indexes = {{{"amount", "at"}, false}, {{"hits"}, true}};
  v.expire_after_us = 1;
  v.expire_from = "at";
  v.fillfactor = 70;
  EXPECT_EQ(prepare(v), "");
  EXPECT_EQ(columns("bronze.events"),
            "day date not null, id uuid not null, amount numeric(12,2), hits integer not null, at timestamp with time zone, "
            "gone timestamp with time zone, tags text[], _newest_1 bytea, _newest_2 bytea, _newest_alive bytea, _newest_deleted bytea");
  EXPECT_EQ(value("SELECT obj_description('bronze.events'::regclass)"), "Every event");
  EXPECT_EQ(value("SELECT col_description('bronze.events'::regclass, 1)"), "the event's day");
  EXPECT_EQ(value("SELECT col_description('bronze.events'::regclass, 3)"), "in euro");
  EXPECT_EQ(value("SELECT array_to_string(reloptions, ',') FROM pg_class WHERE oid = 'bronze.events'::regclass"), "fillfactor=70");
  EXPECT_THAT(rows("SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'bronze.events'::regclass ORDER BY 1"),
              ElementsAre("CREATE INDEX events_amount_at_idx ON bronze.events USING btree (amount, at)",
                          "CREATE INDEX events_at_idx ON bronze.events USING btree (at)",
                          "CREATE UNIQUE INDEX events_hits_key ON bronze.events USING btree (hits)",
                          "CREATE UNIQUE INDEX events_pkey ON bronze.events USING btree (day, id)"));
  EXPECT_EQ(value("SELECT array_to_string(reloptions, ',') FROM pg_class WHERE oid = 'foldline.checkpoint'::regclass"), "fillfactor=50");
}

// Ten workers start at once on an empty database.
TEST_F(PostgresSchema, TenWorkersPrepareAtOnce) {
  std::vector<std::string> errors(10);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    threads.emplace_back([&, i] {
      auto store = new_store({simple_view("a.v"), simple_view("b.w")});
      const auto prepared = store->prepare();
      if (!prepared) errors[i] = prepared.error().message;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& error : errors) EXPECT_EQ(error, "");
  EXPECT_THAT(rows("SELECT table_schema, table_name, projection FROM foldline.view ORDER BY 1"), ElementsAre("a|v|p", "b|w|p"));
}

TEST_F(PostgresSchema, PreparingAgainChangesNothing) {
  EXPECT_EQ(prepare(simple_view()), "");
  const std::string before = value("SELECT pg_current_xact_id_if_assigned() IS NULL, xmin FROM foldline.generation");
  EXPECT_EQ(prepare(simple_view()), "");
  EXPECT_EQ(value("SELECT pg_current_xact_id_if_assigned() IS NULL, xmin FROM foldline.generation"), before);
}

TEST_F(PostgresSchema, AdditiveChangesAreApplied) {
  ViewSchema v = simple_view();
  EXPECT_EQ(prepare(v), "");
  commit_one(v);
  v.doc = "now with a comment";
  v.fields.push_back(sum_field("orders", TypeKind::int32, 5));
  v.fields.push_back(field("note", type_of(TypeKind::text)));
  v.indexes = {{{"note"}, false}};
  v.fillfactor = 80;
  v.fields[0].default_value = Value::text("nobody");
  EXPECT_EQ(prepare(v), "");
  EXPECT_THAT(rows("SELECT * FROM v"), ElementsAre("a|~|0|5|~"));
  EXPECT_EQ(value("SELECT obj_description('v'::regclass)"), "now with a comment");
  EXPECT_EQ(value("SELECT count(*) FROM pg_index WHERE indrelid = 'v'::regclass"), "2");
  const std::vector<ViewSchema> views = {v};
  auto store = new_store(views);
  auto lane = open_sink(*store);
  BatchBuilder b(views);
  b.merge(b.row(0, {b.text("b")}), 2, Op::add, Value::integer(1));
  b.partition("t", 0, 1, 2);
  ASSERT_EQ(said(lane.sink->commit(b.batch(lane.owner))), "committed");
  EXPECT_EQ(value("SELECT * FROM v WHERE id = 'b'"), "b|nobody|0|6|~");
}

TEST_F(PostgresSchema, FieldThatLeftTheFileKeepsItsColumnAndComesBackOnlyByDecision) {
  ViewSchema v = simple_view();
  EXPECT_EQ(prepare(v), "");
  commit_one(v);
  ViewSchema without = v;
  without.fields.erase(without.fields.begin());
  EXPECT_EQ(prepare(without), "");
  EXPECT_EQ(columns("v"), "id text not null, name text, total bigint not null");
  EXPECT_THAT(prepare(v), HasSubstr("has a column name that the projection did not keep so far"));
  run("ALTER TABLE v DROP COLUMN name");
  EXPECT_EQ(prepare(v), "");
}

TEST_F(PostgresSchema, DestructiveChangesAreRefusedWithTheirReason) {
  const ViewSchema v = simple_view();
  EXPECT_EQ(prepare(v), "");
  commit_one(v);
  ViewSchema changed = v;
  changed.fields[1].type = type_of(TypeKind::int32);
  EXPECT_THAT(prepare(changed), HasSubstr("has the column total as bigint, the view as integer"));
  changed = v;
  changed.key[0].type = type_of(TypeKind::uuid);
  EXPECT_THAT(prepare(changed), HasSubstr("has the key column id as text, the view as uuid"));
  changed = v;
  changed.key.push_back({"part", type_of(TypeKind::int32), ""});
  EXPECT_THAT(prepare(changed), HasSubstr("has the primary key (id), the view's key is (id, part)"));
  changed = v;
  changed.fields[0].guard = 0;
  changed.guard_count = 1;
  EXPECT_THAT(prepare(changed), HasSubstr("keeps the order of name in no hidden column, now in _newest_1"));
  run("ALTER TABLE v DROP COLUMN total");
  EXPECT_THAT(prepare(v), HasSubstr("has lost the column total: somebody dropped it"));
  run("DROP TABLE v");
  EXPECT_THAT(prepare(v), HasSubstr("was dropped, and its rows can't be made again"));
  EXPECT_EQ(value("SELECT to_regclass('v') IS NULL"), "t") << "a refusal changes nothing";
}

TEST_F(PostgresSchema, DroppedTableIsMadeAgainBeforeTheFirstCommit) {
  EXPECT_EQ(prepare(simple_view()), "");
  run("DROP TABLE v");
  EXPECT_EQ(prepare(simple_view()), "");
  EXPECT_EQ(columns("v"), "id text not null, name text, total bigint not null");
}

TEST_F(PostgresSchema, NewViewOfAProjectionWithAPastIsRefused) {
  EXPECT_EQ(prepare(simple_view()), "");
  commit_one(simple_view());
  auto store = new_store({simple_view(), simple_view("w")});
  const auto prepared = store->prepare();
  ASSERT_FALSE(prepared);
  EXPECT_THAT(prepared.error().message, HasSubstr("is new, but the projection has read a part of its log already"));
  EXPECT_EQ(value("SELECT to_regclass('w') IS NULL"), "t");
}

TEST_F(PostgresSchema, TableOfAnotherProjectionIsRefused) {
  EXPECT_EQ(prepare(simple_view(), "first"), "");
  EXPECT_THAT(prepare(simple_view(), "second"), HasSubstr("is kept by projection first, generation 1"));
  auto next = new_store({simple_view()}, "first", 2);
  EXPECT_FALSE(next->prepare());
}

TEST_F(PostgresSchema, ForeignTableIsAdoptedOnlyEmptyAndAsExpected) {
  run("CREATE TABLE v (id text PRIMARY KEY, name text, total bigint NOT NULL DEFAULT 0, extra int DEFAULT 7)");
  EXPECT_EQ(prepare(simple_view()), "");
  run("CREATE TABLE w (id text PRIMARY KEY, name text, total bigint NOT NULL DEFAULT 0)");
  run("INSERT INTO w VALUES ('a')");
  EXPECT_THAT(prepare(simple_view("w"), "q"), HasSubstr("holds rows that Foldline did not write"));
  run("CREATE TABLE x (id int PRIMARY KEY, name text, total bigint)");
  EXPECT_THAT(prepare(simple_view("x"), "q"), HasSubstr("has the key column id as integer"));
  run("CREATE TABLE y (id text, name text, total bigint)");
  EXPECT_THAT(prepare(simple_view("y"), "q"), HasSubstr("has the primary key ()"));
  run("CREATE VIEW z AS SELECT 1");
  EXPECT_THAT(prepare(simple_view("z"), "q"), HasSubstr("exists already, but is no table"));
}

TEST_F(PostgresSchema, NewerFormatIsRefused) {
  EXPECT_EQ(prepare(simple_view()), "");
  run("UPDATE foldline.format SET version = 99");
  EXPECT_THAT(prepare(simple_view()), HasSubstr("has format 99"));
}

TEST_F(PostgresSchema, ViewsThatPostgresCantKeepAreRefusedBeforeConnecting) {
  const auto refused = [&](const ViewSchema& v) {
    StoreOptions options;
    options.url = Secret("postgres://nowhere.invalid/x");
    const auto store = PostgresStore::make(options, {"p", 1}, {v});
    return store ? std::string("taken") : store.error().message;
  };
  ViewSchema v = simple_view();
  v.kind = "hash";
  EXPECT_THAT(refused(v), HasSubstr("PostgreSQL keeps no `hash`"));
  v = simple_view();
  v.fields[0].ops |= op_bit(Op::append);
  EXPECT_THAT(refused(v), HasSubstr("`append` and `remove` on the field `name` are not built"));
  v = simple_view();
  v.fields[0].name = "_newest_x";
  EXPECT_THAT(refused(v), HasSubstr("hidden columns"));
  v.fields[0].name = "ctid";
  EXPECT_THAT(refused(v), HasSubstr("system column"));
  v.fields[0].name = std::string(64, 'x');
  EXPECT_THAT(refused(v), HasSubstr("64 bytes"));
  v = simple_view();
  v.store_name = "a.b.c";
  EXPECT_THAT(refused(v), HasSubstr("more than one dot"));
  v.store_name = "foldline.checkpoint";
  EXPECT_THAT(refused(v), HasSubstr("is not for views"));
}

TEST_F(PostgresSchema, StatusBeforeTheFirstPrepareIsEmpty) {
  auto store = new_store({simple_view()});
  const auto checkpoints = store->checkpoints();
  ASSERT_TRUE(checkpoints) << checkpoints.error().message;
  EXPECT_TRUE(checkpoints->empty());
  EXPECT_TRUE(store->ping());
}

// A worker that was started before the schema exists waits; it does not make letters.
TEST_F(PostgresSchema, OpeningBeforePrepareIsRetryable) {
  auto store = new_store({simple_view()});
  auto sink = store->new_sink();
  const std::vector<TopicPartition> partitions = {{"t", 0}};
  const auto opened = (*sink)->open({partitions, Uuid::random(), 0});
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().retryable);
}

}  // namespace
}  // namespace foldline::postgres
