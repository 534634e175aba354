"""The network, on each link of a worker: to Kafka and to its store."""

import pytest

from faults import network
from kit.cases import cases, run_alone


@pytest.mark.parametrize("fault,store", cases(network.FAULTS))
def test_alone(fault, store, open_world, book):
    run_alone("network", fault, store, open_world, book)
