"""The way between a worker and PostgreSQL breaks at the worst moments."""

import random
import time
import urllib.parse

import pytest

from conftest import pick_seed
from harness.proxy import Proxy
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
    assert worker.metrics().sum("foldline_store_retries_total") >= 1
    worker.wait_ready()


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
    options = {"group.instance.id": "only-one", "session.timeout.ms": 6000}
    scenario.make_topic(2).write_file(options=options)
    scenario.generate(150_000)
    for number in range(4):
        through = scenario.start_worker("--max-batch-records", "1000", env=proxy.env)
        before = sum(scenario.checkpoints().values())
        wait_until(lambda: sum(scenario.checkpoints().values()) > before, 40, "a commit")
        proxy.stall_after(rng.randrange(1, 400_000))
        wait_until(lambda: proxy.stalled or scenario.caught_up(), 30, "the stall")
        through.kill()
        direct = scenario.start_worker("--max-batch-records", "1000")
        before = sum(scenario.checkpoints().values())
        wait_until(lambda: sum(scenario.checkpoints().values()) > before or scenario.caught_up(), 60, "the next owner commits")
        direct.kill()
        proxy.cut()
        proxy.flow()
    scenario.start_worker()
    scenario.wait_caught_up()
    scenario.check()
