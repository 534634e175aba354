"""Topics that are missing, grow, vanish, come back as others, or lose their beginning."""

import confluent_kafka
import pytest

from harness.scenario import placed
from harness.waiting import stays_true, wait_until
from oracle import orders

REFRESH = {"topic.metadata.refresh.interval.ms": 1000}


def wait_stopped(worker, *words, timeout_s=60):
    def told():
        status, body = worker.get("/readyz")
        assert status == 503 and all(word in body for word in words), f"/readyz {status} {body}"
        return body

    return wait_until(told, timeout_s, f"/readyz is 503 and names {words}")


def test_an_unknown_topic_is_named_and_waited_for(scenario):
    scenario.write_file(options=REFRESH)
    worker = scenario.start_worker()
    wait_stopped(worker, scenario.topic)
    assert worker.alive
    scenario.make_topic(2)
    scenario.generate(500)
    scenario.wait_caught_up()
    worker.wait_ready()
    scenario.check()


@pytest.mark.slow
def test_partitions_are_added_while_events_flow(scenario):
    scenario.make_topic(2).write_file(newest_by_time=True, options=REFRESH)
    generator = scenario.generate_slowly(16_000, per_second=2_000)
    worker = scenario.start_worker().wait_ready()
    wait_until(lambda: sum(scenario.checkpoints().values()) > 500, 30, "some commits")
    scenario.kafka.add_partitions(scenario.topic, 5)
    assert generator.wait(60) == 0
    scenario.generate(5_000, seed=7)  # its producer knows the new partitions
    scenario.wait_caught_up()
    assert len(scenario.checkpoints()) == 5
    scenario.check()
    worker.wait_ready()


def test_with_latest_a_partition_added_later_is_read_from_its_start(scenario):
    """G6: `latest` speaks of the moment when the projection began; what a new partition took before anybody read it counts."""
    scenario.make_topic(2).write_file(start_at="latest")
    scenario.place("old", partition=0)
    scenario.kafka.flush()
    worker = scenario.start_worker()
    wait_until(lambda: scenario.checkpoints().get((scenario.topic, 0)) == 1, 30, "the projection has begun behind the old event")
    scenario.place("new", partition=0)
    scenario.kafka.flush()
    scenario.wait_caught_up()
    assert worker.stop() == 0
    scenario.kafka.add_partitions(scenario.topic, 4)
    for partition in range(4):
        scenario.place(f"later-{partition}", partition=partition)
    scenario.kafka.flush()
    scenario.start_worker()
    wait_until(lambda: len(scenario.checkpoints()) == 4, 30, "the new partitions are read")
    scenario.wait_caught_up()
    assert set(scenario.fact_orders()) == {"new", "later-0", "later-1", "later-2", "later-3"}


def test_lag_reaches_zero_and_the_group_offset_follows(scenario):
    scenario.make_topic(3).write_file()
    scenario.generate(3_000)
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    ends = scenario.kafka.end_offsets(scenario.topic)
    wait_until(lambda: worker.metrics().sum("foldline_lag") == 0, 15, "lag 0 in /metrics")
    wait_until(lambda: scenario.kafka.committed(scenario.group, scenario.topic) == ends, 30, "group offsets at the end")
    events = worker.metrics().sum("foldline_events_total")  # letters are among them
    assert events == 3_000
    assert worker.metrics().all("foldline_partition_stopped") == [0, 0, 0]


def test_the_stores_checkpoint_counts_and_not_the_groups_offset(scenario):
    """Someone resets the group: nothing is folded twice."""
    scenario.make_topic(1).write_file()
    scenario.generate(1_000)
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    assert worker.stop() == 0
    reset_group(scenario, 0)
    scenario.generate(500, seed=7)
    again = scenario.start_worker()
    scenario.wait_caught_up()
    again.wait_counted(500, "foldline_records_total")
    scenario.check()


def reset_group(scenario, offset):
    consumer = confluent_kafka.Consumer({"bootstrap.servers": scenario.kafka.brokers, "group.id": scenario.group})
    consumer.commit(offsets=[confluent_kafka.TopicPartition(scenario.topic, 0, offset)], asynchronous=False)
    consumer.close()


def test_a_lost_checkpoint_starts_at_the_logs_beginning(scenario):
    """A new database under an old group: the store is the truth, so everything is folded again."""
    scenario.make_topic(1).write_file()
    scenario.generate(1_000)
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    wait_until(lambda: scenario.kafka.committed(scenario.group, scenario.topic) == {0: 1_000}, 30, "group offset")
    worker.stop()
    scenario.database.execute("DROP SCHEMA foldline CASCADE")
    scenario.database.execute("DROP SCHEMA analytics CASCADE")
    scenario.start_worker()
    scenario.wait_caught_up()
    scenario.check()


