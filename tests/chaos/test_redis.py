"""Redis dies, restarts, forgets, falls back, is full, forgets its scripts."""

import pytest

from faults import redis
from kit.cases import cases, run_alone


@pytest.mark.parametrize("fault,store", cases(redis.FAULTS))
def test_alone(fault, store, open_world, book):
    run_alone("Redis", fault, store, open_world, book)
