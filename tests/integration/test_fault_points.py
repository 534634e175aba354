"""Every step of every commit path: the worker dies, freezes or loses its connections exactly there (common/fault_point.h), and the store
still ends as the fold of the topic, each event once (G1, G2, G5, G24, G28).

The points are read from the sources, so a new one is walked too, and one that is never reached fails here.
"""

import os
import pathlib
import random
import re
import signal

import pytest

from harness.scenario import pick_seed
from harness.servers import ROOT
from harness.waiting import wait_until
from harness.worker import run_once
from oracle import compare, orders

ROOMS = ("common", "config", "projectors", "sinks", "engine", "cmd")
POINT = re.compile(r'FOLDLINE_FAULT_POINT\("([a-z]+)\.([a-z_]+)"\)')
STORES = ("postgres", "redis", "search")
STATIC = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 1000, "group.instance.id": "only-one"}
SESSIONS = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 1000, "topic.metadata.refresh.interval.ms": 1000}
SMALL_BATCHES = ("--max-batch-records", "60")
# Reached once at every start; the others by each batch.
AT_START = {"engine.opened", "postgres.ownership_taken", "redis.ownership_taken", "search.ownership_taken"}
# Points of ways that the order events do not take; tests of their own kill there.
SWITCH = {
    "redis": ("redis.switch_begun", "redis.switch_moved", "redis.switch_phase_ended", "redis.switch_ended"),
    "search": ("search.switch_decided", "search.switch_fenced", "search.aliases_moved", "search.switch_settled"),
}
# Between the buckets of a Redis Cluster: test_killed_between_the_buckets_of_a_cluster.
BUCKETS = ("redis.checked", "redis.first_bucket_written")
# The COPYs and UPDATEs of PostgreSQL: for thousands of rows, or hundreds of new ones of one shape (docs/decisions/0052). No COMMIT was sent by then. The contract
# tests ConnectionLostInACopyLeavesNothing and WorkerFrozenInACopyIsEndedByTheNextOwner lose and freeze connections there; no test kills a worker.
COPIES = {"postgres.staging_made", "postgres.copying", "postgres.copying_straight", "postgres.copied_straight", "postgres.updated_straight"}
ELSEWHERE = {"search.put_back", *SWITCH["redis"], *SWITCH["search"], *BUCKETS, *COPIES}


def points_of_sources():
    found = set()
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.cpp")):
            found |= {f"{area}.{name}" for area, name in POINT.findall(path.read_text())}
    return sorted(found)


POINTS = points_of_sources()


def points_of(store):
    return [point for point in POINTS if point.split(".")[0] in ("engine", store) and point not in ELSEWHERE]


@pytest.fixture(scope="session")
def faulty_binary():
    path = pathlib.Path(os.environ.get("FOLDLINE_FAULTS_BIN", ROOT / "build" / "tests" / "foldline_faults")).resolve()
    assert path.exists(), f"{path} is not there: build the target foldline_faults, or name it in FOLDLINE_FAULTS_BIN"
    return str(path)


def faulty(world, binary, point, nth, action, *arguments):
    worker = world.worker(*SMALL_BATCHES, *arguments, env={"FOLDLINE_FAULT": f"{point}:{nth}:{action}"})
    worker._binary = binary
    return worker.start()


def reached(worker, point, action):
    said = f"fault point {point}: {action}" in worker.log()
    assert said or worker.running, f"{point} was not reached: the worker ended with {worker.exit_code}\n{worker.log_tail()}"
    return said


def struck_at_every_point(world, binary, action):
    """One point after the other, with new events each: the point, and a worker that has reached it a random number of times."""
    rng = random.Random(pick_seed())
    world.make_topic(3).write_file(options=STATIC)
    for number, point in enumerate(points_of(world.store)):
        nth = 1 if point in AT_START else rng.randint(1, 4)
        world.generate(600, seed=number + 1, duplicates=0.1, malformed=0.02)
        worker = faulty(world, binary, point, nth, action)
        wait_until(lambda: reached(worker, point, action), 30, f"{point} is reached {nth} times")
        print(f"{point}:{nth}: {action}")
        yield point, worker


def test_the_sources_name_points():
    """Of each store, and of what stands between decoding a record and forgetting it."""
    for store in STORES:
        assert len([point for point in POINTS if point.startswith(store)]) >= 4, POINTS
    assert AT_START | ELSEWHERE <= set(POINTS)
    assert {"engine.folded", "engine.letters_written", "engine.commit_answered", "engine.checkpoint_moved"} <= set(POINTS)