@pytest.mark.slow
def test_a_topic_deleted_and_made_anew_while_the_worker_runs_stops_it(scenario):
    scenario.make_topic(2).write_file(options=REFRESH)
    scenario.generate(2_000)
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    before = (scenario.fact_orders(), scenario.daily_revenue(), scenario.checkpoints())
    scenario.kafka.delete_topic(scenario.topic)
    scenario.make_topic(2)
    scenario.generate(500, seed=7)
    wait_stopped(worker, scenario.topic)
    stays_true(lambda: (scenario.fact_orders(), scenario.daily_revenue(), scenario.checkpoints()) == before, 3, "nothing is folded")


@pytest.mark.parametrize("records", [100, 5_000])
def test_a_topic_made_anew_while_the_worker_is_down_stops_it(scenario, records):
    """With fewer records than the checkpoint, and with more, where only the anchor can tell (G6)."""
    scenario.make_topic(1).write_file()
    scenario.generate(2_000)
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    assert worker.stop() == 0
    before = (scenario.fact_orders(), scenario.checkpoints())
    scenario.kafka.delete_topic(scenario.topic)
    scenario.make_topic(1)
    scenario.generate(records, seed=7, start_day="2027-01-01")
    worker = scenario.start_worker()
    wait_stopped(worker, f"{scenario.topic}/0", "offset 2000" if records < 2_000 else "offset 1999", "--on-lost-data")
    wait_until(lambda: worker.metrics().sum("foldline_partition_stopped") == 1, 10, "foldline_partition_stopped is 1")
    assert (scenario.fact_orders(), scenario.checkpoints()) == before
    worker.stop()
    # The owner's choice: go on with what is there.
    scenario.start_worker("--on-lost-data", "earliest")
    wait_until(lambda: scenario.checkpoints() == {(scenario.topic, 0): records}, 30, "the new topic is folded")
    assert {day.year for day, _ in scenario.daily_revenue()} == {2026, 2027}


def test_a_log_truncated_below_the_checkpoint_stops_the_partition(scenario):
    scenario.make_topic(2).write_file()
    scenario.generate(2_000)
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    assert worker.stop() == 0
    checkpoint = scenario.checkpoints()[scenario.topic, 0]
    scenario.generate(2_000, seed=7)
    scenario.kafka.delete_records(scenario.topic, 0, checkpoint + 100)
    worker = scenario.start_worker()
    wait_stopped(worker, f"{scenario.topic}/0", str(checkpoint), str(checkpoint + 100))
    ends = scenario.kafka.end_offsets(scenario.topic)
    wait_until(lambda: scenario.checkpoints()[scenario.topic, 1] == ends[1], 30, "the other partition goes on")
    assert scenario.checkpoints()[scenario.topic, 0] == checkpoint


def test_retention_up_to_the_checkpoint_loses_nothing(scenario):
    """The anchor's record is gone: accepted, as the log's start is where the checkpoint stands."""
    scenario.make_topic(1).write_file()
    scenario.generate(1_000)
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    assert worker.stop() == 0
    whole = scenario.kafka.read(scenario.topic)
    scenario.kafka.delete_records(scenario.topic, 0, 1_000)
    scenario.generate(1_000, seed=7)
    scenario.start_worker().wait_ready()
    scenario.wait_caught_up()
    for partition, records in scenario.kafka.read(scenario.topic).items():
        whole[partition] += records
    scenario.check(orders.fold(whole))


def test_transactions_leave_gaps_and_what_was_aborted_is_not_folded(scenario):
    """Offsets that rise by more than one are no loss: control records stand between them, as removed records do in a compacted log."""
    scenario.make_topic(1).write_file()
    producer = confluent_kafka.Producer({"bootstrap.servers": scenario.kafka.brokers, "transactional.id": scenario.name})
    producer.init_transactions(30)
    for number in range(20):
        producer.begin_transaction()
        producer.produce(scenario.topic, placed(f"o{number}"), f"o{number}".encode())
        producer.flush(30)
        if number % 4 == 3:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    assert len(scenario.check().fact_orders) == 15
    wait_until(lambda: worker.metrics().sum("foldline_lag") == 0, 15, "lag 0: a control record stands at the end")
