"""OpenSearch dies, refuses, is slow, answers in part or not at all, loses its shards, is closed."""

import pytest

from faults import search
from kit.cases import cases, run_alone


@pytest.mark.parametrize("fault,store", cases(search.FAULTS))
def test_alone(fault, store, open_world, book):
    run_alone("OpenSearch", fault, store, open_world, book)
