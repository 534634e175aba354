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
    world, kills, events = cluster_cache, 12, 4_000  # few at a time: most batches reach a few buckets only
    rng = random.Random(pick_seed())
    world.make_topic(4).write_file(options={**SHORT_SESSION, "group.instance.id": "only-one"})
    generator = world.generate_slowly(events, per_second=120, duplicates=0.05, malformed=0.002)
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
    assert expected.records == events and expected.duplicates > 50
    assert worker.stop() == 0


@pytest.mark.slow
def test_slots_migrate_while_events_flow(cluster_cache):
    """G21: no script is cut in two by a key that has gone ahead; MOVED, ASK and TRYAGAIN are waited out (G23)."""
    world, cluster = cluster_cache, cluster_cache.cluster
    world.make_topic(4).write_file()
    generator = world.generate_slowly(12_000, per_second=400, duplicates=0.05, malformed=0.002)
    worker = world.start_worker().wait_ready()
    for bucket in (0, 7, 21):
        cluster.move_slot(bucket_slot(world.name, bucket), pause=lambda: time.sleep(0.05))
    assert generator.wait(120) == 0, generator.stdout.read()
    world.wait_caught_up(90)
    assert world.check_cache().duplicates > 100
    worker.wait_ready()
    assert worker.stop() == 0


@pytest.mark.slow
def test_masters_fail_over_while_events_flow(cluster_cache):
    """What a replica lacks, a bucket lacks with its checkpoint: the lane goes back to it (G3, G4)."""
    world, cluster = cluster_cache, cluster_cache.cluster
    world.make_topic(4).write_file()
    generator = world.generate_slowly(16_000, per_second=400, duplicates=0.05, malformed=0.002)
    worker = world.start_worker().wait_ready()
    for bucket in (0, 1):
        before = sum(world.checkpoints().values())
        wait_until(lambda: sum(world.checkpoints().values()) > before + 500, 60, "commits")
        slot = bucket_slot(world.name, bucket)
        master = cluster.master_of(slot)
        master.kill()
        wait_until(lambda: cluster.master_of(slot).port != master.port, 60, "the replica is promoted")
        worker.wait_ready(60)
        master.start()
        wait_until(cluster.whole, 60, "the cluster is up")
    assert generator.wait(120) == 0, generator.stdout.read()
    world.wait_caught_up(90)
    assert world.check_cache().duplicates > 100
    assert worker.running and worker.stop() == 0


def test_what_a_cluster_cannot_do_is_refused_by_name(cluster_cache):
    world = cluster_cache
    world.make_topic(1).write_file()
    world.generate(500)
    worker = world.start_worker()
    world.wait_caught_up()
    assert worker.stop() == 0
    refused = run_once(world.binary, ["rebuild", str(world.file)], world.env)
    assert refused.returncode == 1 and "`rebuild` in a Redis Cluster is not built yet" in refused.stderr
    text = world.file.read_text()
    world.file.write_text(text.replace('url: "${REDIS_URL}"', 'url: "${REDIS_URL}", buckets: 32'))
    other = world.start_worker()
    assert other.wait_exit(30) == 1 and "is kept in 64 buckets, not 32" in other.log()
    single = world.start_worker(env={"REDIS_URL": world.cache.url.replace("redis+cluster", "redis").split(",")[0]})
    assert single.wait_exit(30) == 1 and "redis+cluster://" in single.log()


def test_query_and_status_see_all_masters(cluster_cache):
    world = cluster_cache
    world.make_topic(2).write_file()
    world.generate(3_000)
    worker = world.start_worker()
    world.wait_caught_up()
    expected = world.check_cache()
    rows = run_once(world.binary, ["query", str(world.file), "customers", "--json", "--limit", "0"], world.env)
    assert rows.returncode == 0, rows.stderr
    assert len(rows.stdout.strip().splitlines()) >= len(expected.customers)
    some = next(iter(expected.customers))
    one = run_once(world.binary, ["query", str(world.file), "customers", some, "--json"], world.env)
    assert one.returncode == 0 and some in one.stdout
    status = run_once(world.binary, ["status", str(world.file)], world.env)
    assert status.returncode == 0, status.stdout + status.stderr
    assert worker.stop() == 0