@pytest.mark.slow
def test_killed_at_every_point(any_store, faulty_binary):
    world = any_store
    for point, victim in struck_at_every_point(world, faulty_binary, "kill"):
        assert victim.wait_exit() == -signal.SIGKILL
        print(f"{point}: {sum(world.checkpoints().values())} records are behind the checkpoints")
        heir = world.start_worker(*SMALL_BATCHES)
        world.wait_caught_up()
        world.check()
        heir.kill()


@pytest.mark.slow
@pytest.mark.parametrize("point", BUCKETS)
def test_killed_between_the_buckets_of_a_cluster(cluster_cache, faulty_binary, point):
    """G4: some buckets hold the batch, others do not."""
    world = cluster_cache
    rng = random.Random(pick_seed())
    world.make_topic(3).write_file(options=STATIC)
    apart = 0
    for number in range(3):
        world.generate(600, seed=number + 1, duplicates=0.1, malformed=0.02)
        victim = faulty(world, faulty_binary, point, rng.randint(1, 4), "kill")
        assert victim.wait_exit(40) == -signal.SIGKILL, victim.log_tail()
        apart += sum(len(set(offsets)) > 1 for offsets in world.cache.checkpoints_of_buckets().values())
        heir = world.start_worker(*SMALL_BATCHES)
        world.wait_caught_up()
        world.check_cache()
        heir.kill()
    assert point != "redis.first_bucket_written" or apart >= 3, "no batch was cut"


@pytest.mark.slow
def test_connections_cut_at_every_point(any_store, faulty_binary):
    """The same worker goes on by itself, whichever answer was lost (G5)."""
    world = any_store
    for point, worker in struck_at_every_point(world, faulty_binary, "cut"):
        world.wait_caught_up()
        world.check()
        assert worker.running, f"{point}: the worker ended with {worker.exit_code}\n{worker.log_tail()}"
        worker.kill()


# A freeze takes some ten seconds each: the first two of a store by default, all with FOLDLINE_LONG=1.
FROZEN = {
    "postgres": ("postgres.commit_sent", "postgres.rows_sent", "postgres.copied", "engine.letters_written", "engine.commit_answered"),
    "redis": ("redis.before_script", "redis.rows_read", "redis.request_sent"),
    "search": ("search.before_bulk", "search.rows_written", "search.compared", "search.before_checkpoints"),
}


@pytest.mark.slow
def test_frozen_past_the_session_and_thawed(any_store, faulty_binary):
    """Another worker has gone on in the meantime: what the frozen one does next must change nothing (G1, G18, G24)."""
    world = any_store
    world.make_topic(2).write_file(options=SESSIONS)
    points = FROZEN[world.store] if os.environ.get("FOLDLINE_LONG") else FROZEN[world.store][:2]
    for number, point in enumerate(points):
        world.generate(600, seed=number + 1, duplicates=0.1, malformed=0.02)
        nth = 9 if point == "redis.request_sent" else 2  # some requests go before the first commit
        frozen = faulty(world, faulty_binary, point, nth, "stop")
        wait_until(lambda: reached(frozen, point, "stop"), 30, f"{point} is reached {nth} times")
        other = world.start_worker(*SMALL_BATCHES)
        world.wait_caught_up(60)
        world.check()
        frozen.thaw()
        world.generate(300, seed=100 + number)
        frozen.wait_ready(40)
        world.wait_caught_up(60)
        world.check()
        print(f"{point}: fenced {frozen.metrics().sum('foldline_fenced_total'):.0f} times")
        assert other.running and frozen.running
        frozen.kill()
        other.kill()


FIRST_LETTER = ("engine.prepared", "engine.letters_written", "engine.commit_answered", "engine.checkpoint_moved")
LETTER_ROUNDS = int(os.environ.get("FOLDLINE_ROUNDS", 4))  # a new letter topic in each


