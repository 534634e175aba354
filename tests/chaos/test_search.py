"""OpenSearch dies, refuses, is slow, answers in part or not at all, loses its shards, is closed."""

import pytest

from faults import search
from harness.waiting import wait_until
from kit import driver
from kit.cases import cases, run_alone
from kit.fault import Told, WAITING_STORE
from kit.world import OPTIONS
from oracle import compare


@pytest.mark.parametrize("fault,store", cases(search.FAULTS))
def test_alone(fault, store, open_world, book):
    run_alone("OpenSearch", fault, store, open_world, book)


@pytest.mark.parametrize("fault,store", cases(search.CLUSTER))
def test_cluster_of_three(fault, store, open_world, book):
    run_alone("OpenSearch", fault, store, open_world, book, server="search cluster")


REFUSED = Told("putting back a batch that the store refuses", "waiting for the store", WAITING_STORE, within_s=120)


def put_mapping(world, copy_to) -> None:
    """`copy_to` a number is a mapping that takes no document any more; it can be taken back."""
    path = f"/{search.index(world)}/_mapping"
    found = world.scenario.search.ask("GET", path)[search.index(world)]["mappings"]["properties"]["customer_id"]
    body = {"properties": {"customer_id": {**found, "copy_to": copy_to}, "x_number": {"type": "long"}}}
    world.scenario.search.ask("PUT", path, body)


def test_a_mapping_that_somebody_changed_refuses_every_document(open_world, book):
    """Not even the documents that stood there are taken back: so it waits, and no event is blamed. One that was refused before that, in a
    batch of new documents alone, is a letter, and is replayed."""
    entry = book("OpenSearch", "the mapping changed by hand: every document refused (400)", "search")
    world = open_world("search")
    scenario = world.scenario
    # A late replay must not put an order back into an older state.
    scenario.write_file(options=OPTIONS, newest_by_time=True)
    driver.begin(world, 1)
    driver.wait_progress(world, 1_500)
    listener = driver.Listener(world.fleet, REFUSED)
    put_mapping(world, ["x_number"])
    entry.times = 1
    entry.told = listener.wait()
    before = world.committed()
    driver.stays_true(lambda: world.keep_traffic() or world.committed() == before, 2, "nothing more becomes a letter")
    put_mapping(world, [])
    entry.recovery_s.append(round(driver.wait_recovered(world), 1))
    world.stop_traffic()
    scenario.wait_caught_up(driver.CAUGHT_UP_S)
    letters = scenario.letters()
    refused = [letter for letter in letters if letter["stage"] == "store"]
    if refused:
        scenario.dlq("replay", "--stage", "store", "--yes")
        wait_until(lambda: scenario.kafka.partitions(scenario.replay_topic), 30, "the replay topic")
        scenario.wait_caught_up(60, scenario.replay_topic)
    expected = scenario.expected()
    kept = [letter for letter in letters if letter["stage"] != "store"]
    found = compare.differences(expected, scenario.fact_orders(), scenario.daily_revenue(), kept)
    assert not found, "the store differs:\n" + "\n".join(found)
    entry.events, entry.result, entry.why = expected.records, "passed", f"{len(refused)} events became letters and were replayed"
