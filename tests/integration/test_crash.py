"""Workers that die, freeze, come and go: the store always ends as the fold of the topic, each event once."""

import random
import time

import pytest

from harness.scenario import pick_seed
from harness.waiting import stays_true, wait_until

# The shortest session that brokers allow by default: a dead or frozen worker's partitions move after it.
SHORT_SESSION = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 1000, "topic.metadata.refresh.interval.ms": 1000}


@pytest.mark.slow
def test_kill_9_at_twenty_random_moments_while_events_flow(scenario):
    kills, events = 20, 50_000
    rng = random.Random(pick_seed())
    # A static member's successor takes over at once, instead of after the dead one's session: more kills a minute.
    scenario.make_topic(4).write_file(options={**SHORT_SESSION, "group.instance.id": "only-one"})
    generator = scenario.generate_slowly(events, per_second=1_600, duplicates=0.05, malformed=0.002)
    worker = scenario.worker()
    seen = []
    for _ in range(kills):
        worker.start()
        time.sleep(rng.uniform(0.05, 2.8))  # the random moment: any instruction, start-up included
        worker.kill()
        seen.append(sum(scenario.checkpoints().values()))
    assert generator.wait(120) == 0, generator.stdout.read()
    print("checkpoints after each kill:", seen)
    assert len(set(seen)) > kills / 3, f"the kills did not strike a working worker: {seen}"
    worker.start()
    scenario.wait_caught_up()
    expected = scenario.check()
    assert expected.records == events and expected.duplicates > 1000
    assert worker.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [1, 2])
def test_kill_9_in_a_backlog(scenario, lanes):
    """Large batches, and kills in the middle of commits of many thousand rows."""
    rng = random.Random(pick_seed())
    scenario.make_topic(4).write_file(newest_by_time=True, options={**SHORT_SESSION, "group.instance.id": "only-one"})
    scenario.generate(150_000, duplicates=0.02)
    worker = scenario.worker("--lanes", str(lanes), "--max-batch-records", "5000")
    for _ in range(5):
        before = sum(scenario.checkpoints().values())
        worker.start()
        wait_until(lambda: sum(scenario.checkpoints().values()) > before or scenario.caught_up(), 30, "a commit")
        time.sleep(rng.uniform(0, 0.15))
        worker.kill()
    worker.start()
    scenario.wait_caught_up()
    scenario.check()


@pytest.mark.slow
def test_workers_join_and_leave_under_load(scenario):
    scenario.make_topic(6).write_file(newest_by_time=True, options=SHORT_SESSION)
    generator = scenario.generate_slowly(40_000, per_second=2_000, duplicates=0.03)
    first = scenario.start_worker().wait_ready()
    second = scenario.start_worker().wait_ready()
    wait_until(lambda: both_have_partitions(first, second), 30, "the partitions are shared")
    assert first.stop() == 0
    third = scenario.start_worker().wait_ready()
    wait_until(lambda: both_have_partitions(second, third), 30, "the partitions are shared again")
    second.kill()
    fourth = scenario.start_worker()
    assert generator.wait(120) == 0, generator.stdout.read()
    fourth.wait_ready()
    scenario.wait_caught_up()
    scenario.check()
    assert third.stop() == 0 and fourth.stop() == 0


def both_have_partitions(*workers):
    counts = [len(worker.metrics().all("foldline_committed_offset")) for worker in workers]
    assert all(counts), f"partitions of each worker: {counts}"
    return True


@pytest.mark.slow
def test_a_frozen_worker_is_fenced_when_it_thaws(scenario):
    """Frozen with a batch in hand, past its session; another worker goes on; thawed, it must change nothing."""
    scenario.make_topic(4).write_file(options=SHORT_SESSION)
    scenario.generate(100_000, duplicates=0.02)
    frozen = scenario.start_worker("--max-batch-records", "500")
    wait_until(lambda: sum(scenario.checkpoints().values()) > 0, 30, "a first commit")
    frozen.freeze()
    assert sum(scenario.checkpoints().values()) < 100_000, "frozen too late to hold a batch"
    other = scenario.start_worker()
    scenario.wait_caught_up(90)
    expected = scenario.check()
    frozen.thaw()
    wait_until(lambda: frozen.metrics().sum("foldline_fenced_total") >= 1, 30, "the thawed worker's commit is fenced")
    # Both go on together: more events, each once.
    scenario.generate(10_000, seed=7)
    scenario.wait_caught_up(90)
    assert scenario.expected().records == expected.records + 10_000
    scenario.check()
    assert frozen.running and other.running
    frozen.wait_ready()
    assert frozen.stop() == 0 and other.stop() == 0


@pytest.mark.slow
def test_a_frozen_worker_that_thaws_alone_goes_on(scenario):
    scenario.make_topic(2).write_file(options=SHORT_SESSION)
    worker = scenario.start_worker().wait_ready()
    scenario.generate(5_000)
    scenario.wait_caught_up()
    worker.freeze()
    time.sleep(8)  # past its session: the broker has dropped it
    scenario.generate(5_000, seed=7)
    worker.thaw()
    scenario.wait_caught_up()
    worker.wait_ready()
    scenario.check()


def test_sigterm_finishes_the_batch_and_the_next_start_redoes_nothing(scenario):
    scenario.make_topic(4).write_file()
    generator = scenario.generate_slowly(12_000, per_second=4_000)
    first = scenario.start_worker().wait_ready()
    wait_until(lambda: sum(scenario.checkpoints().values()) > 2_000, 30, "some commits")
    start = time.monotonic()
    assert first.stop() == 0
    assert time.monotonic() - start < 10
    assert generator.wait(60) == 0
    left = sum(scenario.checkpoints().values())
    second = scenario.start_worker()
    scenario.wait_caught_up()
    second.wait_counted(12_000 - left, "foldline_records_total")
    scenario.check()


def test_sigterm_while_the_store_is_away_still_ends(outage):
    outage.make_topic(2).write_file()
    worker = outage.start_worker().wait_ready()
    outage.server.stop()
    outage.generate(1_000)
    wait_until(lambda: not worker.ready, 30, "not ready")
    worker.terminate()
    worker.wait_exit(30)
    outage.server.start()
    outage.start_worker()
    outage.wait_caught_up()
    outage.check()


def test_an_idle_worker_stays_ready_and_commits_nothing_new(scenario):
    scenario.make_topic(2).write_file()
    scenario.generate(1_000)
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    worker.wait_ready()
    commits = worker.metrics().sum("foldline_commits_total")
    stays_true(lambda: worker.ready, 3, "ready")
    assert worker.metrics().sum("foldline_commits_total") <= commits + 1


def test_sigterm_before_anything_has_begun(scenario):
    """While the topic is missing, the broker away, or the store away: the exit is clean and quick."""
    scenario.write_file()
    missing_topic = scenario.start_worker()
    no_broker = scenario.start_worker(env={"KAFKA_BROKERS": "127.0.0.1:1"})
    no_store = scenario.start_worker(env={"POSTGRES_URL": "postgresql://nobody@127.0.0.1:1/nothing"})
    workers = [missing_topic, no_broker, no_store]
    for worker in workers:
        wait_until(lambda: worker.get("/readyz")[0] == 503, 20, "/readyz tells that it is not ready")
        assert worker.alive
    start = time.monotonic()
    for worker in workers:
        worker.terminate()
    assert [worker.wait_exit(15) for worker in workers] == [0, 0, 0]
    assert time.monotonic() - start < 12
    assert "127.0.0.1:1" in no_broker.log() and "127.0.0.1" in no_store.log()