@pytest.mark.slow
def test_killed_around_the_first_letter_of_a_new_topic(any_store, faulty_binary):
    """G28: the topic is made by the worker that dies, or by its heir, and holds every letter however young it is."""
    world = any_store
    rng = random.Random(pick_seed())
    for number in range(LETTER_ROUNDS):
        world.topic = f"{world.name}.orders{number}"
        # A group of its own: a static member that comes back with other topics would get its old partitions again.
        world.make_topic(1).write_file(options=STATIC, group=f"{world.name}-{number}")
        world.generate(300, seed=number + 1, malformed=rng.choice((0.01, 0.05, 0.3)))
        point = rng.choice(FIRST_LETTER)
        victim = faulty(world, faulty_binary, point, rng.randint(1, 3), "kill")
        assert victim.wait_exit() == -signal.SIGKILL, victim.log_tail()
        heir = world.start_worker(*SMALL_BATCHES)
        world.wait_caught_up()
        assert heir.stop() == 0
        told = {f"{letter['topic']}:{letter['partition']}:{letter['offset']}" for letter in world.letters()}
        expected = world.expected_cache() if world.store == "redis" else world.expected()
        assert told == set(expected.letters), f"round {number}, killed at {point}"


@pytest.mark.slow
@pytest.mark.parametrize("any_store", ("redis", "search"), indirect=True)
def test_killed_at_every_step_of_a_generation_switch(any_store, faulty_binary):
    """The rebuild dies while its generation goes live; `--resume` ends the switch, and the views are the fold."""
    world = any_store
    rng = random.Random(pick_seed())
    world.make_topic(2).write_file(options=STATIC)
    world.generate(4_000, duplicates=0.1)
    for number, point in enumerate(SWITCH[world.store]):
        if number == 0:
            worker = world.start_worker()
            world.wait_caught_up()
            assert worker.stop() == 0
        nth = rng.randint(1, 8) if point == "redis.switch_moved" else 1
        killed = run_once(faulty_binary, ["rebuild", str(world.file)], {**world.env, "FOLDLINE_FAULT": f"{point}:{nth}:kill"}, 120)
        assert killed.returncode == -signal.SIGKILL, f"{point}:{nth}: {killed.returncode}\n{killed.stdout}{killed.stderr}"
        listed = run_once(world.binary, ["rebuild", str(world.file), "--list"], world.env).stdout
        print(f"{point}:{nth}: {listed.split()}")
        if "switching" in listed or "going live" in listed or "building" in listed:
            resumed = run_once(world.binary, ["rebuild", str(world.file), "--resume"], world.env, 120)
            assert resumed.returncode == 0, resumed.stdout + resumed.stderr
        world.generate(500, seed=100 + number)
        worker = world.start_worker()
        world.wait_caught_up()
        world.check()
        assert worker.stop() == 0


@pytest.mark.slow
def test_killed_while_a_refused_batch_is_put_back(search_scenario, faulty_binary):
    """G28: the store refuses one document in the middle of a batch; the worker dies while it puts the others back."""
    world = search_scenario
    world.make_topic(1).write_file(options=SESSIONS)
    for number in range(50):
        world.place(f"before-{number}", customer_id=str(number))
    world.kafka.flush()
    worker = world.start_worker(*SMALL_BATCHES)
    world.wait_caught_up()
    assert worker.stop() == 0
    # Somebody has the customers indexed as numbers, too (a sub-field survives our own update of the mapping): one that is none is refused.
    index = f"/{world.name}-fact_orders-g1/_mapping"
    customer = world.search.ask("GET", index)[f"{world.name}-fact_orders-g1"]["mappings"]["properties"]["customer_id"]
    customer.setdefault("fields", {})["as_number"] = {"type": "long"}
    world.search.ask("PUT", index, {"properties": {"customer_id": customer}})
    for round_number in range(3):
        for number in range(50):
            refused = number == 20 + round_number
            world.place(f"after-{round_number}-{number}", customer_id="nobody" if refused else str(number))
        world.kafka.flush()
        victim = faulty(world, faulty_binary, "search.put_back", 1, "kill")
        assert victim.wait_exit() == -signal.SIGKILL, victim.log_tail()
        heir = world.start_worker(*SMALL_BATCHES)
        world.wait_caught_up()
        records = world.kafka.read(world.topic)
        poison = [record for record in records[0] if b"nobody" in record.value]
        expected = orders.fold({0: [record for record in records[0] if record not in poison]})
        expected.letters.update({record.position: "refused by the store" for record in poison})
        found = compare.differences(expected, world.fact_orders(), world.daily_revenue(), world.letters())
        assert len(poison) == round_number + 1 and not found, "\n".join(found)
        assert heir.stop() == 0
