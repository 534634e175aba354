// Lost connections, frozen workers, servers that refuse: what the sink makes of each (G5, G17, G18, G19).
#include <gmock/gmock.h>

#include <future>

#include "tests/integration/sinks/cutting_proxy.h"
#include "tests/integration/sinks/postgres_fixture.h"

namespace foldline::postgres {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Cut = CuttingProxy::Cut;

class PostgresFault : public PostgresFixture {
 protected:
  void SetUp() override {
    PostgresFixture::SetUp();
    if (HasFatalFailure()) return;
    const auto connection = Connection::open({Secret(url()), "foldline tests", {}});
    ASSERT_TRUE(connection) << connection.error().message;
    host_ = value("SELECT host(inet_server_addr())");
    port_ = std::stoi(value("SELECT inet_server_port()"));
    proxy_ = std::make_unique<CuttingProxy>(host_, port_);
    store_ = prepared_store(views_);
    StoreOptions options;
    options.url = url_with("host=127.0.0.1 hostaddr=127.0.0.1 sslmode=disable port=" + std::to_string(proxy_->port()));
    options.timeouts.lock_ms = 500;
    options.ownership_lock_timeout_ms = 300;
    proxied_store_ = new_store(views_, "p", 1, options);
  }

  void TearDown() override {
    proxied_store_.reset();
    proxy_.reset();
    PostgresFixture::TearDown();
  }

  // Adds 1 to the row `a` and moves t/0 by one.
  CommitResult add_one(OpenedSink& lane, std::int64_t expected) {
    BatchBuilder b(views_);
    b.merge(b.row(0, {b.text("a")}), 1, Op::add, Value::integer(1));
    b.partition("t", 0, expected, expected + 1).expected_missing = expected == 0;
    return lane.sink->commit(b.batch(lane.owner));
  }

  void end_backends() {
    run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'foldline/%' AND datname = current_database()");
  }

