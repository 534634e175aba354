"""The demo's topics and dead letters."""

import base64
import collections
import json
import os
import time

from .common import LETTERS, PARTITIONS, TOPIC, Failed

TIMEOUT_S = 20


def fresh_topics():
    import confluent_kafka.admin

    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": os.environ["KAFKA_BROKERS"], "log_level": 3})
    names = [TOPIC, LETTERS]

    def present():
        return [name for name in admin.list_topics(timeout=TIMEOUT_S).topics if name in names]

    old = present()
    if old:
        for future in admin.delete_topics(old, operation_timeout=TIMEOUT_S).values():
            future.result()
    deadline = time.monotonic() + TIMEOUT_S
    while present():
        if time.monotonic() > deadline:
            raise Failed(f"Kafka still has {present()} {TIMEOUT_S} s after their deletion")
        time.sleep(0.05)
    new = [confluent_kafka.admin.NewTopic(name, PARTITIONS, 1) for name in names]
    for future in admin.create_topics(new, operation_timeout=TIMEOUT_S).values():
        future.result()


def read_letters():
    """Every letter in the topic, one for each letterId: a letter may have been written twice, it counts once (G28)."""
    import confluent_kafka

    consumer = confluent_kafka.Consumer({"bootstrap.servers": os.environ["KAFKA_BROKERS"], "group.id": "foldline-demo", "enable.auto.commit": False})
    letters = {}
    for partition in range(PARTITIONS):
        place = confluent_kafka.TopicPartition(LETTERS, partition, 0)
        low, high = consumer.get_watermark_offsets(place, timeout=TIMEOUT_S)
        if low == high:
            continue
        consumer.assign([place])
        deadline = time.monotonic() + TIMEOUT_S
        offset = low
        while offset < high:
            message = consumer.poll(1.0)
            if time.monotonic() > deadline:
                raise Failed(f"{LETTERS}[{partition}] could not be read up to {high} within {TIMEOUT_S} s")
            if message is None:
                continue
            if message.error():
                raise Failed(f"{LETTERS}: {message.error()}")
            letter = json.loads(message.value())
            letters[letter["letterId"]] = letter
            offset = message.offset() + 1
    consumer.close()
    return list(letters.values())


def kind_of(letter):
    """What is wrong with a letter's original, by the generator's names; looked up in the original, not in what the worker says of it."""
    if letter["encoding"] == "base64":
        return "truncated" if base64.b64decode(letter["originalEvent"]).startswith(b"{") else "not_json"
    event = letter["originalEvent"]
    payload = event.get("payload", {})
    if "event_type" not in event:
        return "unknown_shape"
    if not event["occurred_at"][:4].isdigit():
        return "unreadable_time"
    if "order_id" not in payload:
        return "missing_order_id"
    return "total_too_large" if isinstance(payload["total_cents"], int) else "total_not_a_number"


def print_letters(letters):
    print(f"\nDead letters in {LETTERS}, by reason:\n")
    reasons = collections.Counter((letter["projection"], letter["stage"], letter["reason"]) for letter in letters)
    for (projection, stage, reason), count in sorted(reasons.items(), key=lambda item: (item[0][0], -item[1])):
        print(f"  {count:>6}  {projection:<14}{stage:<10}{reason[:100]}")


def compare_letters(comparison, expected, letters, projections):
    comparison.title("dead letters")
    for projection in projections:
        comparison.row(f"of {projection}", expected["malformed"], sum(letter["projection"] == projection for letter in letters))
    kinds = collections.Counter(kind_of(letter) for letter in letters)
    for kind, count in sorted(expected["malformed_by_kind"].items()):
        comparison.row("  " + kind.replace("_", " "), count * len(projections), kinds[kind])
