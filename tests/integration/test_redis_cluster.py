"""Redis Cluster as the store (G4, G23): atomic per bucket, and in the end the fold of the topic, whatever died in between."""

import random
import subprocess
import threading
import time

import pytest

from harness.redis_cluster import bucket_slot
from harness.scenario import pick_seed
from harness.waiting import wait_until
from harness.worker import run_once
from test_crash import SHORT_SESSION
from test_redis import not_ready_because


def test_every_kind_of_key_ends_as_the_fold_in_a_cluster(cluster_cache):
    world = cluster_cache
    world.make_topic(4).write_file()
    world.generate(20_000, duplicates=0.05, malformed=0.002)
    worker = world.start_worker()
    world.wait_caught_up()
    expected = world.check_cache()
    assert expected.duplicates > 500 and expected.letters
    worker.wait_ready()
    assert worker.stop() == 0


def test_idle_buckets_are_brought_up_by_the_barrier(cluster_cache):
    """G23: few rows reach few buckets, and yet no bucket stays behind for long."""
    world = cluster_cache
    world.make_topic(1).write_file()
    worker = world.start_worker().wait_ready()
    for number in range(40):
        world.place(f"ord_{number}")
    world.kafka.flush()
    world.wait_caught_up(30)
    offsets = world.cache.checkpoints_of_buckets()[world.topic, 0]
    assert offsets == [offsets[0]] * world.cache.buckets
    world.check_cache()
    assert worker.stop() == 0


@pytest.mark.slow
def test_kill_9_at_random_moments_while_events_flow_into_a_cluster(cluster_cache):
    """G4: the worker dies between the buckets of a batch, and the next folds for each bucket what that one lacks."""
    world, kills, events = cluster_cache, 12, 30_000
    rng = random.Random(pick_seed())
    world.make_topic(4).write_file(options={**SHORT_SESSION, "group.instance.id": "only-one"})
    generator = world.generate_slowly(events, per_second=1_200, duplicates=0.05, malformed=0.002)
    worker = world.worker()
    apart = 0
    for _ in range(kills):
        worker.start()
        time.sleep(rng.uniform(0.3, 3.0))  # the random moment: any instruction, start-up included
        worker.kill()
        apart += sum(len(set(offsets)) > 1 for offsets in world.cache.checkpoints_of_buckets().values())
    assert generator.wait(180) == 0, generator.stdout.read()
    print("partitions whose buckets stood apart after a kill:", apart)
    assert apart > 0
    worker.start()
    world.wait_caught_up(120)
    expected = world.check_cache()
    assert expected.records == events and expected.duplicates > 500
    assert worker.stop() == 0
