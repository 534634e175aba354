"""Redis dies, restarts, forgets, falls back, is full, forgets its scripts."""

import pytest

from faults import redis, redis_cluster
from kit.cases import cases, run_alone


@pytest.mark.parametrize("fault,store", cases(redis.FAULTS))
def test_alone(fault, store, open_world, book):
    run_alone("Redis", fault, store, open_world, book)


@pytest.mark.parametrize("fault,store", cases(redis_cluster.OF_CLUSTERS))
def test_cluster(fault, store, open_world, book):
    run_alone("Redis", fault, store, open_world, book, server="redis cluster")


@pytest.mark.parametrize("fault,store", cases(redis_cluster.OF_SENTINELS))
def test_sentinel(fault, store, open_world, book):
    run_alone("Redis", fault, store, open_world, book, server="redis sentinel")
