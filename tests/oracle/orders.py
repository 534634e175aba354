#!/usr/bin/env python3
"""The order read models, folded one event at a time in partition order: what fact_orders, daily_revenue and the letters must be.

    records = log.read_topic(brokers, "orders.events")
    expected = orders.fold(records)                          # the last event to arrive wins
    expected = orders.fold(records, newest_by_time=True)     # fact_orders with `newest_by: time`

As a program it checks `foldline generate orders --expect FILE` against the topic that it wrote:

    tests/oracle/orders.py --brokers 127.0.0.1:9092 --topic orders.events --expect expected.json
"""

import argparse
import collections
import dataclasses
import datetime
import decimal
import json
import re
import sys
from typing import Any, Callable, Dict, List, Optional, Tuple

DEFAULT_WINDOW = 250_000  # G14, G16
BIGINT_MAX = 2**63 - 1
BIGINT_MIN = -(2**63)
UTC = datetime.timezone.utc

Row = Dict[str, Any]


class Letter(Exception):
    """This event can't be applied; the text says why."""


@dataclasses.dataclass
class Expected:
    newest_by_time: bool = False
    refused: Callable[[Dict[str, Any]], bool] = lambda data: False
    stamps: Dict[Tuple[str, str], Tuple[datetime.datetime, str]] = dataclasses.field(default_factory=dict)  # (order, field) -> newest
    fact_orders: Dict[str, Row] = dataclasses.field(default_factory=dict)
    daily_revenue: Dict[Tuple[datetime.date, str], Row] = dataclasses.field(default_factory=dict)
    letters: Dict[str, str] = dataclasses.field(default_factory=dict)  # position -> why
    history: Dict[str, List[str]] = dataclasses.field(default_factory=lambda: collections.defaultdict(list))  # order -> what happened
    day_history: Dict[Any, List[str]] = dataclasses.field(default_factory=lambda: collections.defaultdict(list))  # (day, currency) -> the same
    records: int = 0
    duplicates: int = 0
    distinct_events: int = 0
    ignored: int = 0
    placed: int = 0
    shipped: int = 0
    items: int = 0

    @property
    def revenue_cents(self) -> int:
        return sum(row["revenue_cents"] for row in self.daily_revenue.values())

    def per_status(self) -> Dict[str, int]:
        return dict(collections.Counter(row["status"] for row in self.fact_orders.values()))


def decode(value: bytes) -> Dict[str, Any]:
    try:
        text = value.decode("utf-8", errors="strict")
        record = json.loads(text, parse_float=decimal.Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Letter(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise Letter("not a JSON object")
    return record


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d\d):(\d\d))?\Z")


def parse_time(value: Any) -> datetime.datetime:
    """RFC 3339 with any offset, none means UTC; a whole number is milliseconds since 1970. Always UTC, cut to microseconds."""
    epoch = datetime.datetime(1970, 1, 1, tzinfo=UTC)
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return epoch + datetime.timedelta(milliseconds=value)
        except OverflowError as error:
            raise Letter(f"time {value} is out of range") from error
    match = _TIME.match(value) if isinstance(value, str) else None
    if match is None:
        raise Letter(f"unreadable time {value!r}")
    year, month, day, hour, minute, second, fraction, _, sign, offset_hours, offset_minutes = match.groups()
    micros = int((fraction or "0").ljust(6, "0")[:6])
    try:
        local = datetime.datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), micros, tzinfo=UTC)
    except ValueError as error:
        raise Letter(f"unreadable time {value!r}") from error
    offset = datetime.timedelta()
    if sign:
        offset = datetime.timedelta(hours=int(offset_hours), minutes=int(offset_minutes))
    return local + offset if sign == "-" else local - offset


def text_of(data: Dict[str, Any], name: str) -> Optional[str]:
    if name not in data:
        raise Letter(f"no {name}")
    value = data[name]
    if value is not None and not isinstance(value, str):
        raise Letter(f"{name} is no text: {value!r}")
    if value is not None and "\0" in value:
        raise Letter(f"{name} holds a NUL")
    return value


def whole_of(data: Dict[str, Any], name: str) -> Optional[int]:
    """A whole number, also as text or as 12.0; exact."""
    if name not in data:
        raise Letter(f"no {name}")
    value = data[name]
    if value is None:
        return None
    if isinstance(value, str):
        if not re.match(r"-?\d+\Z", value):
            raise Letter(f"{name} is no number: {value!r}")
        value = int(value)
    if isinstance(value, decimal.Decimal):
        if value != value.to_integral_value():
            raise Letter(f"{name} is not whole: {value}")
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Letter(f"{name} is no number: {value!r}")
    if not BIGINT_MIN <= value <= BIGINT_MAX:
        raise Letter(f"{name} is past 64 bits: {value}")
    return value


def fold(
    partitions: Dict[int, List[Any]],
    window: int = DEFAULT_WINDOW,
    newest_by_time: bool = False,
    refused: Callable[[Dict[str, Any]], bool] = lambda data: False,
) -> Expected:
    """`partitions`: the records of each partition in offset order (see log.Record). `refused`: data that the store will not take."""
    expected = Expected(newest_by_time=newest_by_time, refused=refused)
    for partition in sorted(partitions):
        seen: Dict[str, int] = {}  # event ID -> newest offset at which it stood (G14)
        for record in partitions[partition]:
            expected.records += 1
            _apply(expected, seen, record, window)
    return expected


