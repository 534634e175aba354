"""foldline rebuild in Redis: a new generation beside the live one, its keys moved into place in steps; interrupted anywhere, resumed, dropped."""

import os
import signal
import subprocess
import time

import pytest

from harness.waiting import stays_true, wait_until
from harness.worker import run_once

SWITCH_EVENTS = 30_000  # some 40,000 keys: a hundred steps, so that the switch is met in the middle


def rebuild(cache, *arguments, timeout_s=120):
    return run_once(cache.binary, ["rebuild", str(cache.file), *arguments], cache.env, timeout_s)


class RunningRebuild:
    """One that is met while it runs."""

    def __init__(self, cache, *arguments):
        self._cache = cache
        self.process = subprocess.Popen(
            [cache.binary, "rebuild", str(cache.file), *arguments],
            env={**os.environ, **cache.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def freeze_when(self, condition, what, timeout_s=90):
        """Looks without a pause: the moment is short."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert self.process.poll() is None, f"it ended before {what}: {self.process.communicate()}"
            assert time.monotonic() < deadline, what
        os.kill(self.process.pid, signal.SIGSTOP)
        return self

    def end_by(self, number):
        """The signal, met when it goes on; what it said."""
        os.kill(self.process.pid, number)
        os.kill(self.process.pid, signal.SIGCONT)
        out, err = self.process.communicate(timeout=60)
        return out + err


def filled(cache):
    return sum(cache.cache.checkpoints(2).values())


def moved(cache):
    with cache.cache.client() as client:
        return int(client.hget(f"foldline:{{{cache.name}}}:switch", "moved") or 0)


def keys_of(cache, generation):
    with cache.cache.client() as client:
        return sum(1 for _ in client.scan_iter(match=f"foldline:{{{cache.name}:g{generation}:*", count=1000))


def make_live(cache, events, partitions=3):
    """Generation 1, caught up, its worker stopped."""
    cache.make_topic(partitions).write_file()
    cache.generate(events, duplicates=0.02)
    worker = cache.start_worker()
    cache.wait_caught_up(120)
    assert worker.stop() == 0


def spoil(cache):
    """Rows that are no longer the fold, and one that never was: a rebuild puts both right."""
    with cache.cache.client() as client:
        key = next(client.scan_iter(match=f"{cache.name}:revenue:*"))
        client.set(key, "-1", keepttl=True)
        client.hset(f"{cache.name}:state:never-placed", "status", "placed")


def test_a_rebuild_takes_the_live_ones_place_while_events_flow_into_redis(cache):
    cache.make_topic(3).write_file()
    cache.generate(20_000, duplicates=0.05, malformed=0.002)
    worker = cache.start_worker()
    cache.wait_caught_up()
    spoil(cache)
    generator = cache.generate_slowly(9_000, per_second=3_000, seed=7, duplicates=0.05)
    done = rebuild(cache)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "generation 2 is live" in done.stdout and "--drop-old" in done.stdout
    assert generator.wait(60) == 0
    wait_until(lambda: not worker.running, 40, "the old generation's worker ends")
    assert worker.exit_code == 1
    assert cache.cache.generations() == {1: "retired", 2: "live"}
    cache.start_worker()
    cache.wait_caught_up()
    cache.check_cache()
    assert keys_of(cache, 1) > 1_000, "the old one is kept"
    assert "dropped generation 1" in rebuild(cache, "--drop-old").stdout
    assert keys_of(cache, 1) == 0
    assert cache.cache.generations() == {2: "live"}
    cache.check_cache()


@pytest.mark.slow
def test_a_rebuild_into_redis_killed_while_it_fills_goes_on(cache):
    make_live(cache, 30_000)
    before = {view: cache.cache.rows(view) for view in ("count", "customers", "leaders")}
    running = RunningRebuild(cache).freeze_when(lambda: filled(cache) > 0, "some of the new generation is there")
    assert filled(cache) < 30_000
    running.end_by(signal.SIGKILL)
    assert before == {view: cache.cache.rows(view) for view in before}, "the live generation is untouched"
    again = rebuild(cache)
    assert again.returncode == 1 and "--resume" in again.stderr and "--abandon" in again.stderr
    worker = cache.start_worker().wait_ready()
    done = rebuild(cache, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    wait_until(lambda: not worker.running, 40, "the old generation's worker ends")
    cache.check_cache()


@pytest.mark.slow
def test_ctrl_c_while_it_fills_tells_what_is_left(cache):
    make_live(cache, 30_000)
    running = RunningRebuild(cache).freeze_when(lambda: filled(cache) > 0, "some of the new generation is there")
    said = running.end_by(signal.SIGINT)
    assert running.process.returncode == 1
    assert "generation 2 is kept as far as it is; the live one is untouched" in said and "--resume" in said and "--abandon" in said
    assert cache.cache.generations() == {1: "live", 2: "building"}
    cache.check_cache()
    assert "dropped generation 2" in rebuild(cache, "--abandon").stdout
    assert keys_of(cache, 2) == 0
    assert cache.cache.generations() == {1: "live"}
    assert "generation 3 is live" in rebuild(cache).stdout, "a number never comes again: letters name it"
    cache.check_cache()


@pytest.mark.slow
def test_a_rebuild_killed_in_the_middle_of_its_switch_goes_on(cache):
    make_live(cache, SWITCH_EVENTS)
    spoil(cache)
    old_worker = cache.start_worker().wait_ready()
    running = RunningRebuild(cache).freeze_when(lambda: moved(cache) > 0, "some keys have moved")
    assert cache.cache.generations() == {1: "retiring", 2: "switching"}
    running.end_by(signal.SIGKILL)
    # Nobody may fold until the switch has ended: the old worker ends, a new one waits and says for what.
    wait_until(lambda: not old_worker.running, 40, "the old generation's worker ends")
    waiting = cache.start_worker()
    wait_until(lambda: "--resume" in waiting.get("/readyz")[1], 30, "/readyz tells what to do")
    cache.generate(3_000, seed=7)
    stays_true(lambda: sum(cache.cache.checkpoints(1).values()) + filled(cache) == 2 * SWITCH_EVENTS, 2, "nobody commits")
    for wrong in ([], ["--abandon"], ["--drop-old"]):
        refused = rebuild(cache, *wrong)
        assert refused.returncode == 1 and "--resume" in refused.stderr, refused.stderr
    listed = rebuild(cache, "--list").stdout
    assert "1  retiring" in listed and "2  switching" in listed
    done = rebuild(cache, "--resume")
    assert done.returncode == 0 and "generation 2 is live" in done.stdout, done.stdout + done.stderr
    cache.wait_caught_up(90)
    waiting.wait_ready()
    cache.check_cache()
    assert rebuild(cache, "--drop-old").returncode == 0
    assert keys_of(cache, 1) == 0


@pytest.mark.slow
def test_ctrl_c_in_the_middle_of_the_switch_tells_what_is_left(cache):
    make_live(cache, SWITCH_EVENTS)
    running = RunningRebuild(cache).freeze_when(lambda: moved(cache) > 0, "some keys have moved")
    said = running.end_by(signal.SIGINT)
    assert running.process.returncode == 1
    assert "generation 2 is going live and has not ended" in said and "--resume" in said
    assert cache.cache.generations() == {1: "retiring", 2: "switching"}
    done = rebuild(cache, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    cache.check_cache()


@pytest.mark.slow
def test_redis_killed_in_the_middle_of_the_switch(cache_outage):
    """The rebuild waits for it and goes on by itself."""
    world = cache_outage
    make_live(world, SWITCH_EVENTS)
    running = RunningRebuild(world).freeze_when(lambda: moved(world) > 0, "some keys have moved")
    world.server.kill()
    os.kill(running.process.pid, signal.SIGCONT)
    world.server.start()
    out, err = running.process.communicate(timeout=90)
    assert running.process.returncode == 0 and "waiting to go live" in err, out + err
    assert world.cache.generations() == {1: "retired", 2: "live"}
    world.check_cache()


@pytest.mark.slow
def test_a_drop_that_is_killed_goes_on(cache):
    make_live(cache, SWITCH_EVENTS)
    assert rebuild(cache).returncode == 0
    all_keys = keys_of(cache, 1)
    running = RunningRebuild(cache, "--drop-old").freeze_when(lambda: cache.cache.generations().get(1) == "dropping", "the drop has begun")
    running.end_by(signal.SIGKILL)
    left = keys_of(cache, 1)
    assert 0 < left <= all_keys
    assert "dropped generation 1" in rebuild(cache, "--drop-old").stdout
    assert keys_of(cache, 1) == 0
    cache.check_cache()


def test_a_view_that_changed_its_kind_is_refused_until_it_is_rebuilt(cache):
    make_live(cache, 2_000, partitions=1)
    text = cache.file.read_text()
    changed = text.replace("kind: counter\n    key: {day: {type: date, from: date(time)}}", "kind: hash\n    fields: {value: bigint}\n    key: {day: {type: date, from: date(time)}}", 1)
    changed = changed.replace("{add: 1}", "{add: {value: 1}}", 1)
    assert changed != text
    cache.file.write_text(changed)
    worker = cache.start_worker()
    assert worker.wait_exit(30) == 1
    assert "hold a counter, not a hash" in worker.log() and "foldline rebuild" in worker.log()
    done = rebuild(cache)
    assert done.returncode == 0, done.stdout + done.stderr
    expected = cache.expected_cache()
    assert {day: int(row["value"]) for day, row in cache.cache.rows("count").items()} == dict(expected.count)
    cache.start_worker().wait_ready()
