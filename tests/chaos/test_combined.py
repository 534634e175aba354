"""Faults combined at random, one to three at a time: SEED repeats a run."""

import os

import pytest

from faults import kafka, network, postgres, redis, search, workers
from kit import driver

ROUNDS = int(os.environ.get("FOLDLINE_ROUNDS", 6))
OF_STORE = {
    "postgres": postgres.COMBINABLE,
    "redis": redis.COMBINABLE,
    "search": search.COMBINABLE,
}


def faults_of(store):
    both = workers.COMBINABLE + network.COMBINABLE + kafka.COMBINABLE + OF_STORE[store]
    unique = {fault.name if fault not in OF_STORE[store] else f"{store}: {fault.name}": fault for fault in both}
    return list(unique.values())


@pytest.mark.parametrize("store", [pytest.param("postgres", marks=pytest.mark.short), "redis", "search"])
def test_combined(store, open_world, book):
    entry = book("combined", f"one to three at a time, {ROUNDS} rounds", store)
    world = open_world(store, 3)
    story = driver.combined(world, faults_of(store), ROUNDS, entry)
    print("\n".join(story), entry.recovery_s)
