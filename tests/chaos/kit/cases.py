"""Faults as parameters of a test, and the test itself."""

from typing import Iterable, List

import pytest

from . import driver
from .fault import Fault


def cases(faults: Iterable[Fault]) -> List:
    out = []
    for fault in faults:
        for store in fault.stores:
            marks = [pytest.mark.short] if fault.short and store == fault.stores[0] else []
            out.append(pytest.param(fault, store, id=f"{store}: {fault.name}", marks=marks))
    return out


def run_alone(area: str, fault: Fault, store: str, open_world, book, brokers: int = 1, server: str = "") -> None:
    entry = book(area, fault.name, store)
    why_not = fault.needs() if fault.needs else ""
    if why_not:
        entry.result, entry.why = "not run", why_not
        pytest.skip(why_not)
    entry.told = f"nobody: {fault.untold}" if fault.untold else ""
    driver.alone(open_world(store, brokers, server), fault, entry)
    print(f"{area}: {fault.name} ({store}): {entry.times} times, {entry.events} events, recovered after {entry.recovery_s} s")
