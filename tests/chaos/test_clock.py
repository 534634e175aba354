"""The worker's clock steps by a day while it runs."""

import pytest

from faults import clock
from kit.cases import cases, run_alone


@pytest.mark.parametrize("fault,store", cases(clock.FAULTS))
def test_alone(fault, store, open_world, book):
    clock.set_clock("+0")
    try:
        run_alone("clock", fault, store, open_world, book)
    finally:
        clock.FILE.unlink(missing_ok=True)
