"""First starts, changed files, wrong files."""

import pathlib

import pytest

from harness import projection
from harness.servers import ROOT
from harness.waiting import wait_until
from harness.worker import run_once, wait_exit_of_all


def test_ten_workers_start_at_once_on_an_empty_database(scenario):
    scenario.make_topic(5).write_file(newest_by_time=True)
    scenario.generate(10_000)
    workers = [scenario.start_worker() for _ in range(10)]
    for worker in workers:
        worker.wait_ready(60)
    scenario.wait_caught_up()
    scenario.check()
    for worker in workers:
        worker.terminate()
    assert wait_exit_of_all(workers, 60) == [0] * 10


def test_the_first_run_makes_the_tables(scenario):
    scenario.make_topic(1).write_file()
    scenario.start_worker().wait_ready()
    assert scenario.database.columns("analytics.fact_orders") == {
        "order_id": "text",
        "customer_id": "text",
        "currency": "text",
        "total_cents": "bigint",
        "item_count": "integer",
        "status": "text",
        "placed_at": "timestamp with time zone",
        "shipped_at": "timestamp with time zone",
    }
    assert scenario.database.columns("analytics.daily_revenue") == {
        "day": "date",
        "currency": "text",
        "orders": "bigint",
        "revenue_cents": "bigint",
    }
    primary_keys = dict(
        scenario.database.rows(
            "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p'"
            " AND connamespace = 'analytics'::regnamespace"
        )
    )
    assert primary_keys == {"analytics.fact_orders": "PRIMARY KEY (order_id)", "analytics.daily_revenue": "PRIMARY KEY (day, currency)"}
    assert scenario.database.exists("foldline.checkpoint")


def test_the_shipped_example_holds_the_generators_totals(scenario):
    """config/examples/orders-analytics.yaml as it is, but for the names."""
    text = (ROOT / "config" / "examples" / "orders-analytics.yaml").read_text()
    for old, new in (
        ("projection: analytics", f"projection: {scenario.name}"),
        ("group: analytics-consumer", f"group: {scenario.group}"),
        ("topics: orders.events", f"topics: {scenario.topic}"),
    ):
        assert old in text
        text = text.replace(old, new)
    scenario.make_topic(4)
    totals = scenario.generate(20_000, duplicates=0.02, out_of_order=0.05, malformed=0.005)
    file = projection.write(scenario.directory / "example.yaml", text)
    worker = scenario.start_worker(file=file)
    scenario.wait_caught_up()
    facts = scenario.database.rows("SELECT count(*), sum(total_cents), sum(item_count), count(placed_at), count(shipped_at) FROM analytics.fact_orders")
    assert [int(value) for value in facts[0]] == [
        totals["orders"], totals["revenue_cents"], totals["items"], totals["orders_placed"], totals["orders_shipped"]
    ]
    per_status = dict(scenario.database.rows("SELECT status, count(*) FROM analytics.fact_orders GROUP BY 1"))
    assert per_status == {status: count for status, count in totals["per_status"].items() if count}
    per_day = scenario.database.rows("SELECT day::text, currency, orders, revenue_cents FROM analytics.daily_revenue ORDER BY 1, 2")
    assert [dict(zip(("day", "currency", "orders", "revenue_cents"), row)) for row in per_day] == totals["per_day"]
    assert len(scenario.letters()) == totals["malformed"]
    worker.wait_counted(totals["duplicates"], "foldline_events_total", outcome="duplicate")
    scenario.check(scenario.expected(newest_by_time=True))


def test_a_new_field_is_added_on_restart(scenario):
    scenario.make_topic(1).write_file()
    scenario.place("o1")
    scenario.kafka.flush()
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    assert worker.stop() == 0
    scenario.write_file(fact_fields=projection.FACT_FIELDS + "      channel: text\n", copied="customer_id, currency, total_cents, channel")
    scenario.place("o2", channel="web")
    scenario.kafka.flush()
    scenario.start_worker()
    scenario.wait_caught_up()
    channels = dict(scenario.database.rows("SELECT order_id, channel FROM analytics.fact_orders"))
    assert channels == {"o1": None, "o2": "web"}
    scenario.check()


def test_a_field_that_is_no_longer_named_keeps_its_column(scenario):
    scenario.make_topic(1).write_file()
    scenario.place("o1")
    scenario.kafka.flush()
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    assert worker.stop() == 0
    fields = projection.FACT_FIELDS.replace("      currency: text\n", "")
    scenario.write_file(fact_fields=fields, copied="customer_id, total_cents")
    scenario.place("o2")
    scenario.kafka.flush()
    scenario.start_worker()
    scenario.wait_caught_up()
    assert scenario.database.rows("SELECT order_id, currency FROM analytics.fact_orders ORDER BY 1") == [("o1", "EUR"), ("o2", None)]


