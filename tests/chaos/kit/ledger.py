"""The ledger: what the topics say must be in the store, against what is there; and the book of what each scenario came to."""

import dataclasses
import json
import pathlib
import time
from typing import Any, Dict, List, Optional

from harness import cache
from oracle import compare

from .world import World

REPORTS = pathlib.Path(__file__).resolve().parents[3] / "build" / "reports" / "chaos"


@dataclasses.dataclass
class Balance:
    events: int
    duplicates: int
    letters: int
    lost: int  # by the additive counts of the store, and letters that are missing
    doubled: int
    differences: List[str]


def balance(world: World) -> Balance:
    """Reads the topics with a client of its own, folds, and compares row by row."""
    scenario = world.scenario
    expected = scenario.expected_cache() if world.kind == "redis" else scenario.expected()
    letters = scenario.letters()
    if world.kind == "redis":
        want = dict(expected.count)
        have = {day: int(value) for day, value in scenario.cache.rows("count").items()}
        differences: List[str] = []
        for view in cache.VIEWS:
            differences += compare.table_differences(
                view, cache._shown(getattr(expected, view)), cache._shown(scenario.cache.rows(view)), expected.history
            )
        differences += compare.letter_differences(expected.letters, letters)
    else:
        facts, daily = scenario.fact_orders(), scenario.daily_revenue()
        want = {key: row["orders"] for key, row in expected.daily_revenue.items()}
        have = {key: row["orders"] for key, row in daily.items()}
        differences = compare.differences(expected, facts, daily, letters)
    told = {f"{letter['topic']}:{letter['partition']}:{letter['offset']}" for letter in letters}
    lost = sum(max(0, count - have.get(key, 0)) for key, count in want.items()) + len(expected.letters.keys() - told)
    doubled = sum(max(0, count - want.get(key, 0)) for key, count in have.items()) + len(told - expected.letters.keys())
    return Balance(expected.records, expected.duplicates, len(expected.letters), lost, doubled, differences)


@dataclasses.dataclass
class Entry:
    """One line of the table."""

    area: str
    fault: str
    store: str
    result: str = "failed"  # passed, failed, not run
    why: str = ""
    times: int = 0
    events: int = 0
    lost: int = 0
    doubled: int = 0
    recovery_s: List[float] = dataclasses.field(default_factory=list)
    told: str = ""  # what told the fault apart: /readyz, log, metric
    seed: int = 0
    at: float = dataclasses.field(default_factory=time.time)

    def take(self, found: Balance) -> None:
        self.events, self.lost, self.doubled = found.events, found.lost, found.doubled

    def write(self) -> None:
        directory = REPORTS / "faults"
        directory.mkdir(parents=True, exist_ok=True)
        name = "".join(c if c.isalnum() else "-" for c in f"{self.area}-{self.store}-{self.fault}")
        (directory / f"{name}.json").write_text(json.dumps(dataclasses.asdict(self), indent=1))


def read_entries(directory: Optional[pathlib.Path] = None) -> List[Dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((directory or REPORTS / "faults").glob("*.json"))]