def _apply(expected: Expected, seen: Dict[str, int], record: Any, window: int) -> None:
    if record.value is None:
        expected.ignored += 1  # an event of type `tombstone`, which no view takes
        return
    try:
        event = decode(record.value)
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
        time = parse_time(event["occurred_at"])
        _project(expected, record, event, time)
    except Letter as letter:
        expected.letters[record.position] = str(letter)


def _project(expected: Expected, record: Any, event: Dict[str, Any], time: datetime.datetime) -> None:
    kind = event["event_type"]
    change = {
        "order.placed": _placed,
        "OrderPlaced": _placed,
        "order.shipped": _shipped,
        "OrderShipped": _shipped,
        "order.cancelled": _cancelled,
    }.get(kind)
    if change is None:
        expected.ignored += 1
        return
    data = event.get("payload")
    if not isinstance(data, dict):
        raise Letter("no payload")
    order_id = text_of(data, "order_id")
    if order_id is None:
        raise Letter("order_id is null")
    if expected.refused(data):
        raise Letter("the store refuses it")
    change(expected, order_id, data, time, event.get("event_id") or record.position)
    expected.distinct_events += 1
    _note(expected, record, event, "applied")


def _set(expected: Expected, order_id: str, time: datetime.datetime, event_id: str, fields: Row) -> None:
    """Guards hold per field: a value gives way only to a newer one, ties by event ID (G10)."""
    empty = dict.fromkeys(("customer_id", "currency", "total_cents", "item_count", "status", "placed_at", "shipped_at"))
    row = expected.fact_orders.setdefault(order_id, empty)
    for field, value in fields.items():
        stamp, stored = (time, event_id), expected.stamps.get((order_id, field))
        if not expected.newest_by_time or stored is None or stamp > stored:
            row[field] = value
            expected.stamps[order_id, field] = stamp


def _placed(expected: Expected, order_id: str, data: Dict[str, Any], time: datetime.datetime, event_id: str) -> None:
    customer_id, currency, total_cents = text_of(data, "customer_id"), text_of(data, "currency"), whole_of(data, "total_cents")
    items = data.get("items")
    if not isinstance(items, (list, dict, str)):
        raise Letter("items has no size")
    if currency is None:
        raise Letter("currency is null, and part of a key")
    if total_cents is None:
        raise Letter("total_cents is null, and added")
    day = expected.daily_revenue.setdefault((time.date(), currency), {"orders": 0, "revenue_cents": 0})
    if not BIGINT_MIN <= day["revenue_cents"] + total_cents <= BIGINT_MAX:
        raise Letter("revenue_cents is past 64 bits")
    day["orders"] += 1
    day["revenue_cents"] += total_cents
    fields = dict(customer_id=customer_id, currency=currency, total_cents=total_cents, item_count=len(items), status="placed", placed_at=time)
    _set(expected, order_id, time, event_id, fields)
    expected.placed += 1
    expected.items += len(items)


def _shipped(expected: Expected, order_id: str, _: Dict[str, Any], time: datetime.datetime, event_id: str) -> None:
    _set(expected, order_id, time, event_id, dict(status="shipped", shipped_at=time))
    expected.shipped += 1


def _cancelled(expected: Expected, order_id: str, _: Dict[str, Any], time: datetime.datetime, event_id: str) -> None:
    _set(expected, order_id, time, event_id, dict(status="cancelled"))


def _note(expected: Expected, record: Any, event: Dict[str, Any], what: str) -> None:
    data = event.get("payload")
    order_id = data.get("order_id") if isinstance(data, dict) else None
    if isinstance(order_id, str):
        line = f"{record.position} {event.get('event_id')} {event.get('event_type')} at {event.get('occurred_at')}"
        total = data.get("total_cents")
        line = f"{line}{'' if total is None else f' total_cents={total}'}: {what}"
        expected.history[order_id].append(line)
        try:
            expected.day_history[parse_time(event["occurred_at"]).date(), data["currency"]].append(line)
        except (Letter, KeyError, TypeError):
            pass  # an event that belongs to no day


def check_generated(expected: Expected, totals: Dict[str, Any]) -> List[str]:
    """Differences between the generator's own totals and the fold of what stands in the topic."""
    per_status = "per_status" if expected.newest_by_time else "per_status_as_arrived"
    ours = {
        "records": expected.records,
        "distinct_events": expected.distinct_events,
        "duplicates": expected.duplicates,
        "malformed": len(expected.letters),
        "orders": len(expected.fact_orders),
        "orders_placed": expected.placed,
        "orders_shipped": expected.shipped,
        "revenue_cents": expected.revenue_cents,
        "items": expected.items,
        per_status: {status: expected.per_status().get(status, 0) for status in totals[per_status]},
        "per_day": [
            {"day": day.isoformat(), "currency": currency, **row} for (day, currency), row in sorted(expected.daily_revenue.items())
        ],
    }
    return [f"{name}: the generator says {totals[name]!r}, the topic holds {ours[name]!r}" for name in ours if totals[name] != ours[name]]


def main() -> int:
    parser = argparse.ArgumentParser(description="check the generator's totals against the topic")
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--expect", required=True, help="the file that `foldline generate orders --expect` wrote")
    options = parser.parse_args()
    import log  # beside this file

    with open(options.expect, encoding="utf-8") as file:
        totals = json.load(file)
    differences = check_generated(fold(log.read_topic(options.brokers, options.topic), newest_by_time=True), totals)
    print("\n".join(differences) or f"{options.topic}: all totals agree")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
