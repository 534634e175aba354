"""Faults combined at random, one to three at a time: SEED repeats a run."""

import dataclasses
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
    """Each with a name of its own: a worker and a server both know a `kill -9`."""
    of_store = [dataclasses.replace(fault, name=f"{store}: {fault.name}") for fault in OF_STORE[store]]
    return workers.COMBINABLE + network.COMBINABLE + kafka.COMBINABLE + of_store


@pytest.mark.parametrize("store", [pytest.param("postgres", marks=pytest.mark.short), "redis", "search"])
def test_combined(store, open_world, book):
    entry = book("combined", f"one to three at a time, {ROUNDS} rounds", store)
    world = open_world(store, 3)
    story = driver.combined(world, faults_of(store), ROUNDS, entry)
    print("\n".join(story), entry.recovery_s)
