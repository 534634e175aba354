"""Workers that die, freeze, come and go."""

import pytest

from faults import workers
from kit.cases import cases, run_alone


@pytest.mark.parametrize("fault,store", cases(workers.FAULTS))
def test_alone(fault, store, open_world, book):
    run_alone("workers", fault, store, open_world, book)
