"""A projection that uses every operation, folded one event at a time: what many events of one key within one batch must come to.

    events = list(operations.random_events(random.Random(7), 10_000, keys=30))
    rows = operations.fold(events)["plain"]
"""

import datetime
import decimal
import json
import random
from typing import Any, Dict, Iterator, List

# One view for each way of writing a row. All events of a key come through one partition: the record's key is the row's.
PROJECTION = """\
projection: {name}
kafka: {{brokers: "${{KAFKA_BROKERS}}", options: {{group.instance.id: only-one}}}}
source:
  topics: {topic}
  partition_key: data.k
  envelope: {{type: type, id: id, time: at, data: data}}
store: {{postgres: {{url: "${{POSTGRES_URL}}", schema: ops}}}}
views:
  plain:
    key: {{k: text}}
    fields:
      label: text
      other: {{type: text, default: "'none'"}}
      total: bigint
      amount: numeric(12,2)
      lowest: bigint
      highest: text
      day: date
      seen: timestamptz
    on_event:
      set: {{patch: [label, other]}}
      add: {{add: {{total: data.n, amount: data.amount}}, min: {{lowest: data.n}}, max: {{highest: data.label}}}}
      stamp: {{set: {{day: date(time)}}, max: {{seen: time}}}}
      clear: {{set: {{label: null, total: 0}}}}
      touch: {{set: {{}}}}
      delete: {{delete: true}}
      delete_if: {{when: data.n > 0, delete: true}}
  guarded:
    key: {{k: text}}
    newest_by: data.version
    soft_delete: deleted_at
    fields: {{label: text, other: text, deleted_at: timestamptz}}
    on_event:
      set: {{patch: [label, other]}}
      delete: {{delete: true}}
  pairs:
    key: {{n: {{type: bigint, from: data.n}}, kind: {{type: text, from: type}}}}
    fields: {{events: bigint, longest: bigint}}
    on_event:
      "*": {{add: {{events: 1}}, max: {{longest: size(data.label)}}}}
"""

PLAIN = ("label", "other", "total", "amount", "lowest", "highest", "day", "seen")
PAIRS = ("events", "longest")
TYPES = ["set"] * 5 + ["add"] * 6 + ["stamp"] * 2 + ["clear", "touch", "delete", "delete_if"]
EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def random_events(rng: random.Random, count: int, keys: int) -> Iterator[Dict[str, Any]]:
    for number in range(count):
        kind = rng.choice(TYPES)
        data: Dict[str, Any] = {"k": f"k{rng.randrange(keys)}", "n": rng.randint(-50, 50), "version": number}
        data["label"] = rng.choice(["", "a", "B", "zz", "ä", "\U0001f9ed", "tab\tand \"quotes\" \\ back", "Straße", "x" * 300])
        data["amount"] = decimal.Decimal(rng.randint(-100_000, 100_000)) / 100
        if kind == "set" and rng.random() < 0.5:
            data["other"] = rng.choice(["", "o", "p"])
        yield {"type": kind, "id": f"e{number}", "at": (EPOCH + datetime.timedelta(seconds=rng.randrange(10**7))).isoformat(), "data": data}


def to_json(event: Dict[str, Any]) -> bytes:
    # Decimals as JSON numbers, digit by digit.
    text = json.dumps({**event, "data": {**event["data"], "amount": "AMOUNT"}}, ensure_ascii=False)
    return text.replace('"AMOUNT"', str(event["data"]["amount"])).encode()


def fold(events: List[Dict[str, Any]]) -> Dict[str, Dict[Any, Dict[str, Any]]]:
    """plain and pairs; `events` in the order of each key."""
    plain: Dict[str, Dict[str, Any]] = {}
    pairs: Dict[Any, Dict[str, Any]] = {}
    for event in events:
        kind, data, time = event["type"], event["data"], datetime.datetime.fromisoformat(event["at"])
        _plain(plain, kind, data, time)
        pair = pairs.setdefault((data["n"], kind), {"events": 0, "longest": None})
        pair["events"] += 1
        length = len(data["label"])
        pair["longest"] = length if pair["longest"] is None else max(pair["longest"], length)
    return {"plain": plain, "pairs": pairs}


def _plain(rows, kind, data, time):
    key = data["k"]
    if kind == "delete" or (kind == "delete_if" and data["n"] > 0):
        rows.pop(key, None)
        return
    if kind == "delete_if":
        return
    new = dict(label=None, other="none", total=0, amount=decimal.Decimal("0.00"), lowest=None, highest=None, day=None, seen=None)
    row = rows.setdefault(key, new)
    if kind == "set":
        row.update({name: data[name] for name in ("label", "other") if name in data})
    elif kind == "add":
        row["total"] += data["n"]
        row["amount"] += data["amount"]
        row["lowest"] = data["n"] if row["lowest"] is None else min(row["lowest"], data["n"])
        # As COLLATE "C" compares: by UTF-8's bytes.
        row["highest"] = data["label"] if row["highest"] is None else max(row["highest"], data["label"], key=lambda text: text.encode())
    elif kind == "stamp":
        row["day"] = time.date()
        row["seen"] = time if row["seen"] is None else max(row["seen"], time)
    elif kind == "clear":
        row.update(label=None, total=0)


def guarded_live(events: List[Dict[str, Any]]) -> Dict[str, Dict[str, Any]]:
    """The rows of `guarded` that are not deleted. A field's value gives way to a greater version; a delete is a version, too, and what is
    newer than the newest delete starts from an empty row."""
    out: Dict[str, Dict[str, Any]] = {}
    by_key: Dict[str, List[Dict[str, Any]]] = {}
    for event in events:
        if event["type"] in ("set", "delete"):
            by_key.setdefault(event["data"]["k"], []).append(event)
    for key, history in by_key.items():
        deleted = max((event["data"]["version"] for event in history if event["type"] == "delete"), default=-1)
        row: Dict[str, Any] = {"label": None, "other": None}
        alive = False
        for event in sorted(history, key=lambda event: event["data"]["version"]):
            if event["type"] == "set" and event["data"]["version"] > deleted:
                alive = True
                row.update({name: event["data"][name] for name in ("label", "other") if name in event["data"]})
        if alive:
            out[key] = row
    return out
