"""The cache of order figures (harness/cache.py), folded one event at a time in partition order: what must stand in Redis, and the letters.

Rows are plain dictionaries; a field that is null is left out, as in Redis.
"""

import collections
import dataclasses
import datetime
from typing import Any, Dict, List, Set

from . import orders
from .orders import BIGINT_MAX, BIGINT_MIN, DEFAULT_WINDOW, Letter


@dataclasses.dataclass
class Expected:
    count: Dict[str, int] = dataclasses.field(default_factory=collections.Counter)
    revenue: Dict[str, int] = dataclasses.field(default_factory=collections.Counter)
    customers: Dict[str, Dict[str, Any]] = dataclasses.field(default_factory=dict)
    newest: Dict[str, datetime.datetime] = dataclasses.field(default_factory=dict)  # customer -> newest event: the row's time to live
    state: Dict[str, Dict[str, Any]] = dataclasses.field(default_factory=dict)
    stamps: Dict[tuple, tuple] = dataclasses.field(default_factory=dict)
    leaders: Dict[str, Dict[str, int]] = dataclasses.field(default_factory=lambda: collections.defaultdict(collections.Counter))
    buyers: Dict[str, Set[str]] = dataclasses.field(default_factory=lambda: collections.defaultdict(set))
    receipts: Dict[str, Dict[str, Any]] = dataclasses.field(default_factory=dict)
    letters: Dict[str, str] = dataclasses.field(default_factory=dict)
    history: Dict[Any, List[str]] = dataclasses.field(default_factory=lambda: collections.defaultdict(list))  # key -> what happened
    records: int = 0
    duplicates: int = 0


def text_of_time(time: datetime.datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def fold(partitions: Dict[int, List[Any]], window: int = DEFAULT_WINDOW) -> Expected:
    expected = Expected()
    for partition in sorted(partitions):
        seen: Dict[str, int] = {}
        for record in partitions[partition]:
            expected.records += 1
            _apply(expected, seen, record, window)
    return expected


def _apply(expected: Expected, seen: Dict[str, int], record: Any, window: int) -> None:
    if record.value is None:
        return
    try:
        event = orders.decode(record.value)
        event_id = event.get("event_id")
        if isinstance(event_id, str):
            before = seen.get(event_id)
            seen[event_id] = record.offset
            if before is not None and before >= record.offset - window:
                expected.duplicates += 1
                _note(expected, record, event, "duplicate")
                return
        if not isinstance(event.get("event_type"), str):
            raise Letter("no event_type")
        if "occurred_at" not in event:
            raise Letter("no occurred_at")
        time = orders.parse_time(event["occurred_at"])
        _project(expected, record, event, time)
    except Letter as letter:
        expected.letters[record.position] = str(letter)


def _project(expected: Expected, record: Any, event: Dict[str, Any], time: datetime.datetime) -> None:
    change = {
        "order.placed": _placed,
        "OrderPlaced": _placed,
        "order.shipped": _shipped,
        "OrderShipped": _shipped,
        "order.cancelled": _cancelled,
    }.get(event["event_type"])
    if change is None:
        return
    data = event.get("payload")
    if not isinstance(data, dict):
        raise Letter("no payload")
    order_id = orders.text_of(data, "order_id")
    if order_id is None:
        raise Letter("order_id is null")
    change(expected, order_id, data, time, event.get("event_id") or record.position)
    _note(expected, record, event, "applied")


def _set(expected: Expected, order_id: str, time: datetime.datetime, event_id: str, **fields: Any) -> None:
    row = expected.state.setdefault(order_id, {})
    for field, value in fields.items():
        stamp, stored = (time, event_id), expected.stamps.get((order_id, field))
        if stored is None or stamp > stored:
            row[field] = value
            expected.stamps[order_id, field] = stamp


def _placed(expected: Expected, order_id: str, data: Dict[str, Any], time: datetime.datetime, event_id: str) -> None:
    customer, currency = orders.text_of(data, "customer_id"), orders.text_of(data, "currency")
    total = orders.whole_of(data, "total_cents")
    if customer is None or total is None:
        raise Letter("customer_id or total_cents is null")
    if "items" not in data:
        raise Letter("no items")
    if abs(total) > 2**53:
        raise Letter("the score is past 2^53")
    day = time.date().isoformat()
    if not BIGINT_MIN <= expected.revenue[day] + total <= BIGINT_MAX:
        raise Letter("revenue is past 64 bits")
    expected.count[day] += 1
    expected.revenue[day] += total
    row = expected.customers.setdefault(customer, {"orders": 0, "cents": 0, "biggest": total, "last": text_of_time(time)})
    row["orders"] += 1
    row["cents"] += total
    row["biggest"] = max(row["biggest"], total)
    row["last"] = max(row["last"], text_of_time(time))
    expected.newest[customer] = max(expected.newest.get(customer, time), time)
    _set(expected, order_id, time, event_id, status="placed", placed_at=text_of_time(time))
    year, week, _ = time.isocalendar()
    expected.leaders[f"{year:04}-W{week:02}"][customer] += total
    expected.buyers[day].add(customer)
    receipt = expected.receipts.setdefault(order_id, {"shipped_at": None})
    receipt.update(customer_id=customer, currency=currency, total_cents=total, items=data["items"])


def _shipped(expected: Expected, order_id: str, _: Dict[str, Any], time: datetime.datetime, event_id: str) -> None:
    _set(expected, order_id, time, event_id, status="shipped", shipped_at=text_of_time(time))
    empty = dict.fromkeys(("customer_id", "currency", "total_cents", "items"))
    expected.receipts.setdefault(order_id, empty)["shipped_at"] = text_of_time(time)


def _cancelled(expected: Expected, order_id: str, _: Dict[str, Any], time: datetime.datetime, event_id: str) -> None:
    _set(expected, order_id, time, event_id, status="cancelled")
    expected.receipts.pop(order_id, None)


def _note(expected: Expected, record: Any, event: Dict[str, Any], what: str) -> None:
    """In the history of every key that the event is about."""
    data = event.get("payload")
    if not isinstance(data, dict):
        return
    line = f"{record.position} {event.get('event_id')} {event.get('event_type')} at {event.get('occurred_at')}: {what}"
    keys = [data.get("order_id"), data.get("customer_id"), str(event.get("occurred_at"))[:10]]
    for key in keys:
        if isinstance(key, str):
            expected.history[key].append(line)
