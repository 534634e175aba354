"""The projection files of the benchmarks."""

HEAD = """\
projection: {name}
group: {name}
processed_ids: {processed_ids}
source:
  topics: {topic}
  partition_key: data.{key}
  envelope: {{type: event_type, id: event_id, time: occurred_at, source: producer, schema_version: schema_version, data: payload}}
store: {store}
views:
"""

ORDERS = """\
  orders:
    key: {order_id: text}
    fields: {customer_id: text, total_cents: bigint, currency: text, item_count: int, placed_at: timestamptz}
    on_event:
      OrderPlaced: {copy: [customer_id, total_cents, currency], set: {item_count: size(data.items), placed_at: time}}
"""

SHIPPED = """\
  orders:
    key: {order_id: text}
    fields: {customer_id: text, total_cents: bigint, currency: text, item_count: int, placed_at: timestamptz, shipped_at: timestamptz}
    on_event:
      OrderPlaced: {copy: [customer_id, total_cents, currency], set: {item_count: size(data.items), placed_at: time}}
      OrderShipped: {set: {shipped_at: time}}
"""

DOCUMENTS = """\
  orders:
    name: NAME-orders
    key: {order_id: keyword}
    options: {shards: 1, replicas: 0, refresh_interval: 30s}
    fields: {customer_id: keyword, total_cents: bigint, currency: keyword, item_count: int, placed_at: timestamptz}
    on_event:
      OrderPlaced: {copy: [customer_id, total_cents, currency], set: {item_count: size(data.items), placed_at: time}}
"""

CUSTOMERS = """\
  customers:
    key: {customer_id: text}
    fields: {orders: bigint, total_cents: bigint}
    on_event:
      OrderPlaced: {add: {orders: 1, total_cents: data.total_cents}}
"""

COUNTERS = """\
  customers:
    kind: counter
    key: {customer_id: text}
    on_event:
      OrderPlaced: {add: 1}
"""

VIEWS = {"orders": ORDERS, "shipped": SHIPPED, "documents": DOCUMENTS, "customers": CUSTOMERS, "counters": COUNTERS}


def write(directory, place, views, topic, processed_ids="250000"):
    key = "customer_id" if views in ("customers", "counters") else "order_id"
    text = HEAD.format(name=place.name, topic=topic, key=key, store=place.store(), processed_ids=processed_ids)
    file = directory / f"{place.name}.yaml"
    file.write_text(text + VIEWS[views].replace("NAME", place.name))
    return file
