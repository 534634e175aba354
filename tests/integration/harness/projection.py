"""Projection files for the tests, written as a user would write them."""

import pathlib
from typing import Dict, Sequence

ENVELOPE = "{type: event_type, id: event_id, time: occurred_at, source: producer, schema_version: schema_version, data: payload}"

FACT_FIELDS = """\
      customer_id: text
      currency: text
      total_cents: bigint
      item_count: int
      status: {enum: [placed, shipped, cancelled]}
      placed_at: timestamptz
      shipped_at: timestamptz
"""

# {extra_...} let a test add to the file what its scenario needs.
ORDERS = """\
projection: {name}
group: {group}
kafka:
  brokers: "${{KAFKA_BROKERS}}"
  options: {options}
source:
  topics: {topics}
  partition_key: data.order_id
  envelope: {envelope}
{start_at}\
{redact}\
store: {{postgres: {{url: "${{POSTGRES_URL}}", schema: {schema}}}}}
{extra_top}\
views:
  fact_orders:
    key: {{order_id: text}}
{guard}\
    fields:
{fact_fields}\
    on_event:
      order.placed | OrderPlaced:
        copy: [{copied}]
        set: {{item_count: size(data.items), status: placed, placed_at: time}}
      order.shipped | OrderShipped: {{set: {{status: shipped, shipped_at: time}}}}
      order.cancelled: {{set: {{status: cancelled}}}}
  daily_revenue:
    key: {{day: {{type: date, from: date(time)}}, currency: text}}
{daily_expire}\
    fields: {{orders: bigint, revenue_cents: bigint}}
    on_event:
      order.placed | OrderPlaced: {{add: {{orders: 1, revenue_cents: data.total_cents}}}}
"""

FACT_COLUMNS = ("customer_id", "currency", "total_cents", "item_count", "status", "placed_at", "shipped_at")
DAILY_COLUMNS = ("orders", "revenue_cents")


def orders_text(
    *,
    name: str,
    topics: Sequence[str],
    group: str = "",
    schema: str = "analytics",
    options: Dict[str, object] = {},
    fact_fields: str = FACT_FIELDS,
    copied: str = "customer_id, currency, total_cents",
    newest_by_time: bool = False,
    start_at: str = "",
    redact: str = "",
    daily_expire_after: str = "",
    extra_top: str = "",
) -> str:
    return ORDERS.format(
        name=name,
        group=group or f"{name}-consumer",
        topics="[" + ", ".join(topics) + "]",
        schema=schema,
        envelope=ENVELOPE,
        options="{" + ", ".join(f"{key}: {value}" for key, value in options.items()) + "}",
        fact_fields=fact_fields,
        copied=copied,
        guard="    newest_by: time\n" if newest_by_time else "",
        start_at=f"  start_at: {start_at}\n" if start_at else "",
        redact=f"  redact: [{redact}]\n" if redact else "",
        daily_expire=f"    expire: {{after: {daily_expire_after}, from: day}}\n" if daily_expire_after else "",
        extra_top=extra_top,
    )


def write(path: pathlib.Path, text: str) -> pathlib.Path:
    path.write_text(text)
    return path
