"""Reads whole topics, from the first record to the end as it is now."""

import dataclasses
import time
import uuid
from typing import Dict, List, Optional, Tuple

import confluent_kafka

READ_TIMEOUT_S = 60.0
CONSUME_TIMEOUT_S = 0.05  # consume() waits this long for a full batch, at the end too


@dataclasses.dataclass(frozen=True)
class Record:
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: Optional[bytes]
    value: Optional[bytes]
    headers: Tuple[Tuple[str, Optional[bytes]], ...] = ()

    @property
    def position(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"


def read_topic(brokers: str, topic: str) -> Dict[int, List[Record]]:
    """Every record of every partition, in offset order. A topic that is not there is an empty one.

    Offsets have gaps (transactions, compaction), but a client that skipped a record leaves one too: where records are fewer than offsets, the
    topic is read once more, and what either reading holds is there.
    """
    records, bounds = _read_topic(brokers, topic)
    if all(len(records[partition]) >= high - low for partition, (low, high) in bounds.items()):
        return records
    again, _ = _read_topic(brokers, topic)
    for partition, of_one in again.items():
        found = {record.offset: record for record in records.get(partition, [])}
        found.update({record.offset: record for record in of_one})
        if len(found) > len(records.get(partition, [])):
            print(f"the oracle's own client had skipped {len(found) - len(records.get(partition, []))} records of {topic}/{partition}")
        records[partition] = [found[offset] for offset in sorted(found)]
    return records


def _read_topic(brokers: str, topic: str) -> Tuple[Dict[int, List[Record]], Dict[int, Tuple[int, int]]]:
    """The records, and where each partition's log began and ended when it was asked."""
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": f"oracle-{uuid.uuid4()}",  # never joined, never committed
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "fetch.message.max.bytes": 40_000_000,
        }
    )
    try:
        metadata = consumer.list_topics(timeout=READ_TIMEOUT_S).topics.get(topic)
        if metadata is None:
            return {}, {}
        records: Dict[int, List[Record]] = {partition: [] for partition in metadata.partitions}
        start = []
        bounds = {}
        for partition in records:
            low, high = consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, partition), timeout=READ_TIMEOUT_S)
            bounds[partition] = (low, high)
            if low < high:
                start.append(confluent_kafka.TopicPartition(topic, partition, low))
        consumer.assign(start)
        unfinished = {part.partition for part in start}
        deadline = time.monotonic() + READ_TIMEOUT_S
        while unfinished:
            messages = consumer.consume(num_messages=5_000, timeout=CONSUME_TIMEOUT_S)
            if messages:
                deadline = time.monotonic() + READ_TIMEOUT_S
            elif time.monotonic() > deadline:
                raise TimeoutError(f"no record of {topic} within {READ_TIMEOUT_S} s; partitions {sorted(unfinished)} are not at their end")
            for message in messages:
                error = message.error()
                if error is not None and error.code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    unfinished.discard(message.partition())
                    continue
                if error is not None:
                    raise confluent_kafka.KafkaException(error)
                records[message.partition()].append(
                    Record(
                        topic,
                        message.partition(),
                        message.offset(),
                        message.timestamp()[1],
                        message.key(),
                        message.value(),
                        tuple(message.headers() or ()),
                    )
                )
        return records, bounds
    finally:
        consumer.close()
