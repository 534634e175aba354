"""Reads whole topics, from the first record to the end as it is now."""

import dataclasses
import time
import uuid
from typing import Callable, Dict, List, Optional, Tuple, TypeVar

import confluent_kafka

READ_TIMEOUT_S = 60.0
ASK_AGAIN_AFTER_S = 0.1
CONSUME_TIMEOUT_S = 0.05  # consume() waits this long for a full batch, at the end too
# What a broker says, or is not there to say, while partitions and groups find another home.
PASSING = frozenset(
    getattr(confluent_kafka.KafkaError, name)
    for name in (
        "LEADER_NOT_AVAILABLE NOT_LEADER_FOR_PARTITION FENCED_LEADER_EPOCH UNKNOWN_LEADER_EPOCH OFFSET_NOT_AVAILABLE REPLICA_NOT_AVAILABLE "
        "BROKER_NOT_AVAILABLE COORDINATOR_LOAD_IN_PROGRESS COORDINATOR_NOT_AVAILABLE NOT_COORDINATOR NETWORK_EXCEPTION _TRANSPORT"
    ).split()
)

Answer = TypeVar("Answer")


def asked_again(ask: Callable[[], Answer], for_s: float = READ_TIMEOUT_S) -> Answer:
    """What `ask` answers. While a partition has no leader (its broker has just been killed, say) it is asked again, for so long."""
    deadline = time.monotonic() + for_s
    while True:
        try:
            return ask()
        except confluent_kafka.KafkaException as error:
            if error.args[0].code() not in PASSING or time.monotonic() > deadline:
                raise
        time.sleep(ASK_AGAIN_AFTER_S)


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
        metadata = asked_again(lambda: consumer.list_topics(timeout=READ_TIMEOUT_S)).topics.get(topic)
        if metadata is None:
            return {}, {}
        records: Dict[int, List[Record]] = {partition: [] for partition in metadata.partitions}
        start = []
        bounds = {}
        for partition in records:
            place = confluent_kafka.TopicPartition(topic, partition)
            low, high = asked_again(lambda place=place: consumer.get_watermark_offsets(place, timeout=READ_TIMEOUT_S))
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
