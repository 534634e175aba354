"""Topics, raw records and group offsets, by python3-confluent-kafka; what that version lacks, by librdkafka itself."""

import ctypes
import ctypes.util
import time
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

import confluent_kafka
import confluent_kafka.admin

from oracle.log import Record, asked_again, read_topic

from .waiting import wait_until

TIMEOUT_S = 30.0
MAX_RECORD_BYTES = 32 * 1024 * 1024

Headers = Sequence[Tuple[str, Optional[bytes]]]


class Kafka:
    def __init__(self, brokers: str, replicas: int = 1):
        self.brokers = brokers
        self._replicas = replicas
        self._admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": brokers})
        self._producer = self._new_producer()

    def _new_producer(self) -> confluent_kafka.Producer:
        return confluent_kafka.Producer(
            {
                "bootstrap.servers": self.brokers,
                "enable.idempotence": True,
                "max.in.flight": 1,  # with more, a client may call a record acknowledged that the log does not hold
                "message.max.bytes": MAX_RECORD_BYTES,
                "queue.buffering.max.messages": 500_000,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
            }
        )

    def create_topic(self, topic: str, partitions: int = 4, config: Optional[Dict[str, str]] = None) -> str:
        config = {"max.message.bytes": str(MAX_RECORD_BYTES), **(config or {})}
        request = confluent_kafka.admin.NewTopic(topic, partitions, self._replicas, config=config)
        self._admin.create_topics([request], operation_timeout=TIMEOUT_S)[topic].result(TIMEOUT_S)
        wait_until(lambda: self.partitions(topic) == partitions, TIMEOUT_S, f"topic {topic} has {partitions} partitions")
        return topic

    def delete_topic(self, topic: str) -> None:
        self._admin.delete_topics([topic], operation_timeout=TIMEOUT_S)[topic].result(TIMEOUT_S)
        wait_until(lambda: self.partitions(topic) == 0, TIMEOUT_S, f"topic {topic} is gone")

    def delete_topics_starting_with(self, prefix: str) -> None:
        topics = [topic for topic in self._topics() if topic.startswith(prefix)]
        for future in (self._admin.delete_topics(topics).values() if topics else ()):
            future.result(TIMEOUT_S)

    def add_partitions(self, topic: str, total: int) -> None:
        request = confluent_kafka.admin.NewPartitions(topic, total)
        self._admin.create_partitions([request])[topic].result(TIMEOUT_S)
        wait_until(lambda: self.partitions(topic) == total, TIMEOUT_S, f"topic {topic} has {total} partitions")
        self.flush()
        self._producer = self._new_producer()  # the old one hears of them only minutes later

    def partitions(self, topic: str) -> int:
        found = self._topics().get(topic)
        return len(found.partitions) if found is not None else 0

    def _topics(self) -> Dict[str, confluent_kafka.admin.TopicMetadata]:
        return asked_again(lambda: self._admin.list_topics(timeout=TIMEOUT_S), TIMEOUT_S).topics

    def alter_topic(self, topic: str, config: Dict[str, str]) -> None:
        resource = confluent_kafka.admin.ConfigResource(confluent_kafka.admin.ConfigResource.Type.TOPIC, topic, set_config=config)
        for future in self._admin.alter_configs([resource]).values():
            future.result(TIMEOUT_S)

    def produce(
        self,
        topic: str,
        value: Optional[bytes],
        key: Optional[bytes] = None,
        headers: Optional[Headers] = None,
        partition: int = -1,
    ) -> None:
        """Queues one record; flush() makes it durable."""
        more = {} if headers is None else {"headers": list(headers)}
        while True:
            try:
                self._producer.produce(topic, value, key, partition, on_delivery=_check_delivery, **more)
                return
            except BufferError:
                self._producer.poll(0.1)

    def flush(self) -> None:
        left = self._producer.flush(TIMEOUT_S)
        assert left == 0, f"{left} records were not acknowledged within {TIMEOUT_S} s"

    def produce_all(self, topic: str, records: Iterable[Tuple[Optional[bytes], Optional[bytes]]], per_second: float = 0) -> int:
        """(key, value) pairs, spread over time when `per_second` is given."""
        start, count = time.monotonic(), 0
        for key, value in records:
            self.produce(topic, value, key)
            count += 1
            if per_second and count % 100 == 0:
                self._producer.poll(max(0.0, start + count / per_second - time.monotonic()))
        self.flush()
        return count

    def read(self, topic: str) -> Dict[int, List[Record]]:
        return read_topic(self.brokers, topic)

    def read_all(self, topic: str) -> List[Record]:
        return [record for records in self.read(topic).values() for record in records]

    def end_offsets(self, topic: str) -> Dict[int, int]:
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.brokers, "group.id": "itest-look"})
        try:
            places = [confluent_kafka.TopicPartition(topic, partition) for partition in range(self.partitions(topic))]
            ask = consumer.get_watermark_offsets
            return {place.partition: asked_again(lambda place=place: ask(place, timeout=TIMEOUT_S), TIMEOUT_S)[1] for place in places}
        finally:
            consumer.close()

    def committed(self, group: str, topic: str) -> Dict[int, int]:
        """The group's committed offsets; a partition without one is left out."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.brokers, "group.id": group})
        try:
            wanted = [confluent_kafka.TopicPartition(topic, partition) for partition in range(self.partitions(topic))]
            found = asked_again(lambda: consumer.committed(wanted, timeout=TIMEOUT_S), TIMEOUT_S)
            return {part.partition: part.offset for part in found if part.offset >= 0}
        finally:
            consumer.close()

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """As retention would: everything below `before_offset` is gone."""
        _delete_records(self.brokers, topic, partition, before_offset)


def _check_delivery(error, message) -> None:
    if error is not None:
        raise confluent_kafka.KafkaException(error)


def _delete_records(brokers: str, topic: str, partition: int, before_offset: int) -> None:
    """DeleteRecords of rdkafka.h, which python3-confluent-kafka 1.7 does not offer."""
    lib = ctypes.CDLL(ctypes.util.find_library("rdkafka") or "librdkafka.so.1")
    for name in (
        "rd_kafka_conf_new rd_kafka_new rd_kafka_topic_partition_list_new rd_kafka_topic_partition_list_add rd_kafka_DeleteRecords_new "
        "rd_kafka_queue_new rd_kafka_queue_poll rd_kafka_event_DeleteRecords_result rd_kafka_DeleteRecords_result_offsets"
    ).split():
        getattr(lib, name).restype = ctypes.c_void_p
    lib.rd_kafka_event_error_string.restype = ctypes.c_char_p
    pointer = ctypes.c_void_p
    why = ctypes.create_string_buffer(512)
    conf = pointer(lib.rd_kafka_conf_new())
    lib.rd_kafka_conf_set(conf, b"bootstrap.servers", brokers.encode(), why, ctypes.c_size_t(512))
    client = pointer(lib.rd_kafka_new(0, conf, why, ctypes.c_size_t(512)))  # 0: a producer
    assert client.value, why.value
    partitions = pointer(lib.rd_kafka_topic_partition_list_new(1))
    lib.rd_kafka_topic_partition_list_add(partitions, topic.encode(), ctypes.c_int32(partition))
    lib.rd_kafka_topic_partition_list_set_offset(partitions, topic.encode(), ctypes.c_int32(partition), ctypes.c_int64(before_offset))
    request = pointer(lib.rd_kafka_DeleteRecords_new(partitions))
    queue = pointer(lib.rd_kafka_queue_new(client))
    lib.rd_kafka_DeleteRecords(client, (pointer * 1)(request), ctypes.c_size_t(1), None, queue)
    event = pointer(lib.rd_kafka_queue_poll(queue, 30_000))
    assert event.value, "no answer to DeleteRecords"
    error = lib.rd_kafka_event_error(event)
    assert error == 0, lib.rd_kafka_event_error_string(event)
    lib.rd_kafka_event_destroy(event)
    lib.rd_kafka_DeleteRecords_destroy(request)
    lib.rd_kafka_topic_partition_list_destroy(partitions)
    lib.rd_kafka_queue_destroy(queue)
    lib.rd_kafka_destroy(client)
