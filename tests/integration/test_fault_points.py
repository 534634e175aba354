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

ROOMS = ("common", "config", "projectors", "sinks", "engine", "cmd")
POINT = re.compile(r'FOLDLINE_FAULT_POINT\("([a-z]+)\.([a-z_]+)"\)')
STORES = ("postgres", "redis", "search")
STATIC = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 1000, "group.instance.id": "only-one"}
SESSIONS = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 1000, "topic.metadata.refresh.interval.ms": 1000}
SMALL_BATCHES = ("--max-batch-records", "60")
# Reached once at every start; the others by each batch.
AT_START = {"engine.opened", "postgres.ownership_taken", "redis.ownership_taken", "search.ownership_taken"}
# Points of ways that the order events do not take. search.put_back: the contract test ARefusedBatchIsPutBackOverLostAnswers loses answers
# there; no test kills a worker there (docs/search.md names what that may leave).
# The COPYs of PostgreSQL: for thousands of rows, or hundreds of new ones of one shape (docs/decisions/0052). No COMMIT was sent by then. The contract
# tests ConnectionLostInACopyLeavesNothing and WorkerFrozenInACopyIsEndedByTheNextOwner lose and freeze connections there; no test kills a worker.
ELSEWHERE = {"search.put_back", "postgres.staging_made", "postgres.copying", "postgres.copying_straight", "postgres.copied_straight"}


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
