// Rows copied straight into their table: what they meet there decides nothing, and no lock is held that nobody can end (G1, G17, G18, G19).
#include <gmock/gmock.h>

#include <array>
#include <future>
#include <thread>

#include <pqxx/pqxx>

#include "tests/integration/sinks/cutting_proxy.h"
#include "tests/integration/sinks/postgres_fixture.h"

namespace foldline::postgres {
namespace {

using ::testing::StartsWith;

constexpr std::int64_t kRows = 5;

class PostgresStraight : public PostgresFixture {
 protected:
  std::unique_ptr<PostgresStore> store_with(bool straight, StoreOptions options = {}, std::uint32_t longest_pause_batches = 0) {
    options.straight = {.enabled = straight, .min_rows = 2, .longest_pause_batches = longest_pause_batches};
    auto out = new_store(views_, "p", 1, options);
    const auto ok = out->prepare();
    EXPECT_TRUE(ok) << ok.error().message;
    return out;
  }

  // Rows k<from> ... that set a name and add 1; one batch of a partition after the other.
  CommitResult commit(OpenedSink& lane, std::int64_t from, std::int64_t rows = kRows, std::size_t partition = 0) {
    std::int64_t& next_offset = next_offsets_[partition];
    BatchBuilder b(views_);
    for (std::int64_t i = from; i < from + rows; ++i) {
      FoldedRow& row = b.row(0, {b.text("k" + std::to_string(i))});
      b.set(row, 0, b.text("n" + std::to_string(i)));
      b.merge(row, 1, Op::add, Value::integer(1));
    }
    b.partition("t", static_cast<std::int32_t>(partition), next_offset, next_offset + 1).expected_missing = next_offset == 0;
    CommitBatch batch = b.batch(lane.owner);
    batch.exact_ids = exact_ids_;
    CommitResult out = lane.sink->commit(batch);
    if (out.status == CommitStatus::committed) ++next_offset;
    return out;
  }

  // As commit(), of rows that only set: those that are there may be updated.
  CommitResult commit_sets(OpenedSink& lane, const std::string& name, std::int64_t from = 0, std::int64_t rows = kRows) {
    BatchBuilder b(views_);
    for (std::int64_t i = from; i < from + rows; ++i) b.set(b.row(0, {b.text("k" + std::to_string(i))}), 0, b.text(name));
    b.partition("t", 0, next_offsets_[0], next_offsets_[0] + 1);
    CommitResult out = lane.sink->commit(b.batch(lane.owner));
    if (out.status == CommitStatus::committed) ++next_offsets_[0];
    return out;
  }

  // A store whose rows all go through staging.
  std::unique_ptr<PostgresStore> updating_store(std::uint32_t longest_pause_batches = 0) {
    StoreOptions options;
    options.max_array_rows = 0;
    return store_with(true, options, longest_pause_batches);
  }

  std::string names() { return value("SELECT string_agg(name, ' ' ORDER BY id) FROM v WHERE id <> 'k1000000'"); }

  // A lane whose backend is on record, as after its first commit.
  OpenedSink warm_lane(PostgresStore& store) {
    auto lane = open_sink(store);
    EXPECT_EQ(said(commit(lane, 1'000'000, 1)), "committed");
    return lane;
  }

  static const RowWays& written(const OpenedSink& lane) { return dynamic_cast<const PostgresSink&>(*lane.sink).written(); }
  std::string total() { return value("SELECT count(*), sum(total) FROM v WHERE id <> 'k1000000'"); }