  const std::vector<ViewSchema> views_ = {simple_view()};
  std::string host_;
  int port_ = 0;
  std::unique_ptr<CuttingProxy> proxy_;
  std::unique_ptr<PostgresStore> store_;
  std::unique_ptr<PostgresStore> proxied_store_;
};

// G5: the server committed, the answer was lost: the batch ID tells, and nothing is written twice.
TEST_F(PostgresFault, LostAnswerOfACommitThatArrivedIsCommitted) {
  auto lane = open_sink(*proxied_store_);
  ASSERT_EQ(said(add_one(lane, 0)), "committed");
  proxy_->arm(Cut::answer_lost);
  EXPECT_EQ(said(add_one(lane, 1)), "committed");
  proxy_->wait_until_struck();
  EXPECT_EQ(said(add_one(lane, 2)), "committed");
  EXPECT_EQ(value("SELECT total FROM v"), "3");
  EXPECT_EQ(value("SELECT next_offset FROM foldline.checkpoint"), "3");
}

// G5: also the very first commit of a partition.
TEST_F(PostgresFault, LostAnswerOfTheFirstCommitIsCommitted) {
  auto lane = open_sink(*proxied_store_);
  proxy_->arm(Cut::answer_lost);
  EXPECT_EQ(said(add_one(lane, 0)), "committed");
  EXPECT_EQ(value("SELECT total FROM v"), "1");
}

TEST_F(PostgresFault, CommitThatNeverArrivedIsRunAgain) {
  auto lane = open_sink(*proxied_store_);
  ASSERT_EQ(said(add_one(lane, 0)), "committed");
  proxy_->arm(Cut::request_lost);
  EXPECT_EQ(said(add_one(lane, 1)), "committed");
  proxy_->wait_until_struck();
  EXPECT_EQ(value("SELECT total FROM v"), "2");
}

// G5: the old backend may still be at work while we ask; FOR UPDATE waits for it.
TEST_F(PostgresFault, CommitStillRunningWhenTheConnectionDiesCountsOnce) {
  auto lane = open_sink(*proxied_store_);
  for (int i = 0; i < 20; ++i) {
    proxy_->arm(Cut::answer_unread);
    ASSERT_EQ(said(add_one(lane, i)), "committed") << i;
    proxy_->wait_until_struck();
  }
  EXPECT_EQ(value("SELECT total FROM v"), "20");
  EXPECT_EQ(value("SELECT next_offset FROM foldline.checkpoint"), "20");
}

TEST_F(PostgresFault, ConnectionEndedBetweenCommitsIsMadeAgain) {
  auto lane = open_sink(*store_);
  ASSERT_EQ(said(add_one(lane, 0)), "committed");
  end_backends();
  EXPECT_EQ(said(add_one(lane, 1)), "committed");
  end_backends();
  EXPECT_TRUE(lane.sink->reload(lane.partitions));
  end_backends();
  EXPECT_TRUE(lane.sink->open({lane.partitions, lane.owner, 0}));
  EXPECT_EQ(value("SELECT total FROM v"), "2");
}

// The backend dies in the middle of the transaction, holding its locks: the batch is run again, once.
TEST_F(PostgresFault, BackendEndedBeforeCommitLeavesNothingBehind) {
  auto lane = open_sink(*proxied_store_);
  ASSERT_EQ(said(add_one(lane, 0)), "committed");
  proxy_->arm(Cut::frozen);
  auto running = std::async(std::launch::async, [&] { return said(add_one(lane, 1)); });
  proxy_->wait_until_struck();
  end_backends();
  proxy_->thaw();
  EXPECT_EQ(running.get(), "committed");
  EXPECT_EQ(value("SELECT total FROM v"), "2");
}

// G18: a worker frozen in the middle of a commit holds the checkpoints' locks. The new owner ends exactly its backend.
TEST_F(PostgresFault, FrozenLockHolderIsEndedAndTheZombieFenced) {
  auto zombie = open_sink(*proxied_store_);
  ASSERT_EQ(said(add_one(zombie, 0)), "committed");
  proxy_->arm(Cut::frozen);
  auto frozen = std::async(std::launch::async, [&] { return said(add_one(zombie, 1)); });
  proxy_->wait_until_struck();

  StoreOptions options;
  options.url = Secret(url());
  options.ownership_lock_timeout_ms = 300;
  auto store = new_store(views_, "p", 1, options);
  auto bystander = Connection::open({Secret(url()), "foldline/bystander", {}});
  ASSERT_TRUE(bystander);
  auto heir = open_sink(*store);
  ASSERT_EQ(heir.opened.size(), 1U);
  EXPECT_EQ(heir.opened[0].checkpoint.next_offset, 1);
  EXPECT_EQ(said(add_one(heir, 1)), "committed");
  proxy_->thaw();
  EXPECT_THAT(frozen.get(), StartsWith("fenced: the checkpoint of t/0 belongs to"));
  EXPECT_TRUE(bystander->exec("SELECT 1")) << "only the recorded backend may be ended";
  EXPECT_EQ(value("SELECT total FROM v"), "2");
}

// G18, against ourselves: our own lost backend still holds the locks; the server has not noticed that its client is gone.
TEST_F(PostgresFault, OurOwnLostBackendIsEnded) {
  auto lane = open_sink(*proxied_store_);
  ASSERT_EQ(said(add_one(lane, 0)), "committed");
  // A backend that holds the checkpoint's lock and is recorded as this owner's.
  auto ghost = Connection::open({Secret(url()), "foldline/ghost", {}});
  ASSERT_TRUE(ghost);
  run("UPDATE foldline.checkpoint SET backend_pid = " + std::to_string(ghost->backend_pid()) +
      ", backend_start_us = (SELECT (extract(epoch FROM backend_start) * 1000000)::int8 FROM pg_stat_activity WHERE pid = " +
      std::to_string(ghost->backend_pid()) + ")");
  ASSERT_TRUE(ghost->exec("BEGIN; SELECT FROM foldline.checkpoint FOR UPDATE"));
  EXPECT_THAT(said(add_one(lane, 1)), HasSubstr("55P03"));
  EXPECT_EQ(said(add_one(lane, 1)), "committed");
  EXPECT_FALSE(ghost->exec("SELECT 1"));
}

// G18: the server gives process IDs anew. A backend that has the recorded one, but began at another time, is somebody else's.
TEST_F(PostgresFault, ABackendWithAReusedProcessIdIsNotEnded) {
  auto lane = open_sink(*proxied_store_);
  ASSERT_EQ(said(add_one(lane, 0)), "committed");
  auto other = Connection::open({Secret(url()), "foldline/other", {}});
  ASSERT_TRUE(other);
  const std::string pid = std::to_string(other->backend_pid());
  run("UPDATE foldline.checkpoint SET backend_pid = " + pid +
      ", backend_start_us = (SELECT (extract(epoch FROM backend_start) * 1000000)::int8 - 1 FROM pg_stat_activity WHERE pid = " + pid +
      ")");
  ASSERT_TRUE(other->exec("BEGIN; SELECT FROM foldline.checkpoint FOR UPDATE"));
  EXPECT_THAT(said(add_one(lane, 1)), HasSubstr("55P03"));
  EXPECT_TRUE(other->exec("COMMIT")) << "not ours to end";
  EXPECT_EQ(said(add_one(lane, 1)), "committed");
}

// G18: after a reconnect the checkpoint names the backend that commits now, or nobody could end it.
TEST_F(PostgresFault, ACommitRecordsTheBackendThatItRunsOn) {
  auto lane = open_sink(*store_);
  ASSERT_EQ(said(add_one(lane, 0)), "committed");
  end_backends();
  ASSERT_EQ(said(add_one(lane, 1)), "committed");
  EXPECT_EQ(value("SELECT count(*) FROM foldline.checkpoint c JOIN pg_stat_activity a ON a.pid = c.backend_pid"
                  " AND (extract(epoch FROM a.backend_start) * 1000000)::int8 = c.backend_start_us"),
            "1");
}

TEST_F(PostgresFault, CheckpointsLockedByAStrangerAreNotTakenByForce) {
  auto stranger = Connection::open({Secret(url()), "psql", {}});
  ASSERT_EQ(said([&] {
              auto lane = open_sink(*store_);
              return add_one(lane, 0);
            }()),
            "committed");
  ASSERT_TRUE(stranger->exec("BEGIN; SELECT FROM foldline.checkpoint FOR UPDATE"));
  auto sink = proxied_store_->new_sink();
  const std::vector<TopicPartition> partitions = {{"t", 0}};
  const auto opened = (*sink)->open({partitions, Uuid::random(), 0});
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().retryable);
  EXPECT_THAT(opened.error().message, HasSubstr("55P03"));
  EXPECT_TRUE(stranger->exec("COMMIT")) << "not ours to end";
  EXPECT_TRUE((*sink)->open({partitions, Uuid::random(), 0}));
}

