"""More than a store or a worker can take: lag grows and falls again, memory stays bounded, nothing else."""

import pathlib
import re
import time

from harness.scenario import placed
from harness.waiting import wait_until
from kit import driver
from kit.world import World

BURST = 2_000_000
PEAK_LIMIT_MB = 700


def peak_mb(worker) -> float:
    """The most that was ever resident (VmHWM)."""
    status = pathlib.Path(f"/proc/{worker.pid}/status").read_text()
    return round(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024, 1)


def lag(world: World) -> float:
    return sum(world.fleet[0].metrics().all("foldline_lag"))


def test_a_store_ten_times_slower_than_the_stream(open_world, book):
    entry = book("overload", "a store ten times slower than the stream", "postgres")
    world = open_world("postgres")
    world.start_traffic(3_000)
    world.add_worker().wait_ready(60)
    driver.wait_progress(world, 1_000)
    world.store.proxy.slow_down(delay_s=0.3, bytes_per_s=60_000)
    entry.times = 1
    before = lag(world)
    wait_until(lambda: world.keep_traffic() or lag(world) > before + 20_000, 120, "the lag grows, and the metric says so")
    most = lag(world)
    driver.wait_progress(world)
    world.store.proxy.flow()
    world.stop_traffic()
    start = time.monotonic()
    wait_until(lambda: lag(world) == 0, 120, "the lag falls to nothing")
    drained_s = time.monotonic() - start
    entry.why = f"lag {most:,.0f} at most, gone {drained_s:.0f} s after; peak memory {peak_mb(world.fleet[0]):.0f} MB"
    driver.finish(world, entry)
    assert peak_mb(world.fleet[0]) < PEAK_LIMIT_MB


def test_a_burst_of_two_million_events(open_world, book):
    entry = book("overload", "a burst of 2 million events on one worker", "postgres")
    world = open_world("postgres")
    worker = world.add_worker().wait_ready(60)
    world.scenario.generate(BURST, seed=world.seed % 10_000)
    entry.times = 1
    start = time.monotonic()
    world.scenario.wait_caught_up(600)
    entry.why = f"peak memory {peak_mb(worker):.0f} MB; caught up {time.monotonic() - start:.0f} s after the last was sent"
    assert peak_mb(worker) < PEAK_LIMIT_MB
    driver.finish(world, entry)


def test_a_key_that_gets_half_of_all_events(open_world, book):
    """And another worker is killed and replaced meanwhile."""
    entry = book("overload", "a key that gets half of all events", "postgres")
    world = open_world("postgres")
    world.add_worker().wait_ready(60)
    scenario = world.scenario
    for number in range(80_000):
        order = "hot" if world.random.random() < 0.5 else f"o{world.random.randrange(20_000)}"
        scenario.kafka.produce(scenario.topic, placed(order, f"evt-{number}", total_cents=number % 1_000), order.encode())
        if number == 40_000:
            world.remove_worker(world.fleet[0])
            world.add_worker()
    scenario.kafka.flush()
    entry.times = 1
    scenario.wait_caught_up(180)
    driver.finish(world, entry)
