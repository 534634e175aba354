"""PostgreSQL dies, restarts, falls back, refuses, is full, is locked."""

import pytest

from faults import postgres
from kit.cases import cases, run_alone


@pytest.mark.parametrize("fault,store", cases(postgres.FAULTS))
def test_alone(fault, store, open_world, book):
    run_alone("PostgreSQL", fault, store, open_world, book)


@pytest.mark.parametrize("fault,store", cases(postgres.DISK))
def test_small_disk(fault, store, open_world, book):
    run_alone("PostgreSQL", fault, store, open_world, book, server="small disk")
