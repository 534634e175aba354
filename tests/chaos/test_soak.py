"""Three read models at once, one in each store, and a fault every 20 seconds. Memory must not grow with time.

    make soak                                  ten minutes (SOAK_S=600), 300 events a second and read model (SOAK_RATE)
    tests/chaos/run soak-full                  until the topics hold 20 million events (SOAK_EVENTS) at 3,000 a second and read model
    SOAK_EVENTS=1000000 SOAK_RATE=2000 tests/chaos/run soak
"""

import os
import pathlib
import re
import statistics
import time

import pytest

from harness.waiting import stays_true
from kit import driver
from test_combined import faults_of

SOAK_S = float(os.environ.get("SOAK_S", 600))
SOAK_EVENTS = int(os.environ.get("SOAK_EVENTS", 0))  # 0: SOAK_S decides
SOAK_RATE = int(os.environ.get("SOAK_RATE", 300))
EVERY_S = 20
STORES = ("postgres", "redis", "search")
PEAK_LIMIT_MB = 700
GROWTH_LIMIT = 1.5  # the last third of the time against the middle one: caches and windows fill in the first
GROWTH_FLOOR_MB = 30  # what allocators keep is no growth


def resident_mb(worker) -> float:
    status = pathlib.Path(f"/proc/{worker.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


class Memory:
    """What the workers of each read model hold, over time. A worker that was killed is followed by a small one: the largest counts."""

    def __init__(self):
        self.samples = {store: [] for store in STORES}

    def look(self, worlds, at_s: float) -> None:
        for store, world in worlds.items():
            held = [resident_mb(worker) for worker in world.fleet if worker.running]
            if held:
                self.samples[store].append((at_s, max(held)))

    @property
    def peak_mb(self) -> float:
        return max(mb for samples in self.samples.values() for _, mb in samples)

    def thirds(self, store: str):
        values = [mb for _, mb in self.samples[store]]
        size = max(1, len(values) // 3)
        return [round(statistics.median(part), 1) for part in (values[:size], values[size : 2 * size] or values, values[-size:])]

    def report(self) -> str:
        lines = [f"memory of {store}: median MB of the first, middle and last third {self.thirds(store)}" for store in STORES]
        return "\n".join([*lines, f"peak memory of a worker: {self.peak_mb:.0f} MB"])

    def check(self) -> None:
        for store in STORES:
            _, middle, last = self.thirds(store)
            assert last <= middle * GROWTH_LIMIT + GROWTH_FLOOR_MB, f"{store}: {self.samples[store]}"


def produced(worlds) -> int:
    return sum(sum(world.scenario.kafka.end_offsets(world.scenario.topic).values()) for world in worlds.values())


def goes_on(worlds, began: float) -> bool:
    if not SOAK_EVENTS:
        return time.monotonic() - began < SOAK_S
    have = produced(worlds)
    print(f"{time.monotonic() - began:6.0f} s  {have:,} of {SOAK_EVENTS:,} events", flush=True)
    return have < SOAK_EVENTS


@pytest.mark.soak
def test_soak(open_world, book, seed):
    worlds = {store: open_world(store, 3) for store in STORES}
    length = f"{SOAK_EVENTS:,} events" if SOAK_EVENTS else f"{SOAK_S / 60:g} min"
    entries = {store: book("soak", f"a fault every {EVERY_S} s for {length}, three read models at once", store) for store in STORES}
    keep_traffic = lambda: all(w.keep_traffic() is None for w in worlds.values())  # noqa: E731
    for world in worlds.values():
        world.notes["combined"] = True
        world.start_traffic(SOAK_RATE)
        for _ in range(2):
            world.add_worker()
    for world in worlds.values():
        driver.wait_progress(world, 100)
    began, memory = time.monotonic(), Memory()
    random = worlds["postgres"].random
    while goes_on(worlds, began):
        next_at = time.monotonic() + EVERY_S
        store = random.choice(STORES)
        world, entry = worlds[store], entries[store]
        fault = random.choice(faults_of(store))
        print(f"{time.monotonic() - began:6.0f} s  {store}: {fault.name}", flush=True)
        fault.strike(world)
        entry.times += 1
        stays_true(keep_traffic, random.uniform(*fault.hold_s), "traffic")
        fault.heal(world)
        for name, other in worlds.items():  # brokers are everybody's: who was not meant must have recovered as well
            recovered_s = round(driver.wait_recovered(other), 1)
            if name == store:
                entry.recovery_s.append(recovered_s)
        memory.look(worlds, time.monotonic() - began)
        stays_true(keep_traffic, max(0.0, next_at - time.monotonic()), "traffic")
    print(memory.report(), flush=True)
    for store in STORES:
        driver.finish(worlds[store], entries[store])
        entries[store].why = f"memory by thirds {memory.thirds(store)} MB"
    assert memory.peak_mb < PEAK_LIMIT_MB
    memory.check()
    print(f"soak passed: SEED={seed}, {sum(e.times for e in entries.values())} faults, {sum(e.events for e in entries.values()):,} events", flush=True)