@pytest.mark.parametrize(
    "change, word",
    [
        (("total_cents: bigint", "total_cents: text"), "total_cents"),
        (("total_cents: bigint", "total_cents: int"), "total_cents"),
        (("placed_at: timestamptz", "placed_at: text"), "placed_at"),
    ],
)
def test_a_change_that_would_destroy_data_is_refused(scenario, change, word):
    scenario.make_topic(1).write_file()
    scenario.place("o1")
    scenario.kafka.flush()
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    assert worker.stop() == 0
    before = scenario.fact_orders()
    text = scenario.file.read_text()
    assert change[0] in text
    text = text.replace(*change)
    if change[1].endswith("placed_at: text"):
        text = text.replace("placed_at: time}", "placed_at: type}")
    scenario.file.write_text(text)
    worker = scenario.start_worker()
    assert worker.wait_exit(20) == 1
    assert word in worker.log() and "fact_orders" in worker.log(), worker.log()
    assert scenario.fact_orders() == before


def test_another_projection_may_not_keep_the_same_table(scenario):
    scenario.make_topic(1).write_file()
    scenario.start_worker().wait_ready()
    other = projection.write(
        scenario.directory / "other.yaml", projection.orders_text(name=scenario.name + "x", topics=[scenario.topic])
    )
    second = scenario.start_worker(file=other)
    assert second.wait_exit(20) == 1
    assert scenario.name in second.log() and "fact_orders" in second.log(), second.log()


def test_a_tables_owner_may_have_made_it_first(scenario):
    """A table that is there, with the right columns, is taken; one with wrong ones is refused."""
    scenario.make_topic(1).write_file()
    scenario.database.execute("CREATE SCHEMA analytics")
    scenario.database.execute("CREATE TABLE analytics.daily_revenue (day date, currency text, orders text, revenue_cents bigint)")
    worker = scenario.start_worker()
    assert worker.wait_exit(20) == 1
    assert "daily_revenue" in worker.log()


# Wrong files: every error at once, with its line and column, before anything is touched.


def refused(scenario, text, env=None):
    file = projection.write(scenario.directory / "wrong.yaml", text)
    done = run_once(scenario.binary, ["run", str(file), "--http", "off"], env if env is not None else scenario.env, 30)
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def orders_text(scenario):
    return projection.orders_text(name=scenario.name, topics=[scenario.topic])


def test_a_missing_variable_is_named(scenario, monkeypatch):
    monkeypatch.delenv("POSTGRES_URL", raising=False)
    told = refused(scenario, orders_text(scenario), {"KAFKA_BROKERS": scenario.kafka.brokers})
    assert "POSTGRES_URL" in told and "wrong.yaml:" in told


def test_a_wrong_type_is_shown_with_its_place_and_the_right_one(scenario):
    text = orders_text(scenario).replace("total_cents: bigint", "total_cents: bigin")
    line = 1 + [number for number, content in enumerate(text.splitlines()) if "bigin" in content and "bigint" not in content][0]
    told = refused(scenario, text)
    assert f"wrong.yaml:{line}:" in told and "bigint" in told


def test_all_mistakes_are_reported_at_once(scenario):
    text = orders_text(scenario).replace("on_event:", "on_evnt:", 1).replace("revenue_cents: data.total_cents", "revenue_cents: data.total_cents +")
    told = refused(scenario, text)
    assert "on_evnt" in told and "on_event" in told
    assert told.count("wrong.yaml:") >= 2, told


def test_a_file_that_is_not_there(scenario):
    done = run_once(scenario.binary, ["run", str(pathlib.Path(scenario.directory, "nope.yaml"))], scenario.env, 30)
    assert done.returncode == 1 and "nope.yaml" in done.stdout + done.stderr


def test_status_shows_checkpoints_and_lag(scenario):
    scenario.make_topic(2).write_file()
    scenario.generate(300)
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    worker.stop()
    scenario.generate(100, seed=7)

    def status():
        done = run_once(scenario.binary, ["status", str(scenario.file)], scenario.env, 30)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert scenario.topic in status()
    assert "lag 100" in status(), status()
    scenario.start_worker()
    scenario.wait_caught_up()
    wait_until(lambda: "lag 0" in status(), 10, "status shows lag 0")
