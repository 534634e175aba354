"""A projection of the order events into Redis, every kind of key, and one test's world around it."""

import pathlib
from typing import Any, Dict, List, Tuple

from oracle import cache as oracle
from oracle import compare

from . import projection
from .redis_server import Cache
from .scenario import Scenario

TEN_YEARS_MS = 3_650 * 86_400_000

CACHE = """\
projection: {name}
group: {group}
kafka:
  brokers: "${{KAFKA_BROKERS}}"
  options: {options}
source:
  topics: [{topic}]
  partition_key: data.order_id
  envelope: {envelope}
store: {{redis: {{url: "${{REDIS_URL}}"}}}}
{extra_top}\
views:
  count:
    kind: counter
    key: {{day: {{type: date, from: date(time)}}}}
    expire: {{after: 3650d, from: day}}
    on_event: {{order.placed | OrderPlaced: {{add: 1}}}}
  revenue:
    kind: counter
    key: {{day: {{type: date, from: date(time)}}}}
    expire: {{after: 3650d, from: day}}
    on_event: {{order.placed | OrderPlaced: {{add: data.total_cents}}}}
  customers:
    kind: hash
    key: {{customer_id: text}}
    expire: {{after: 3650d}}
    fields: {{orders: bigint, cents: bigint, biggest: bigint, last: timestamptz}}
    on_event:
      order.placed | OrderPlaced: {{add: {{orders: 1, cents: data.total_cents}}, max: {{biggest: data.total_cents, last: time}}}}
  state:
    kind: hash
    key: {{order_id: text}}
    newest_by: time
    expire: {{after: 3650d}}
    fields: {{status: {{enum: [placed, shipped, cancelled]}}, placed_at: timestamptz, shipped_at: timestamptz}}
    on_event:
      order.placed | OrderPlaced: {{set: {{status: placed, placed_at: time}}}}
      order.shipped | OrderShipped: {{set: {{status: shipped, shipped_at: time}}}}
      order.cancelled: {{set: {{status: cancelled}}}}
  leaders:
    kind: sorted_set
    key: {{week: {{type: text, from: week(time)}}, member: {{type: text, from: data.customer_id}}}}
    expire: {{after: 3650d}}
    on_event: {{order.placed | OrderPlaced: {{add: data.total_cents}}}}
  buyers:
    kind: set
    key: {{day: {{type: date, from: date(time)}}, member: {{type: text, from: data.customer_id}}}}
    expire: {{after: 3650d}}
    on_event: {{order.placed | OrderPlaced: {{set: {{}}}}}}
  receipts:
    kind: json
    key: {{order_id: text}}
    expire: {{after: 3650d}}
    fields: {{customer_id: text, currency: text, total_cents: bigint, items: json, shipped_at: timestamptz}}
    on_event:
      order.placed | OrderPlaced: {{copy: [customer_id, currency, total_cents, items]}}
      order.shipped | OrderShipped: {{set: {{shipped_at: time}}}}
      order.cancelled: {{delete: true}}
"""

VIEWS = ("count", "revenue", "customers", "state", "leaders", "buyers", "receipts")


class CacheScenario(Scenario):
    """`database` is the cache: it is dropped, and its checkpoints are asked, as a database's are."""

    database: Cache

    @property
    def cache(self) -> Cache:
        return self.database

    @property
    def env(self) -> Dict[str, str]:
        return {"KAFKA_BROKERS": self.kafka.brokers, "REDIS_URL": self.cache.url}

    def write_file(self, **changes: object) -> pathlib.Path:
        self._text.update(changes)
        options = self._text.get("options", {})
        assert isinstance(options, dict)
        text = CACHE.format(
            name=self.name,
            group=self.group,
            topic=self.topic,
            envelope=projection.ENVELOPE,
            options="{" + ", ".join(f"{key}: {value}" for key, value in options.items()) + "}",
            extra_top=self._text.get("extra_top", ""),
        )
        return projection.write(self.file, text)

    def checkpoints(self) -> Dict[Tuple[str, int], int]:
        return self.cache.checkpoints()

    def expected_cache(self) -> oracle.Expected:
        return oracle.fold(self.kafka.read(self.topic))

    def check_cache(self) -> oracle.Expected:
        """Redis and the letters hold what the oracle expects, key by key; times to live too."""
        expected = self.expected_cache()
        found: List[str] = []
        for view in VIEWS:
            found += compare.table_differences(view, _shown(getattr(expected, view)), _shown(self.cache.rows(view)), {})
        want = {customer: round(time.timestamp() * 1000) + TEN_YEARS_MS for customer, time in expected.newest.items()}
        have = self.cache.expire_times_ms("customers")
        found += [f"customers {c}: expires at {have.get(c)}, not at {t}" for c, t in want.items() if abs(have.get(c, 0) - t) > 1][:10]
        found += compare.letter_differences(expected.letters, self.letters())
        assert not found, "Redis differs from the fold of the topic:\n" + "\n".join(found)
        return expected


def _shown(rows: Dict[Any, Any]) -> Dict[Any, Dict[str, Any]]:
    """Every row as a dictionary of texts, for table_differences()."""
    out = {}
    for key, row in rows.items():
        if isinstance(row, (set, frozenset)):
            row = {member: "in" for member in row}
        elif not isinstance(row, dict):
            row = {"value": row}
        out[key] = {name: str(value) for name, value in row.items()}
    return out
