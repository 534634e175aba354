"""Redis as the store: workers die, freeze and meet, Redis stops, dies and forgets; it always ends as the fold of the topic."""

import random
import time

import pytest

from harness.scenario import pick_seed
from harness.waiting import stays_true, wait_until
from test_crash import SHORT_SESSION, both_have_partitions


def not_ready_because(worker, *words):
    def told():
        status, body = worker.get("/readyz")
        assert status == 503 and all(word in body for word in words), f"/readyz {status} {body}"
        return body

    return wait_until(told, 30, f"/readyz is 503 and names {words}")


def test_every_kind_of_key_ends_as_the_fold(cache):
    cache.make_topic(4).write_file()
    cache.generate(20_000, duplicates=0.05, malformed=0.002)
    worker = cache.start_worker()
    cache.wait_caught_up()
    expected = cache.check_cache()
    assert expected.duplicates > 500 and expected.letters
    worker.wait_ready()
    assert worker.stop() == 0


@pytest.mark.slow
def test_kill_9_at_twenty_random_moments_while_events_flow_into_redis(cache):
    kills, events = 20, 50_000
    rng = random.Random(pick_seed())
    cache.make_topic(4).write_file(options={**SHORT_SESSION, "group.instance.id": "only-one"})
    generator = cache.generate_slowly(events, per_second=1_600, duplicates=0.05, malformed=0.002)
    worker = cache.worker()
    seen = []
    for _ in range(kills):
        worker.start()
        time.sleep(rng.uniform(0.05, 2.8))  # the random moment: any instruction, start-up included
        worker.kill()
        seen.append(sum(cache.checkpoints().values()))
    assert generator.wait(120) == 0, generator.stdout.read()
    print("checkpoints after each kill:", seen)
    assert len(set(seen)) > kills / 3, f"the kills did not strike a working worker: {seen}"
    worker.start()
    cache.wait_caught_up()
    expected = cache.check_cache()
    assert expected.records == events and expected.duplicates > 1000
    assert worker.stop() == 0


@pytest.mark.slow
def test_two_workers_share_and_one_dies(cache):
    cache.make_topic(4).write_file(options=SHORT_SESSION)
    generator = cache.generate_slowly(30_000, per_second=2_000, duplicates=0.03)
    first = cache.start_worker().wait_ready()
    second = cache.start_worker().wait_ready()
    wait_until(lambda: both_have_partitions(first, second), 30, "the partitions are shared")
    first.kill()
    assert generator.wait(120) == 0, generator.stdout.read()
    cache.wait_caught_up(90)
    cache.check_cache()
    assert second.stop() == 0


@pytest.mark.slow
def test_a_frozen_worker_is_fenced_by_redis_when_it_thaws(cache):
    cache.make_topic(4).write_file(options=SHORT_SESSION)
    cache.generate(100_000, duplicates=0.02)
    frozen = cache.start_worker("--max-batch-records", "500")
    wait_until(lambda: sum(cache.checkpoints().values()) > 0, 30, "a first commit")
    frozen.freeze()
    assert sum(cache.checkpoints().values()) < 100_000, "frozen too late to hold a batch"
    other = cache.start_worker()
    cache.wait_caught_up(90)
    cache.check_cache()
    frozen.thaw()
    wait_until(lambda: frozen.metrics().sum("foldline_fenced_total") >= 1, 30, "the thawed worker's commit is fenced")
    cache.generate(10_000, seed=7)
    cache.wait_caught_up(90)
    cache.check_cache()
    assert frozen.stop() == 0 and other.stop() == 0


@pytest.mark.slow
def test_redis_stopped_and_started_while_events_flow(cache_outage):
    world = cache_outage
    world.make_topic(4).write_file()
    generator = world.generate_slowly(16_000, per_second=1_600, duplicates=0.05)
    worker = world.start_worker().wait_ready()
    wait_until(lambda: sum(world.checkpoints().values()) > 500, 30, "some commits")
    world.server.stop()
    not_ready_because(worker, "waiting_store")
    assert worker.alive
    world.server.start()
    worker.wait_ready(45)
    assert generator.wait(60) == 0
    world.wait_caught_up()
    world.check_cache()
    assert worker.stop() == 0


@pytest.mark.slow
def test_redis_killed_three_times_while_events_flow(cache_outage):
    world = cache_outage
    world.make_topic(4).write_file()
    generator = world.generate_slowly(20_000, per_second=1_500, duplicates=0.05)
    worker = world.start_worker().wait_ready()
    for _ in range(3):
        before = sum(world.checkpoints().values())
        wait_until(lambda: sum(world.checkpoints().values()) > before + 200, 40, "some commits")
        world.server.kill()
        world.server.start()
    assert generator.wait(60) == 0
    world.wait_caught_up()
    world.check_cache()
    assert worker.running


@pytest.mark.slow
def test_redis_comes_back_without_its_last_writes(cache_outage, tmp_path):
    """Rows and checkpoints go back together, and the worker with them (G3)."""
    world = cache_outage
    world.make_topic(4).write_file()
    generator = world.generate_slowly(24_000, per_second=2_000, duplicates=0.05)
    worker = world.start_worker().wait_ready()
    for _ in range(3):
        before = sum(world.checkpoints().values())
        wait_until(lambda: sum(world.checkpoints().values()) > before + 500, 30, "some commits")
        world.server.remember(tmp_path / "disk")
        mark = sum(world.checkpoints().values())
        wait_until(lambda: sum(world.checkpoints().values()) > mark + 1_000, 30, "commits that the disk does not have")
        world.server.fall_back(tmp_path / "disk")
    assert generator.wait(60) == 0
    world.wait_caught_up()
    world.check_cache()
    worker.wait_ready()


@pytest.mark.slow
def test_a_redis_that_lost_everything_is_no_fresh_start(cache):
    """G22: without its checkpoints nobody knows what the views hold; the group's committed offsets tell that there was something."""
    cache.make_topic(2).write_file()
    cache.generate(2_000)
    first = cache.start_worker()
    cache.wait_caught_up()
    wait_until(lambda: len(cache.kafka.committed(cache.group, cache.topic)) == 2, 20, "the group's offsets are committed")
    assert first.stop() == 0
    cache.cache.drop()
    second = cache.start_worker()
    not_ready_because(second, "the store has lost its data")
    stays_true(lambda: not cache.cache.rows("count"), 2, "nothing is written")
    assert second.stop() == 0
    anew = cache.start_worker("--on-lost-data", "earliest")
    cache.wait_caught_up()
    cache.check_cache()
    assert anew.stop() == 0


def test_a_redis_that_may_evict_is_refused(cache_outage):
    world = cache_outage
    world.make_topic(1).write_file()
    with world.cache.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            worker = world.start_worker()
            assert worker.wait_exit(30) == 1
            assert "maxmemory-policy is allkeys-lru" in worker.log() and "noeviction" in worker.log()
        finally:
            client.config_set("maxmemory-policy", "noeviction")


def test_a_refused_login_is_named_without_its_password(cache):
    cache.make_topic(1).write_file()
    tail = cache.cache.url.split("@")[1]
    worker = cache.start_worker(env={"REDIS_URL": f"redis://app:wrong-secret@{tail}"})
    assert worker.wait_exit(30) == 1
    assert "user app" in worker.log() and "WRONGPASS" in worker.log()
    assert "wrong-secret" not in worker.log()