// G19: what a person broke is retried, never rejected: a dropped column must not empty a topic into the dead letters.
TEST_F(PostgresFault, DroppedColumnIsRetriedUntilItIsBack) {
  auto lane = open_sink(*store_);
  ASSERT_EQ(said(add_one(lane, 0)), "committed");
  run("ALTER TABLE v DROP COLUMN total");
  const std::string answer = said(add_one(lane, 1));
  EXPECT_THAT(answer, StartsWith("retry: "));
  EXPECT_THAT(answer, HasSubstr("42703"));
  EXPECT_THAT(answer, HasSubstr("a column that the projection keeps is missing"));
  run("ALTER TABLE v ADD COLUMN total bigint NOT NULL DEFAULT 0");
  EXPECT_EQ(said(add_one(lane, 1)), "committed");
}

TEST_F(PostgresFault, DroppedTableAndRevokedRightsAreRetried) {
  auto lane = open_sink(*store_);
  ASSERT_EQ(said(add_one(lane, 0)), "committed");
  run("ALTER TABLE v RENAME TO w");
  EXPECT_THAT(said(add_one(lane, 1)), HasSubstr("42P01"));
  run("ALTER TABLE w RENAME TO v");
  EXPECT_EQ(said(add_one(lane, 1)), "committed");
}

