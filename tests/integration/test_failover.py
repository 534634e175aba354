"""The store falls back to an earlier state, data and checkpoints together, as after a failover to a replica that was a little behind (G3)."""

import contextlib

import pytest

from harness.waiting import wait_until

SCHEMAS = ("foldline", "analytics")


def tables(cursor):
    cursor.execute("SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN %s ORDER BY 1", (SCHEMAS,))
    return [name for (name,) in cursor.fetchall()]


@contextlib.contextmanager
def one_transaction(database):
    with database.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        yield cursor
        cursor.execute("COMMIT")


def remember(database):
    """What the replica has received."""
    with one_transaction(database) as cursor:
        cursor.execute("CREATE SCHEMA replica")
        for number, table in enumerate(tables(cursor)):
            cursor.execute(f"CREATE TABLE replica.t{number} AS TABLE {table}")


def fall_back(database):
    """Connections break, and the store is what the replica had."""
    with database.cursor() as cursor:
        cursor.execute("BEGIN")
        # The worker takes the same tables in another order. Of two that wait for each other the one that looks first is ended: not this one.
        cursor.execute("SET LOCAL deadlock_timeout = '1min'")
        names = tables(cursor)
        cursor.execute("LOCK TABLE " + ", ".join(names) + " IN ACCESS EXCLUSIVE MODE")
        for number, table in enumerate(names):
            cursor.execute(f"TRUNCATE {table}")
            cursor.execute(f"INSERT INTO {table} SELECT * FROM replica.t{number}")
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        cursor.execute("COMMIT")
        cursor.execute("DROP SCHEMA replica CASCADE")


@pytest.mark.slow
def test_the_store_falls_back_while_events_flow(scenario):
    scenario.make_topic(4).write_file()
    generator = scenario.generate_slowly(30_000, per_second=2_500, duplicates=0.05)
    worker = scenario.start_worker().wait_ready()
    for _ in range(3):
        before = sum(scenario.checkpoints().values())
        wait_until(lambda: sum(scenario.checkpoints().values()) > before + 500, 30, "some commits")
        remember(scenario.database)
        mark = sum(scenario.checkpoints().values())
        wait_until(lambda: sum(scenario.checkpoints().values()) > mark + 1_000, 30, "commits that the replica does not have")
        fall_back(scenario.database)
    assert generator.wait(60) == 0
    scenario.wait_caught_up()
    scenario.check()
    worker.wait_ready()


@pytest.mark.slow
def test_the_store_falls_back_while_nothing_flows(scenario):
    """No commit would notice: the worker looks at its checkpoints every ten seconds, and after every reconnect."""
    scenario.make_topic(2).write_file()
    scenario.generate(2_000, duplicates=0.05)
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    remember(scenario.database)
    scenario.generate(2_000, seed=7)
    scenario.wait_caught_up()
    fall_back(scenario.database)
    scenario.wait_caught_up(40)
    scenario.check()
    worker.wait_ready()
    assert worker.metrics().sum("foldline_rewinds_total") >= 1
