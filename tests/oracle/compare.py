"""Compares what a store holds with what the oracle expects; a difference shows the key, its events with their positions, and both rows."""

from typing import Any, Dict, List

from .orders import Expected

MAX_SHOWN = 10
MAX_EVENTS = 1_000  # of one key


def table_differences(name: str, expected: Dict[Any, dict], actual: Dict[Any, dict], history: Dict[Any, List[str]]) -> List[str]:
    out = []
    for key in sorted(expected.keys() | actual.keys(), key=str):
        if expected.get(key) == actual.get(key):
            continue
        if len(out) < MAX_SHOWN:
            want, have = expected.get(key), actual.get(key)
            lines = [f"{name} {key!r}:"]
            if want is None or have is None:
                lines += [f"  expected {want}", f"  the store holds {have}"]
            else:
                lines += [f"  {field}: expected {want[field]!r}, the store holds {have.get(field)!r}" for field in want if want[field] != have.get(field)]
            events = history.get(key, [])
            lines += [f"  event {line}" for line in events[:MAX_EVENTS]]
            if len(events) > MAX_EVENTS:
                lines.append(f"  and {len(events) - MAX_EVENTS} events more")
            out.append("\n".join(lines))
        else:
            out.append("")
    shown = [text for text in out if text]
    if len(out) > len(shown):
        shown.append(f"{name}: {len(out) - len(shown)} more rows differ")
    return shown


def letter_differences(expected: Dict[str, str], letters: List[dict]) -> List[str]:
    """`letters`: one for each letterId."""
    actual = {f"{letter['topic']}:{letter['partition']}:{letter['offset']}": letter for letter in letters}
    out = [f"no letter for {position} ({why})" for position, why in expected.items() if position not in actual]
    out += [f"a letter too many for {position}: {letter['error']}" for position, letter in actual.items() if position not in expected]
    return out[:MAX_SHOWN]


def differences(expected: Expected, fact_orders: Dict[Any, dict], daily_revenue: Dict[Any, dict], letters: List[dict]) -> List[str]:
    out = table_differences("fact_orders", expected.fact_orders, fact_orders, expected.history)
    out += table_differences("daily_revenue", expected.daily_revenue, daily_revenue, expected.day_history)
    return out + letter_differences(expected.letters, letters)
