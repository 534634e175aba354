"""The order projection in a search store: workers and servers that die, freeze, come and go. Documents are compared one by one with the fold of
the topic, written apart from the worker (tests/oracle)."""

import random
import time

import pytest

from harness.scenario import pick_seed
from harness.waiting import wait_until

SHORT_SESSION = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 1000, "topic.metadata.refresh.interval.ms": 1000}


def test_documents_are_the_fold_of_the_topic(search_scenario):
    world = search_scenario.make_topic(4)
    world.write_file(newest_by_time=True)
    world.generate(20_000, duplicates=0.03)
    worker = world.start_worker()
    world.wait_caught_up()
    expected = world.check()
    assert expected.duplicates > 100 and len(world.fact_orders()) > 5_000
    assert worker.stop() == 0


@pytest.mark.slow
def test_kill_9_at_twenty_random_moments_while_events_flow(search_scenario):
    world, kills, events = search_scenario, 20, 40_000
    rng = random.Random(pick_seed())
    world.make_topic(4).write_file(options={**SHORT_SESSION, "group.instance.id": "only-one"})
    generator = world.generate_slowly(events, per_second=1_200, duplicates=0.05, malformed=0.002)
    worker = world.worker()
    seen = []
    for _ in range(kills):
        worker.start()
        time.sleep(rng.uniform(0.05, 2.8))  # the random moment: any instruction, start-up included
        worker.kill()
        seen.append(sum(world.checkpoints().values()))
    assert generator.wait(120) == 0, generator.stdout.read()
    print("checkpoints after each kill:", seen)
    assert len(set(seen)) > kills / 3, f"the kills did not strike a working worker: {seen}"
    worker.start()
    world.wait_caught_up()
    expected = world.check()
    assert expected.records == events and expected.duplicates > 1000
    assert worker.stop() == 0


@pytest.mark.slow
def test_kill_9_in_a_backlog(search_scenario):
    """Large batches, and kills between the documents of a commit and its checkpoint: rows are ahead, and are folded around (G24)."""
    world = search_scenario
    rng = random.Random(pick_seed())
    world.make_topic(4).write_file(newest_by_time=True, options={**SHORT_SESSION, "group.instance.id": "only-one"})
    refolds = 0
    for life in range(5):
        world.generate(25_000, seed=rng.randrange(1 << 31), duplicates=0.02)  # a backlog for each: one life may read all there is
        worker = world.worker("--lanes", "2", "--max-batch-records", "3000")
        before = sum(world.checkpoints().values())
        worker.start()
        wait_until(lambda: sum(world.checkpoints().values()) > before, 30, f"a commit of life {life}")
        refolds += sum(worker.metrics().all("foldline_refolds_total"))
        time.sleep(rng.uniform(0, 0.2))
        worker.kill()
    worker = world.start_worker("--max-batch-records", "700")
    world.wait_caught_up(120)
    print("refolds:", refolds + sum(worker.metrics().all("foldline_refolds_total")))
    world.check()


@pytest.mark.slow
def test_two_workers_share_and_one_dies(search_scenario):
    world = search_scenario
    world.make_topic(6).write_file(newest_by_time=True, options=SHORT_SESSION)
    generator = world.generate_slowly(25_000, per_second=1_500, duplicates=0.03)
    first = world.start_worker().wait_ready()
    second = world.start_worker().wait_ready()

    def shared():
        counts = [len(worker.metrics().all("foldline_committed_offset")) for worker in (first, second)]
        assert all(counts), f"partitions of each worker: {counts}"
        return True

    wait_until(shared, 30, "the partitions are shared")
    first.kill()
    third = world.start_worker()
    assert generator.wait(120) == 0, generator.stdout.read()
    world.wait_caught_up(90)
    world.check()
    assert second.stop() == 0 and third.stop() == 0


@pytest.mark.slow
def test_a_frozen_worker_is_fenced_when_it_thaws(search_scenario):
    """Frozen with a batch in hand, past its session; another worker goes on; thawed, it must change nothing."""
    world = search_scenario
    world.make_topic(4).write_file(options=SHORT_SESSION)
    world.generate(60_000, duplicates=0.02)
    frozen = world.start_worker("--max-batch-records", "300")
    wait_until(lambda: sum(world.checkpoints().values()) > 0, 30, "a first commit")
    frozen.freeze()
    assert sum(world.checkpoints().values()) < 60_000, "frozen too late to hold a batch"
    other = world.start_worker()
    world.wait_caught_up(120)
    expected = world.check()
    frozen.thaw()
    wait_until(lambda: frozen.metrics().sum("foldline_fenced_total") >= 1, 30, "the thawed worker's commit is fenced")
    world.generate(5_000, seed=7)
    world.wait_caught_up(90)
    assert world.expected().records == expected.records + 5_000
    world.check()
    assert frozen.running and other.running
    assert frozen.stop() == 0 and other.stop() == 0


@pytest.mark.slow
def test_the_search_server_is_killed_while_events_flow(search_outage):
    """kill -9 of the store around any write; what it acknowledged is there when it comes back."""
    world = search_outage
    world.make_topic(4).write_file()
    generator = world.generate_slowly(20_000, per_second=700, duplicates=0.05)
    worker = world.start_worker().wait_ready()
    for _ in range(2):
        before = sum(world.checkpoints().values())
        wait_until(lambda: sum(world.checkpoints().values()) > before + 300, 60, "some commits")
        world.server.kill()
        wait_until(lambda: not worker.ready, 40, "not ready")
        assert worker.alive
        world.server.start()
        world.wait_green()
    assert generator.wait(90) == 0
    world.wait_caught_up(90)
    world.check()
    worker.wait_ready()
    assert worker.metrics().sum("foldline_store_retries_total") >= 1
    assert worker.stop() == 0


def test_an_index_that_was_deleted_stops_the_projection_with_the_advice(search_scenario):
    """G26: made anew and empty, it is not what the checkpoint stands on."""
    world = search_scenario
    world.make_topic(1).write_file()
    world.generate(500)
    first = world.start_worker()
    world.wait_caught_up()
    assert first.stop() == 0
    world.search.ask("DELETE", f"/{world.name}-fact_orders-g1")
    second = world.start_worker()

    def told():
        status, body = second.get("/readyz")
        assert status == 503 and "another history" in body, f"{status} {body}"
        return True

    wait_until(told, 30, "/readyz tells of another history")
    assert world.search.hits(f"{world.name}-fact_orders", {"match_all": {}}, "order_id.keyword") == []
    assert second.stop() == 0
