"""`processed_ids: exact` (G16): every event ID counts once, however far apart its copies are and whichever partition they come through."""

import random
import time

import pytest

from harness.scenario import pick_seed, placed
from harness.waiting import wait_until

STATIC = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 1000, "group.instance.id": "only-one"}


def counted(scenario):
    """Orders and cents over all days."""
    rows = scenario.daily_revenue().values()
    return sum(row["orders"] for row in rows), sum(row["revenue_cents"] for row in rows)


@pytest.mark.slow
def test_copies_through_other_partitions_and_kills(scenario):
    rng = random.Random(pick_seed())
    events = 6_000
    scenario.make_topic(4).write_file(options=STATIC, extra_top="processed_ids: exact\n")
    cents = [rng.randrange(1, 10_000) for _ in range(events)]
    # Each event in two or three partitions, in an order of its own.
    copies = [(number, partition) for number in range(events) for partition in rng.sample(range(4), rng.choice((2, 2, 3)))]
    rng.shuffle(copies)
    for number, partition in copies:
        scenario.place(f"o{number}", partition=partition, total_cents=cents[number])
    scenario.kafka.flush()
    worker = scenario.worker("--lanes", "2", "--max-batch-records", "300")
    for _ in range(6):
        worker.start()
        time.sleep(rng.uniform(0.2, 1.2))  # the random moment
        worker.kill()
    worker.start()
    scenario.wait_caught_up()
    assert counted(scenario) == (events, sum(cents))
    assert len(scenario.fact_orders()) == events
    assert scenario.letters() == []
    assert scenario.database.rows("SELECT count(*) FROM foldline.processed_id")[0][0] == events


def test_two_workers_with_the_same_events_at_once(scenario):
    events = 3_000
    scenario.make_topic(2).write_file(extra_top="processed_ids: exact\n", options={"session.timeout.ms": 6000, "topic.metadata.refresh.interval.ms": 1000})
    workers = [scenario.start_worker("--max-batch-records", "200").wait_ready() for _ in range(2)]
    wait_until(lambda: all(worker.metrics().all("foldline_committed_offset") for worker in workers), 30, "each has a partition")
    for number in range(events):
        for partition in range(2):
            scenario.place(f"o{number}", partition=partition)
    scenario.kafka.flush()
    scenario.wait_caught_up()
    assert counted(scenario) == (events, 100 * events)
    assert all(worker.running for worker in workers)


def test_the_second_copy_of_a_bad_event_is_no_second_letter(scenario):
    scenario.make_topic(2).write_file(extra_top="processed_ids: exact\n")
    scenario.place("o1", partition=0, total_cents="many")
    scenario.place("o2", partition=0)
    scenario.kafka.flush()
    scenario.start_worker()
    scenario.wait_caught_up()
    assert len(scenario.letters()) == 1
    scenario.place("o1", partition=1, total_cents="many")
    scenario.place("o2", partition=1)
    scenario.place("o3", partition=1)
    scenario.kafka.flush()
    scenario.wait_caught_up()
    assert len(scenario.letters()) == 1
    assert counted(scenario) == (2, 200)
