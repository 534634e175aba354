"""A cluster of three brokers: they die, restart, hand over."""

import pytest

from faults import kafka
from kit.cases import cases, run_alone


@pytest.mark.parametrize("fault,store", cases(kafka.FAULTS))
def test_alone(fault, store, open_world, book):
    run_alone("Kafka", fault, store, open_world, book, brokers=3)
