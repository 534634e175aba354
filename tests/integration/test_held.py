"""A rebalance while a commit is held in the store (G7): the worker does not wait for it, the fence protects."""

import time

import psycopg2

from harness.waiting import wait_until

OPTIONS = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 1000, "topic.metadata.refresh.interval.ms": 1000}
ORDERS = 40


def test_a_worker_whose_commit_is_held_gives_its_partitions_up(scenario):
    scenario.make_topic(4).write_file(options=OPTIONS)
    for number in range(ORDERS):
        scenario.place(f"o{number}", total_cents=1)
    scenario.kafka.flush()
    first = scenario.start_worker().wait_ready()
    scenario.wait_caught_up()
    holder = psycopg2.connect(scenario.database.url)
    try:
        holder.cursor().execute("SELECT FROM analytics.fact_orders FOR UPDATE")
        for number in range(ORDERS):
            scenario.place(f"o{number}", event_id=f"again_{number}", total_cents=2)
        scenario.kafka.flush()
        wait_until(lambda: scenario.database.rows("SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0] > 0, 20, "the commit waits")
        began = time.monotonic()
        second = scenario.start_worker()
        wait_until(lambda: len(second.metrics().all("foldline_committed_offset")) == 2, 20, "the second worker has its half")
        print(f"shared after {time.monotonic() - began:.1f} s")
        assert scenario.database.rows("SELECT count(*) FROM analytics.fact_orders WHERE total_cents = 2")[0][0] == 0, "nothing is held any more"
    finally:
        holder.rollback()
        holder.close()
    scenario.wait_caught_up()
    scenario.check()
    assert first.running and second.running
    first.wait_ready()
    second.wait_ready()