  const std::vector<ViewSchema> views_ = {simple_view()};
  std::vector<Hash128> exact_ids_;
  std::array<std::int64_t, 2> next_offsets_{};
};

TEST_F(PostgresStraight, NewRowsAreCopiedKnownOnesUpserted) {
  auto store = store_with(true);
  auto lane = warm_lane(*store);
  ASSERT_EQ(said(commit(lane, 0)), "committed");
  EXPECT_EQ(written(lane).copied, 5U);
  ASSERT_EQ(said(commit(lane, 3)), "committed") << "two of them were written by the batch before";
  EXPECT_EQ(written(lane).copied, 8U);
  EXPECT_EQ(written(lane).upserted, 3U);
  EXPECT_EQ(written(lane).refused, 0U);
  EXPECT_EQ(total(), "8|10");
  EXPECT_EQ(value("SELECT next_offset FROM foldline.checkpoint"), "3");
}

TEST_F(PostgresStraight, RowsThatWereWrittenLatelyAreUpdated) {
  auto store = updating_store();
  auto lane = warm_lane(*store);
  ASSERT_EQ(said(commit_sets(lane, "a")), "committed");
  const CommitResult second = commit_sets(lane, "b");
  ASSERT_EQ(said(second), "committed");
  EXPECT_EQ(second.ways.updated, 5U);
  EXPECT_EQ(second.ways.upserted, 0U);
  EXPECT_EQ(written(lane).updated, 5U);
  EXPECT_EQ(names(), "b b b b b");
  EXPECT_EQ(value("SELECT next_offset FROM foldline.checkpoint"), "3");
}

// A row that somebody deleted is no row to update: all of the shape is upserted behind the UPDATE.
TEST_F(PostgresStraight, RowsThatAreGoneAreUpsertedAfterTheUpdate) {
  auto store = updating_store();
  auto lane = warm_lane(*store);
  ASSERT_EQ(said(commit_sets(lane, "a")), "committed");
  run("DELETE FROM v WHERE id = 'k3'");
  ASSERT_EQ(said(commit_sets(lane, "b")), "committed");
  EXPECT_EQ(written(lane).updated, 0U);
  EXPECT_EQ(written(lane).refused, 0U) << "nothing was rolled back for it";
  EXPECT_EQ(names(), "b b b b b");
}

// A lane that starts meets rows that it has not written: COPY is refused, then they are updated.
TEST_F(PostgresStraight, RowsThatAreThereAreUpdatedAfterACopyWasRefused) {
  auto store = updating_store(kLongestPauseBatches);
  auto lane = warm_lane(*store);
  run("INSERT INTO v (id, name) SELECT 'k' || n, 'old' FROM generate_series(0, 9) n");
  ASSERT_EQ(said(commit_sets(lane, "a")), "committed");
  EXPECT_EQ(written(lane).refused, 1U);
  ASSERT_EQ(said(commit_sets(lane, "b", 5)), "committed");
  EXPECT_EQ(written(lane).updated, 5U);
  EXPECT_EQ(names(), "a a a a a b b b b b");
}

// A shape of which some rows were copied and some updated: that the copy was refused says nothing about the update.
TEST_F(PostgresStraight, ARefusedCopyDoesNotHoldUpTheUpdateBesideIt) {
  auto store = updating_store(kLongestPauseBatches);
  auto lane = warm_lane(*store);
  ASSERT_EQ(said(commit_sets(lane, "a")), "committed");
  run("INSERT INTO v (id, name) SELECT 'k' || n, 'old' FROM generate_series(5, 9) n");
  ASSERT_EQ(said(commit_sets(lane, "b", 0, 10)), "committed") << "k0 to k4 are known, k5 to k9 are taken for new ones";
  EXPECT_EQ(written(lane).refused, 1U);
  ASSERT_EQ(said(commit_sets(lane, "c", 0, 10)), "committed");
  EXPECT_EQ(written(lane).updated, 10U);
  EXPECT_EQ(names(), "c c c c c c c c c c");
}

// G1, G18: the compare comes before the UPDATE.
TEST_F(PostgresStraight, FencedLaneUpdatesNothing) {
  auto store = updating_store();
  auto lane = warm_lane(*store);
  ASSERT_EQ(said(commit_sets(lane, "a")), "committed");
  auto other = open_sink(*store);
  EXPECT_THAT(said(commit_sets(lane, "b")), StartsWith("fenced"));
  EXPECT_EQ(names(), "a a a a a");
}

// G19: a rule of the table ends an UPDATE as it ends a COPY.
TEST_F(PostgresStraight, UpdatesThatTheTableRefusesAreJudgedByTheUpsert) {
  auto store = updating_store();
  auto lane = warm_lane(*store);
  ASSERT_EQ(said(commit_sets(lane, "a")), "committed");
  run("ALTER TABLE v ADD CONSTRAINT short CHECK (name <> 'b')");
  EXPECT_THAT(said(commit_sets(lane, "b")), StartsWith("rejected"));
  EXPECT_EQ(written(lane).refused, 1U);
  EXPECT_EQ(names(), "a a a a a");
  run("CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name = NEW.name || '!'; RETURN NEW; END $$;"
      "CREATE TRIGGER t BEFORE INSERT ON v FOR EACH ROW EXECUTE FUNCTION note()");
  EXPECT_EQ(said(commit_sets(lane, "c")), "committed");
  EXPECT_EQ(names(), "c! c! c! c! c!") << "what an INSERT's trigger does is not passed by";
  EXPECT_EQ(written(lane).updated, 0U);
}

// G16: exact IDs come before the rows.
TEST_F(PostgresStraight, FewRowsAndBatchesWithExactIdsAreUpserted) {
  StoreOptions options;
  options.exact_ids = true;
  auto store = store_with(true, options);
  auto lane = warm_lane(*store);
  ASSERT_EQ(said(commit(lane, 0, 1)), "committed");
  exact_ids_ = {{1, 2}};
  ASSERT_EQ(said(commit(lane, 10)), "committed");
  EXPECT_EQ(written(lane).copied, 0U);
  exact_ids_.clear();
  ASSERT_EQ(said(commit(lane, 20)), "committed");
  EXPECT_EQ(written(lane).copied, 5U);
}

// G18: the checkpoints do not name a new connection's backend before its first commit, so it must not hold their locks while it sends.
TEST_F(PostgresStraight, ConnectionThatIsNotOnRecordCopiesNothing) {
  auto store = store_with(true);
  auto lane = open_sink(*store, 2);
  ASSERT_EQ(said(commit(lane, 0)), "committed");
  EXPECT_EQ(written(lane).copied, 0U);
  ASSERT_EQ(said(commit(lane, 10)), "committed");
  EXPECT_EQ(written(lane).copied, 5U);
  run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'foldline/%' AND datname = current_database()");
  ASSERT_EQ(said(commit(lane, 20)), "committed");
  EXPECT_EQ(written(lane).copied, 5U);
  ASSERT_EQ(said(commit(lane, 30)), "committed");
  EXPECT_EQ(written(lane).copied, 10U);
  ASSERT_EQ(said(commit(lane, 40, kRows, 1)), "committed") << "the other partition still names the lost backend, or none";
  EXPECT_EQ(written(lane).copied, 10U);
  EXPECT_EQ(total(), "25|25");
}

TEST_F(PostgresStraight, KeyThatIsThereAlreadyLetsTheBatchBeUpserted) {
  auto store = store_with(true);
  auto lane = warm_lane(*store);
  run("INSERT INTO v (id, name, total) VALUES ('k3', 'old', 7)");
  ASSERT_EQ(said(commit(lane, 0)), "committed");
  EXPECT_EQ(written(lane).refused, 1U);
  EXPECT_EQ(written(lane).copied, 0U);
  EXPECT_EQ(total(), "5|12");
  EXPECT_EQ(value("SELECT name, total FROM v WHERE id = 'k3'"), "n3|8");
  EXPECT_EQ(value("SELECT next_offset FROM foldline.checkpoint"), "2");
}

// G1: a fenced worker writes nothing, and is told so.
TEST_F(PostgresStraight, FencedLaneCopiesNothing) {
  auto store = store_with(true);
  auto lane = warm_lane(*store);
  auto other = open_sink(*store);
  EXPECT_THAT(said(commit(lane, 0)), StartsWith("fenced"));
  EXPECT_EQ(value("SELECT count(*) FROM v"), "1");
  next_offsets_ = {};  // not what is stored
  lane.owner = other.owner;
  EXPECT_THAT(said(commit(lane, 0)), StartsWith("fenced"));
  EXPECT_EQ(value("SELECT count(*) FROM v"), "1");
}

// G19: what the table itself refuses ends as it does without COPY.
TEST_F(PostgresStraight, RowsThatTheTableRefusesAreJudgedByTheUpsert) {
  auto store = store_with(true);
  auto lane = warm_lane(*store);
  run("ALTER TABLE v ADD CONSTRAINT short CHECK (name <> 'n3')");
  EXPECT_THAT(said(commit(lane, 0)), StartsWith("rejected"));
  run("ALTER TABLE v DROP CONSTRAINT short; CREATE UNIQUE INDEX one_name ON v (name); INSERT INTO v (id, name) VALUES ('x', 'n4')");
  EXPECT_THAT(said(commit(lane, 0)), StartsWith("rejected"));
  EXPECT_EQ(value("SELECT count(*) FROM v"), "2");
  EXPECT_EQ(said(commit(lane, 10)), "committed");
  EXPECT_EQ(written(lane).copied, 5U);
  EXPECT_EQ(written(lane).refused, 2U);
}

// A table that is not plain: COPY would do there what the upsert does not, or would not do what it does.
TEST_F(PostgresStraight, TablesThatAreNotPlainEndAsWithoutCopy) {
  const std::string note =
      "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name = NEW.name || '!'; RETURN NEW; END $$; ";
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"trigger", note + "CREATE TRIGGER t BEFORE INSERT ON v FOR EACH ROW EXECUTE FUNCTION note()"},
      {"rule", "CREATE RULE r AS ON INSERT TO v DO INSTEAD NOTHING"},
      {"row security", "ALTER TABLE v ENABLE ROW LEVEL SECURITY; ALTER TABLE v FORCE ROW LEVEL SECURITY"},
      // Eight bytes both: COPY would take a number for a time.
      {"another type", "ALTER TABLE v ALTER total DROP DEFAULT; ALTER TABLE v ALTER total TYPE timestamptz USING to_timestamp(0)"},
      {"identity",
       "ALTER TABLE v ALTER total DROP DEFAULT; ALTER TABLE v ALTER total SET NOT NULL;"
       " ALTER TABLE v ALTER total ADD GENERATED ALWAYS AS IDENTITY"},
      {"no key", "ALTER TABLE v DROP CONSTRAINT v_pkey"},
      {"deferred key", "ALTER TABLE v DROP CONSTRAINT v_pkey; ALTER TABLE v ADD PRIMARY KEY (id) DEFERRABLE INITIALLY DEFERRED"},
      {"another key", "ALTER TABLE v DROP CONSTRAINT v_pkey; UPDATE v SET name = id; ALTER TABLE v ADD PRIMARY KEY (id, name)"},
  };
  for (const auto& [name, change] : changes) {
    std::vector<std::string> ends;
    for (const bool straight : {false, true}) {
      TearDown();
      SetUp();
      next_offsets_ = {};
      auto store = store_with(straight);
      auto lane = warm_lane(*store);
      run(change);
      const std::string answer = said(commit(lane, 0));
      std::string content;
      for (const std::string& row : rows("SELECT id, name, total FROM v ORDER BY 1")) content += row + "\n";
      ends.push_back(answer + "\n" + content);
      EXPECT_EQ(written(lane).copied, 0U) << name;
    }
    EXPECT_EQ(ends[0], ends[1]) << name;
  }
}

