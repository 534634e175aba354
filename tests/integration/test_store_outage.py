"""PostgreSQL stopped, killed, changed by hand, closed to us: no event is lost or counted twice, and readiness says why."""

import time

import pytest

from harness.waiting import stays_true, wait_until


def not_ready_because(worker, *words):
    def told():
        status, body = worker.get("/readyz")
        assert status == 503 and all(word in body for word in words), f"/readyz {status} {body}"
        return body

    return wait_until(told, 30, f"/readyz is 503 and names {words}")


@pytest.mark.slow
def test_postgres_stopped_and_started_while_events_flow(outage):
    outage.make_topic(4).write_file(newest_by_time=True)
    generator = outage.generate_slowly(16_000, per_second=1_600, duplicates=0.05)
    worker = outage.start_worker().wait_ready()
    wait_until(lambda: sum(outage.checkpoints().values()) > 500, 30, "some commits")
    outage.server.stop()
    not_ready_because(worker, "waiting_store")
    assert worker.alive
    time.sleep(2)  # an outage with events arriving
    outage.server.start()
    worker.wait_ready(45)
    assert generator.wait(60) == 0
    outage.wait_caught_up()
    outage.check()
    assert worker.metrics().sum("foldline_store_retries_total") >= 1
    assert worker.stop() == 0


@pytest.mark.slow
def test_postgres_killed_three_times_while_events_flow(outage):
    """kill -9 loses the server's memory around any COMMIT (G5)."""
    outage.make_topic(4).write_file()
    generator = outage.generate_slowly(25_000, per_second=1_500, duplicates=0.05)
    worker = outage.start_worker().wait_ready()
    for _ in range(3):
        before = sum(outage.checkpoints().values())
        wait_until(lambda: sum(outage.checkpoints().values()) > before + 200, 40, "some commits")
        outage.server.kill()
        outage.server.start()
    assert generator.wait(60) == 0
    outage.wait_caught_up()
    outage.check()
    assert worker.running


def test_a_worker_started_before_its_store_waits_for_it(outage):
    outage.make_topic(2).write_file()
    outage.generate(500)
    outage.server.stop()
    worker = outage.start_worker()
    not_ready_because(worker, "store")
    assert worker.alive
    outage.server.start()
    worker.wait_ready(45)
    outage.wait_caught_up()
    outage.check()


def test_a_terminated_backend_is_no_outage(scenario):
    scenario.make_topic(2).write_file()
    worker = scenario.start_worker().wait_ready()
    for seed in range(3):
        scenario.generate(2_000, seed=seed)
        scenario.database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    scenario.wait_caught_up()
    worker.wait_ready()
    scenario.check()


def test_a_read_only_database_is_waited_out(scenario):
    """As after a failover to a replica (25006)."""
    scenario.make_topic(2).write_file()
    worker = scenario.start_worker().wait_ready()
    set_read_only(scenario, "on")
    scenario.generate(500)
    not_ready_because(worker, "read-only")
    set_read_only(scenario, "off")
    worker.wait_ready(45)
    scenario.wait_caught_up()
    scenario.check()
    assert len(scenario.letters()) == len(scenario.expected().letters)


def set_read_only(scenario, value):
    scenario.database.on_server("ALTER DATABASE {} SET default_transaction_read_only = " + value)
    scenario.database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def test_a_column_dropped_by_hand_stops_writing_and_empties_nothing_into_letters(scenario):
    scenario.make_topic(2).write_file()
    worker = scenario.start_worker().wait_ready()
    scenario.place("o1")
    scenario.kafka.flush()
    scenario.wait_caught_up()
    scenario.database.execute("ALTER TABLE analytics.fact_orders DROP COLUMN customer_id")
    before = scenario.checkpoints()
    for number in range(50):
        scenario.place(f"p{number}")
    scenario.kafka.flush()
    not_ready_because(worker, "customer_id")
    stays_true(lambda: scenario.checkpoints() == before, 2, "no commit")
    assert scenario.letters() == []
    scenario.database.execute("ALTER TABLE analytics.fact_orders ADD COLUMN customer_id text")
    scenario.database.execute("UPDATE analytics.fact_orders SET customer_id = 'cust_1'")
    worker.wait_ready(45)
    scenario.wait_caught_up()
    scenario.check()


def test_a_refused_login_is_named_without_its_password(scenario):
    scenario.make_topic(1).write_file()
    head, tail = scenario.database.url.split("@")
    user = head.split("//")[1].split(":")[0]
    worker = scenario.start_worker(env={"POSTGRES_URL": f"postgresql://{user}:wrong-secret@{tail}"})
    wait_until(lambda: "password" in worker.log() or "authentication" in worker.log(), 20, "the log names the refused login")
    if worker.running:
        assert not worker.ready
        worker.stop()
    else:
        assert worker.exit_code == 1
    assert user in worker.log()
    assert "wrong-secret" not in worker.log()


def test_a_lock_that_someone_else_holds_is_waited_for(scenario):
    scenario.make_topic(1).write_file()
    worker = scenario.start_worker().wait_ready()
    scenario.generate(200)
    scenario.wait_caught_up()
    with scenario.database.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE analytics.fact_orders IN ACCESS EXCLUSIVE MODE")
        before = scenario.checkpoints()
        scenario.generate(200, seed=7)
        stays_true(lambda: scenario.checkpoints() == before, 2, "no commit while the table is locked")
        cursor.execute("ROLLBACK")
    scenario.wait_caught_up()
    scenario.check()
    assert worker.running
