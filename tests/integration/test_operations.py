"""Every operation of the language on PostgreSQL, against an oracle that applies one event after the other: batches of every size must
come to the same rows (G8, G10, G11)."""

import json
import random

import pytest

from harness import projection
from harness.scenario import pick_seed, placed
from harness.waiting import wait_until
from oracle import compare, operations


@pytest.mark.slow
@pytest.mark.parametrize("batch, keys", [(1, 10), (7, 10), (500, 30), (20_000, 30), (20_000, 3_000)])
def test_batches_of_every_size_come_to_the_same_rows(scenario, batch, keys):
    rng = random.Random(pick_seed())
    events = list(operations.random_events(rng, min(8_000, 400 * batch), keys))
    # Versions out of order, and each key's events still in one partition.
    for event, version in zip(events, rng.sample(range(10**6), len(events))):
        event["data"]["version"] = version
    scenario.make_topic(3)
    file = projection.write(scenario.directory / "operations.yaml", operations.PROJECTION.format(name=scenario.name, topic=scenario.topic))
    scenario.kafka.produce_all(scenario.topic, ((event["data"]["k"].encode(), operations.to_json(event)) for event in events))
    # Killed on the way, so that rows are also merged into what an earlier worker left.
    worker = scenario.worker("--max-batch-records", str(batch), file=file)
    worker.start()
    wait_until(lambda: sum(scenario.checkpoints().values()) > 100, 30, "some commits")
    worker.kill()
    worker.start()
    scenario.wait_caught_up(90)
    assert scenario.letters() == []

    expected = operations.fold(events)
    assert len(expected["plain"]) > keys / 2 and len(expected["pairs"]) > 100
    history = {}
    for event in events:
        history.setdefault(event["data"]["k"], []).append(str(event))
    found = compare.table_differences("plain", expected["plain"], scenario.database.table("ops.plain", ["k"], operations.PLAIN), history)
    found += compare.table_differences("pairs", expected["pairs"], scenario.database.table("ops.pairs", ["n", "kind"], operations.PAIRS), {})
    live = {
        key: {name: row[name] for name in ("label", "other")}
        for key, row in scenario.database.table("ops.guarded", ["k"], ("label", "other", "deleted_at")).items()
        if row["deleted_at"] is None
    }
    found += compare.table_differences("guarded", operations.guarded_live(events), live, history)
    assert not found, "\n".join(found)


def test_an_event_for_an_expired_row_comes_too_late(scenario):
    """G12: the day went when its time was over; a straggler brings back no part of it, and changes what has no end."""
    scenario.make_topic(1).write_file(daily_expire_after="10d")
    for number, day in enumerate(["2026-01-01", "2026-03-01", "2026-01-01", "2026-02-28"]):
        event = json.loads(placed(f"o{number}"))
        event["occurred_at"] = f"{day}T09:15:00Z"
        scenario.kafka.produce(scenario.topic, json.dumps(event).encode(), f"o{number}".encode())
        scenario.kafka.flush()
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    assert len(scenario.fact_orders()) == 4
    worker.wait_counted(1, "foldline_late_changes_total")
    assert worker.stop() == 0
    scenario.place("o9")
    scenario.kafka.flush()
    scenario.start_worker()  # the first batch of a worker sweeps
    wait_until(lambda: {str(day) for day, _ in scenario.daily_revenue()} == {"2026-04-03"}, 30, "expired days are gone")
