"""What the suite asserts of each fault stands on the operators' page (docs/operating.md), in one row."""

import ast
import pathlib

import pytest

from faults import clock, kafka, network, postgres, redis, search, workers
from kit.fault import Fault, Told
import test_search
import test_topics

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "operating.md"


def all_faults():
    """Every list of faults, whatever a module calls it."""
    found = {}
    for module in (clock, kafka, network, postgres, redis, search, workers):
        for value in vars(module).values():
            if isinstance(value, (list, tuple)):
                found.update({f"{module.__name__}: {fault.name}": fault for fault in value if isinstance(fault, Fault)})
    return found


def rows():
    """(fault, /readyz, log, metric, what to do)"""
    text = PAGE.read_text()
    section = text[text.index("### Fault by fault") : text.index("### The worker")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("| ") and "---" not in line]


def stands_there(told: Told) -> bool:
    name, labels = told.metric or ("", {})

    def holds(row) -> bool:
        _, ready, log, metric, _ = row
        return told.ready in ready and told.log in log and name in metric and all(f'{label}="{value}"' in metric for label, value in labels.items())

    return any(holds(row) for row in rows())


@pytest.mark.short
@pytest.mark.parametrize("name", all_faults())
def test_each_fault_is_told_or_says_why_not(name):
    fault = all_faults()[name]
    assert bool(fault.told) != bool(fault.untold), "a fault has `told` or `untold`"
    assert fault.told is None or stands_there(fault.told), f"no row of {PAGE.name} holds all of {fault.told}"


LETTERS = Told("waiting_letters", "waiting for the dead-letter topic", test_topics.LETTERS_WAIT)
STOPPED = Told("--on-lost-data", "stopped", ("foldline_partition_stopped", {}))


@pytest.mark.short
@pytest.mark.parametrize("told", [test_search.REFUSED, LETTERS, STOPPED], ids=["refused", "letters", "log lost"])
def test_what_single_tests_assert_stands_there_too(told):
    assert stands_there(told), told


@pytest.mark.short
def test_no_other_test_tells_anything_else():
    """A new Told outside of the lists above is a new row, and belongs up there."""
    made = []
    for path in HERE.glob("test_*.py"):
        tree = ast.parse(path.read_text())
        made += [f"{path.name}:{node.lineno}" for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Told"]
    elsewhere = [place for place in made if place.split(":")[0] not in ("test_page.py", "test_search.py", "test_topics.py")]
    assert not elsewhere, elsewhere
