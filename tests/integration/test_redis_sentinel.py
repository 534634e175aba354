"""Sentinel: the worker asks for the master at every connect, and follows a failover to a replica that is behind (G3)."""

import pytest

from harness.waiting import wait_until


@pytest.mark.slow
def test_a_failover_to_a_replica_that_is_behind(sentinel_cache):
    world, sentinels = sentinel_cache, sentinel_cache.sentinels
    world.make_topic(4).write_file()
    generator = world.generate_slowly(12_000, per_second=400, duplicates=0.05, malformed=0.002)
    worker = world.start_worker().wait_ready()
    wait_until(lambda: sum(world.checkpoints().values()) > 500, 60, "some commits")
    sentinels.leave_the_replica_behind()
    mark = sum(world.checkpoints().values())
    wait_until(lambda: sum(world.checkpoints().values()) > mark + 500, 60, "commits that the replica does not have")
    old = sentinels.master
    before = sum(world.checkpoints().values())
    old.kill()
    wait_until(lambda: sentinels.master.port != old.port, 90, "the sentinels have promoted the replica")
    worker.wait_ready(90)
    assert generator.wait(120) == 0, generator.stdout.read()
    world.wait_caught_up(90)
    world.check_cache()
    print("the checkpoints stood at", before, "when the master died")
    assert worker.metrics().sum("foldline_rewinds_total") + worker.metrics().sum("foldline_fenced_total") >= 1, "the replica was not behind"
    assert worker.stop() == 0


def test_a_name_that_no_sentinel_knows_ends_the_worker(sentinel_cache):
    world = sentinel_cache
    world.make_topic(1).write_file()
    worker = world.start_worker(env={"REDIS_URL": world.cache.url.replace(world.sentinels.NAME, "another")})
    assert worker.wait_exit(30) == 1
    assert "knows no master called another" in worker.log() and "cluster-secret" not in worker.log()