TEST_F(PostgresFault, ChangedColumnTypeIsRetried) {
  auto lane = open_sink(*store_);
  ASSERT_EQ(said(add_one(lane, 0)), "committed");
  run("ALTER TABLE v ALTER COLUMN total DROP DEFAULT, ALTER COLUMN total TYPE boolean USING true");
  EXPECT_THAT(said(add_one(lane, 1)), StartsWith("retry: "));
}

TEST_F(PostgresFault, ReadOnlyDatabaseIsRetriedAndGoesOn) {
  auto lane = open_sink(*store_);
  ASSERT_EQ(said(add_one(lane, 0)), "committed");
  run("ALTER DATABASE " + quote_identifier(database()) + " SET default_transaction_read_only = on");
  end_backends();
  const std::string answer = said(add_one(lane, 1));
  EXPECT_THAT(answer, StartsWith("retry: PostgreSQL takes no writes here"));
  const auto ping = store_->ping();
  EXPECT_FALSE(ping);
  EXPECT_TRUE(ping.error().retryable);
  run_on_server("ALTER DATABASE " + quote_identifier(database()) + " RESET default_transaction_read_only");
  EXPECT_EQ(said(add_one(lane, 1)), "committed");
}

TEST_F(PostgresFault, DeadlockIsRetried) {
  auto lane = open_sink(*store_);
  BatchBuilder first(views_);
  first.merge(first.row(0, {first.text("a")}), 1, Op::add, Value::integer(1));
  first.merge(first.row(0, {first.text("b")}), 1, Op::add, Value::integer(1));
  first.first("t", 0, 1);
  ASSERT_EQ(said(lane.sink->commit(first.batch(lane.owner))), "committed");
  // A stranger locks b, then wants a; the commit has a and wants b.
  auto stranger = Connection::open({Secret(url()), "psql", {}});
  ASSERT_TRUE(stranger->exec("BEGIN; UPDATE public.v SET name = 'x' WHERE id = 'b'"));
  BatchBuilder second(views_);
  second.merge(second.row(0, {second.text("a")}), 1, Op::add, Value::integer(1));
  second.merge(second.row(0, {second.text("b")}), 1, Op::add, Value::integer(1));
  second.partition("t", 0, 1, 2);
  auto running = std::async(std::launch::async, [&] { return said(lane.sink->commit(second.batch(lane.owner))); });
  while (value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") != "1") {
  }
  auto blocked = std::async(std::launch::async, [&] { return stranger->exec("UPDATE public.v SET name = 'x' WHERE id = 'a'"); });
  const std::string answer = running.get();
  EXPECT_TRUE(answer == "committed" || answer.find("40P01") != std::string::npos) << answer;
  const bool stranger_won = blocked.get().has_value();
  EXPECT_NE(stranger_won, answer == "committed") << answer;
  ASSERT_TRUE(stranger->exec("ROLLBACK"));
  EXPECT_EQ(said(lane.sink->commit(second.batch(lane.owner))), "committed");
  EXPECT_THAT(rows("SELECT id, total FROM v ORDER BY id"), ElementsAre("a|2", "b|2"));
}

// A wait for a server that says nothing ends at its deadline.
TEST_F(PostgresFault, SilentServerEndsAtTheDeadline) {
  StoreOptions options;
  options.url = url_with("host=127.0.0.1 hostaddr=127.0.0.1 sslmode=disable port=" + std::to_string(proxy_->port()));
  options.timeouts.answer = std::chrono::milliseconds(300);
  options.timeouts.lock_ms = 100;
  auto store = new_store(views_, "p", 1, options);
  auto lane = open_sink(*store);
  ASSERT_EQ(said(add_one(lane, 0)), "committed");
  proxy_->arm(Cut::frozen);
  EXPECT_THAT(said(add_one(lane, 1)), StartsWith("retry: "));
  proxy_->wait_until_struck();
  proxy_->thaw();
  std::string answer = said(add_one(lane, 1));
  for (int i = 0; i < 50 && answer != "committed"; ++i) answer = said(add_one(lane, 1));
  EXPECT_EQ(answer, "committed");
  EXPECT_EQ(value("SELECT total FROM v"), "2");
}

