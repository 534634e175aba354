"""Three read models at once, one in each store, and a fault every 20 seconds; SOAK_S seconds (600). Memory must not grow with time."""

import os
import pathlib
import re
import time

import pytest

from harness.waiting import stays_true
from kit import driver
from test_combined import faults_of

SOAK_S = float(os.environ.get("SOAK_S", 600))
EVERY_S = 20
STORES = ("postgres", "redis", "search")
PEAK_LIMIT_MB = 700


def resident_mb(worker) -> float:
    status = pathlib.Path(f"/proc/{worker.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


@pytest.mark.soak
def test_soak(open_world, book):
    worlds = {store: open_world(store, 3) for store in STORES}
    entries = {store: book("soak", f"a fault every {EVERY_S} s for {SOAK_S / 60:g} min, three read models at once", store) for store in STORES}
    for world in worlds.values():
        world.notes["combined"] = True
        world.start_traffic(300)
        for _ in range(2):
            world.add_worker()
    for world in worlds.values():
        driver.wait_progress(world, 100)
    began, peak = time.monotonic(), 0.0
    random = worlds["postgres"].random
    while time.monotonic() - began < SOAK_S:
        next_at = time.monotonic() + EVERY_S
        store = random.choice(STORES)
        world, entry = worlds[store], entries[store]
        fault = random.choice(faults_of(store))
        print(f"{time.monotonic() - began:6.0f} s  {store}: {fault.name}", flush=True)
        fault.strike(world)
        entry.times += 1
        stays_true(lambda: all(w.keep_traffic() is None for w in worlds.values()), random.uniform(*fault.hold_s), "traffic")
        fault.heal(world)
        entry.recovery_s.append(round(driver.wait_recovered(world), 1))
        peak = max([peak, *(resident_mb(worker) for w in worlds.values() for worker in w.fleet)])
        stays_true(lambda: all(w.keep_traffic() is None for w in worlds.values()), max(0.0, next_at - time.monotonic()), "traffic")
    for store in STORES:
        driver.finish(worlds[store], entries[store])
        entries[store].why = f"peak memory of a worker: {peak:.0f} MB"
    print(f"peak memory of a worker: {peak:.0f} MB")
    assert peak < PEAK_LIMIT_MB