// The table is locked before it is looked at: a change that is under way is waited for.
TEST_F(PostgresStraight, ChangeOfTheTableThatIsUnderWayIsSeen) {
  auto store = store_with(true);
  auto lane = warm_lane(*store);
  pqxx::connection connection(url());
  pqxx::work work(connection);
  work.exec("ALTER TABLE v ADD CONSTRAINT other UNIQUE (name) DEFERRABLE");  // makes triggers
  auto running = std::async(std::launch::async, [&] { return said(commit(lane, 0)); });
  while (value("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0") std::this_thread::yield();
  work.commit();
  EXPECT_EQ(running.get(), "committed");
  EXPECT_EQ(written(lane).copied, 0U);
  EXPECT_EQ(total(), "5|5");
}

// Whatever of a COPY has arrived: the batch is run again, once (G5).
TEST_F(PostgresStraight, ConnectionLostInACopyLeavesNothing) {
  auto direct = store_with(true);
  const std::string host = value("SELECT host(inet_server_addr())");
  const int port = std::stoi(value("SELECT inet_server_port()"));
  int number = 0;
  for (const bool straight : {true, false}) {
    CuttingProxy proxy(host, port, "n999");
    StoreOptions options;
    options.url = url_with("host=127.0.0.1 hostaddr=127.0.0.1 sslmode=disable port=" + std::to_string(proxy.port()));
    options.straight = {.enabled = straight, .min_rows = 2, .longest_pause_batches = 0};
    options.max_array_rows = 0;
    auto proxied = new_store(views_, "p", 1, options);
    auto lane = open_sink(*proxied);
    ASSERT_EQ(said(commit(lane, 1'000'000 + 10 * ++number, 1)), "committed");
    run("TRUNCATE v");
    proxy.arm(CuttingProxy::Cut::request_lost);
    EXPECT_EQ(said(commit(lane, 0, 1'500)), "committed");
    proxy.wait_until_struck();
    EXPECT_EQ(total(), "1500|1500");
    EXPECT_EQ(written(lane).copied, 0U) << "the next connection is not on record";
  }
}

// G18: a worker that freezes while it copies holds its checkpoints' locks, so the new owner meets them, and ends it.
TEST_F(PostgresStraight, WorkerFrozenInACopyIsEndedByTheNextOwner) {
  auto direct = store_with(true);
  CuttingProxy proxy(value("SELECT host(inet_server_addr())"), std::stoi(value("SELECT inet_server_port()")), "n9999");
  StoreOptions options;
  options.url = url_with("host=127.0.0.1 hostaddr=127.0.0.1 sslmode=disable port=" + std::to_string(proxy.port()));
  options.ownership_lock_timeout_ms = 300;
  options.straight = {.enabled = true, .min_rows = 2, .longest_pause_batches = 0};
  auto proxied = new_store(views_, "p", 1, options);
  auto lane = warm_lane(*proxied);
  proxy.arm(CuttingProxy::Cut::frozen);
  constexpr std::int64_t kManyRows = 12'000;  // the server writes the first pieces (put_copy) while it waits for the last, with k9999
  auto frozen = std::async(std::launch::async, [&] { return said(commit(lane, 0, kManyRows)); });
  proxy.wait_until_struck();
  options.url = Secret(url());
  options.timeouts.lock_ms = 500;
  auto second = new_store(views_, "p", 1, options);
  auto heir = open_sink(*second);
  EXPECT_EQ(said(commit(heir, 0, kManyRows)), "committed") << "the same rows: they wait for whoever holds them";
  proxy.thaw();
  EXPECT_THAT(frozen.get(), StartsWith("fenced"));
  EXPECT_EQ(total(), "12000|12000");
}

}  // namespace
}  // namespace foldline::postgres
