"""The way between a worker and PostgreSQL breaks at the worst moments."""

import random
import time
import urllib.parse

import pytest

from harness.proxy import Proxy
from harness.scenario import pick_seed
from harness.waiting import wait_until


@pytest.fixture
def proxy(scenario):
    parts = urllib.parse.urlsplit(scenario.database.url)
    proxy = Proxy((parts.hostname, parts.port))
    host = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{proxy.port}"
    proxy.env = {"POSTGRES_URL": urllib.parse.urlunsplit(parts._replace(netloc=host))}
    yield proxy
    proxy.close()


@pytest.mark.slow
def test_connections_cut_and_answers_lost_around_commits(scenario, proxy):
    """G5: a COMMIT whose answer was lost must not run twice, nor be taken for done when it is not."""
    rng = random.Random(pick_seed())
    scenario.make_topic(4).write_file()
    generator = scenario.generate_slowly(30_000, per_second=1_500, duplicates=0.03)
    worker = scenario.start_worker(env=proxy.env).wait_ready()
    for number in range(16):
        time.sleep(rng.uniform(0.1, 0.8))
        if number % 2:
            proxy.swallow_answers()
            time.sleep(rng.uniform(0.005, 0.1))
        proxy.cut()
        proxy.flow()
    assert generator.wait(60) == 0
    scenario.wait_caught_up()
    scenario.check()
    worker.wait_ready()
    print("COMMITs without an answer:", worker.log().count("the connection was lost around COMMIT"))


@pytest.mark.slow
def test_a_network_that_stalls_for_a_while(scenario, proxy):
    scenario.make_topic(2).write_file()
    worker = scenario.start_worker(env=proxy.env).wait_ready()
    scenario.generate(1_000)
    scenario.wait_caught_up()
    proxy.stall()
    scenario.generate(1_000, seed=7)
    time.sleep(4)
    assert worker.alive
    proxy.flow()
    scenario.wait_caught_up()
    scenario.check()


@pytest.mark.slow
def test_a_dead_workers_transaction_that_still_holds_locks_is_ended(scenario, proxy):
    """G18: the worker dies in the middle of a commit and the server does not hear of it. The next owner ends exactly that backend."""
    rng = random.Random(pick_seed())
    scenario.make_topic(2).write_file(options={"group.instance.id": "only-one", "session.timeout.ms": 6000})
    scenario.generate(60_000)
    struck = 0
    for _ in range(10):
        # Small batches: then most of what is sent is the last round trip, which locks the checkpoints.
        through = scenario.start_worker("--max-batch-records", "20", env=proxy.env)
        wait_progress(scenario)
        proxy.stall_after(rng.randrange(1, 20_000))
        wait_until(lambda: proxy.stalled, 30, "the stall")
        time.sleep(0.1)  # what the server has, it works through
        locked = checkpoint_locks(scenario) > 0
        through.kill()
        direct = scenario.start_worker("--max-batch-records", "20")
        wait_progress(scenario)
        assert not locked or "ended 1 backend" in direct.log()
        struck += locked
        direct.kill()
        proxy.cut()
        proxy.flow()
        if struck == 2:
            break
    assert struck, "no stall left locks behind"
    scenario.start_worker()
    scenario.wait_caught_up()
    scenario.check()


def wait_progress(scenario):
    before = sum(scenario.checkpoints().values())
    wait_until(lambda: sum(scenario.checkpoints().values()) > before, 60, "a commit")


def checkpoint_locks(scenario):
    return scenario.database.value(
        "SELECT count(*) FROM pg_locks WHERE relation = 'foldline.checkpoint'::regclass AND pid <> pg_backend_pid() AND granted"
    )
