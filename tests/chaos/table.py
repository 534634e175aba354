#!/usr/bin/env python3
"""Writes what the last run of each scenario came to into docs/reliability.md, between its markers.

    tests/chaos/table.py            # from build/reports/chaos/faults/*.json
"""

import datetime
import pathlib
import re
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "integration")]

from faults import clock, kafka, network, postgres, redis, redis_cluster, search, workers  # noqa: E402
from kit.fault import Fault  # noqa: E402
from kit.ledger import read_entries  # noqa: E402

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- the table begins: tests/chaos/table.py -->", "<!-- the table ends -->"
AREAS = ["workers", "PostgreSQL", "Redis", "OpenSearch", "network", "Kafka", "log", "dead letters", "clock", "overload", "combined", "soak"]
# What no machine of ours makes yet; each line says why.
NOT_RUN = []


def recovery(seconds) -> str:
    if not seconds:
        return "–"
    if len(seconds) == 1:
        return f"{seconds[0]:g}"
    return f"{statistics.median(seconds):g} ({max(seconds):g})"


def who_is_told():
    """By the fault's name: what docs/operating.md has a row for, or why nobody is told."""
    out = {}
    for module in (clock, kafka, network, postgres, redis, redis_cluster, search, workers):
        for value in vars(module).values():
            for fault in value if isinstance(value, (list, tuple)) else ():
                if isinstance(fault, Fault):
                    told = fault.told
                    heard = [told.ready and "`/readyz`", told.log and "log", told.metric and f"`{told.metric[0]}`"] if told else []
                    out[fault.name] = ", ".join(part for part in heard if part) or f"nobody: {fault.untold}"
    return out


def heard(entry, known) -> str:
    if entry["fault"] in known:
        return known[entry["fault"]]
    parts = [("/readyz", "`/readyz`"), ("log", "log"), ("metric", "metric")]
    return ", ".join(shown for word, shown in parts if word in entry.get("told", "")) or "–"


def rows(entries):
    known = who_is_told()
    order = {area: number for number, area in enumerate(AREAS)}
    for entry in sorted(entries, key=lambda e: (order.get(e["area"], 99), e["store"], e["fault"])):
        note = f" ({entry['why']})" if entry["why"] and entry["result"] == "passed" else ""
        told = heard(entry, known)
        head = f"| {entry['area']} | {entry['fault']}{note} | {entry['store']} |"
        if entry["result"] == "not run":
            yield f"{head} not run: {entry['why']} | | | | | |"
        elif entry["result"] == "failed":
            yield f"{head} {entry['times']} | {entry['events']:,} | **failed** | **failed** | {recovery(entry['recovery_s'])} | {told} |"
        else:
            yield f"{head} {entry['times']} | {entry['events']:,} | {entry['lost']} | {entry['doubled']} | {recovery(entry['recovery_s'])} | {told} |"


def page_table(entries) -> str:
    passed = [entry for entry in entries if entry["result"] == "passed"]
    days = sorted({datetime.datetime.fromtimestamp(entry["at"]).date().isoformat() for entry in entries})
    lines = [
        f"Last runs of each scenario, on {' and '.join(days)} (`make chaos` runs all): {len(passed)} of {len([e for e in entries if e['result'] != 'not run'])} scenarios passed, "
        f"{sum(e['times'] for e in entries):,} faults, {sum(e['events'] for e in entries):,} events compared, "
        f"{sum(e['lost'] for e in entries)} lost, {sum(e['doubled'] for e in entries)} doubled.",
        "",
        "| part | fault | store | times | events | lost | doubled | recovery s: median (worst) | who is told |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *rows(entries),
        *(f"| {area} | {fault} | – | not run: {why} | | | | | |" for area, fault, why in NOT_RUN),
    ]
    return "\n".join(lines)


def main() -> int:
    entries = read_entries()
    if not entries:
        print("no scenario has been run: tests/chaos/run", file=sys.stderr)
        return 1
    text = PAGE.read_text()
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    assert pattern.search(text), f"{PAGE} has lost its markers"
    PAGE.write_text(pattern.sub(lambda _: f"{BEGIN}\n{page_table(entries)}\n{END}", text))
    print(f"{PAGE.relative_to(ROOT)}: {len(entries)} scenarios")
    return 0


if __name__ == "__main__":
    sys.exit(main())