TEST_F(PostgresFault, EachWayALoginFailsHasItsOwnMessageAndNoPassword) {
  const auto error = [&](const std::string& keywords) {
    auto store = new_store(views_, "p", 1, {url_with(keywords), "public", {}, kOwnershipLockTimeoutMs});
    const auto ping = store->ping();
    EXPECT_FALSE(ping);
    const auto prepared = store->prepare();
    EXPECT_FALSE(prepared);
    EXPECT_EQ(prepared.error().message, ping.error().message);
    EXPECT_THAT(ping.error().message + ping.error().hint, Not(HasSubstr("s3cr3t-w0rd")));
    return ping ? Error{} : ping.error();
  };
  const Error refused = error("password='s3cr3t-w0rd'");
  EXPECT_THAT(refused.message, StartsWith("PostgreSQL refused the login"));
  EXPECT_FALSE(refused.retryable);
  const Error unknown = error("dbname=no_such_database");
  EXPECT_THAT(unknown.message, StartsWith("the database does not exist"));
  EXPECT_FALSE(unknown.retryable);
  const Error away = error("password='s3cr3t-w0rd' host=127.0.0.1 hostaddr=127.0.0.1 port=1");
  EXPECT_THAT(away.message, StartsWith("PostgreSQL can't be reached"));
  EXPECT_TRUE(away.retryable);
  const Error host = error("password='s3cr3t-w0rd' host=no-such-host.invalid");
  EXPECT_THAT(host.message, StartsWith("the host name is unknown"));
  EXPECT_TRUE(host.retryable);
}

TEST_F(PostgresFault, UnreadableUrlIsReportedWithoutItsText) {
  for (const char* url : {"postgres://user:s3cr3t@host:port:what/db?x", "s3cr3t", "postgres://u:p@h/db?s3cr3t=1"}) {
    StoreOptions options;
    options.url = Secret(url);
    const auto store = PostgresStore::make(options, {"p", 1}, views_);
    ASSERT_FALSE(store) << url;
    EXPECT_EQ(store.error().code, ErrorCode::config);
    EXPECT_THAT(store.error().message, StartsWith("the store's url can't be read"));
    EXPECT_THAT(store.error().message, Not(HasSubstr("s3cr3t")));
  }
}

// Pinned whatever the database says: a commit acknowledged is on disk, the compare reads committed data, text is UTF-8.
TEST_F(PostgresFault, SessionSettingsArePinned) {
  run("ALTER DATABASE " + quote_identifier(database()) + " SET synchronous_commit = off");
  run("ALTER DATABASE " + quote_identifier(database()) + " SET default_transaction_isolation = 'serializable'");
  run("ALTER DATABASE " + quote_identifier(database()) + " SET standard_conforming_strings = off");
  run("CREATE FUNCTION is_pinned() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
      " IF current_setting('transaction_isolation') <> 'read committed' THEN RAISE 'not pinned' USING ERRCODE = 'check_violation'; END IF;"
      " RETURN NEW; END $$; CREATE TRIGGER pinned BEFORE INSERT ON v FOR EACH ROW EXECUTE FUNCTION is_pinned()");
  auto lane = open_sink(*store_);
  EXPECT_EQ(said(add_one(lane, 0)), "committed");
  auto connection = Connection::open({Secret(url()), "foldline/x", {}});
  ASSERT_TRUE(connection) << connection.error().message;
  auto setting = connection->query("SELECT current_setting('synchronous_commit')", Params{});
  EXPECT_EQ(setting->bytes(0, 0), "on");
  EXPECT_EQ(
      value("SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%/p'"),
      "foldline/p");
}

}  // namespace
}  // namespace foldline::postgres
