"""The log itself: re-created, truncated, grown, compacted, written by transactions; and the dead-letter topic that can't be written. Where the
contract says stop (G6), the worker is not ready, says why, and goes on after the command that it names."""

import contextlib
import time

import confluent_kafka
import confluent_kafka.admin
import pytest

from harness.scenario import placed
from harness.waiting import stays_true, wait_until
from kit import driver
from kit.fault import Told
from kit.world import OPTIONS, World
from oracle import compare, orders

LETTERS_WAIT = ("foldline_lane_state", {"state": "waiting_letters"})
OWNERS_CHOICE = ("--on-lost-data", "earliest")


def told_to_stop(worker, *words: str) -> str:
    def told():
        status, body = worker.get("/readyz")
        assert status == 503 and all(word in body for word in words), f"/readyz {status} {body}"
        return body

    return wait_until(told, 60, f"/readyz is 503 and names {words}")


def check(world: World, entry, expected) -> None:
    """Against a fold that the test has put together itself, because the log no longer holds all that was read."""
    scenario = world.scenario
    found = compare.differences(expected, scenario.fact_orders(), scenario.daily_revenue(), scenario.letters())
    assert not found, "the store differs:\n" + "\n".join(found)
    entry.events = expected.records
    entry.result = "passed"


def joined(*logs):
    out = {}
    for log in logs:
        for partition, records in log.items():
            out.setdefault(partition, []).extend(records)
    return out


@contextlib.contextmanager
def measured(world: World, entry):
    start = time.monotonic()
    yield
    driver.wait_progress(world)
    for worker in world.fleet:
        worker.wait_ready(60)
    entry.recovery_s.append(round(time.monotonic() - start, 1))


def caught_up_world(open_world, events=3_000, options=OPTIONS, **generated) -> World:
    world = open_world("postgres")
    world.scenario.write_file(options=options)
    world.scenario.generate(events, seed=1, **generated)
    world.add_worker()
    world.scenario.wait_caught_up()
    return world


def make_anew_at_once(scenario) -> None:
    """No moment without a topic of this name that a client could notice."""
    scenario.kafka._admin.delete_topics([scenario.topic])[scenario.topic].result(30)

    def made():
        try:
            request = confluent_kafka.admin.NewTopic(scenario.topic, 4, 1, config={"max.message.bytes": "33554432"})
            scenario.kafka._admin.create_topics([request])[scenario.topic].result(30)
            return True
        except confluent_kafka.KafkaException:
            return False

    wait_until(made, 30, "the topic is made anew")
    wait_until(lambda: scenario.kafka.partitions(scenario.topic) == 4, 30, "it is seen")


def goes_on_as_its_owner_chose(world, entry, stopped) -> None:
    world.remove_worker(stopped, "stop")
    world.arguments = OWNERS_CHOICE
    start = time.monotonic()
    world.add_worker()
    world.scenario.wait_caught_up()
    world.fleet[0].wait_ready()
    entry.recovery_s.append(round(time.monotonic() - start, 1))


def stops_and_goes_on(world: World, entry, before) -> None:
    """`before`: what the log held that is gone."""
    scenario, worker = world.scenario, world.fleet[0]
    rows = scenario.fact_orders()
    entry.told = "/readyz: " + told_to_stop(worker, scenario.topic, "--on-lost-data")[:160]
    wait_until(lambda: worker.metrics().sum("foldline_partition_stopped") == 4, 60, "all partitions are stopped")
    stays_true(lambda: scenario.fact_orders() == rows, 2, "nothing is folded")
    goes_on_as_its_owner_chose(world, entry, worker)
    check(world, entry, orders.fold(joined(before, scenario.kafka.read(scenario.topic))))


@pytest.mark.parametrize("events", [pytest.param(2_000, id="shorter"), pytest.param(12_000, id="longer")])
def test_the_topic_is_deleted_and_made_anew(open_world, book, events):
    """A shorter log gives itself away by its end, a longer one by the moment in which there was none."""
    kind = "shorter" if events < 3_000 else "longer"
    entry = book("log", f"topic deleted and re-created under a running worker, {kind} than before", "postgres")
    world = caught_up_world(open_world)
    scenario = world.scenario
    before = scenario.kafka.read(scenario.topic)
    scenario.kafka.delete_topic(scenario.topic)
    scenario.make_topic(4)
    entry.times = 1
    scenario.generate(events, seed=2, start_day="2027-01-01")
    stops_and_goes_on(world, entry, before)


def test_the_topic_is_replaced_by_a_longer_one_while_a_worker_is_frozen(open_world, book):
    """It sees no moment without the topic, and offsets go on: only the anchor's record tells (G6), and it is looked at before reading goes on."""
    entry = book("log", "topic replaced by a longer one while a worker is frozen", "postgres")
    world = caught_up_world(open_world, options={name: value for name, value in OPTIONS.items() if not name.startswith("topic.")})
    scenario = world.scenario
    before = scenario.kafka.read(scenario.topic)
    entry.times = 1
    world.fleet[0].freeze()
    frozen = time.monotonic()
    make_anew_at_once(scenario)
    scenario.generate(12_000, seed=2, start_day="2027-01-01")
    time.sleep(max(0.0, 3.5 - (time.monotonic() - frozen)))
    world.fleet[0].thaw()
    stops_and_goes_on(world, entry, before)


def truncated(open_world, entry, truncate) -> None:
    """Records that nobody has read are gone: the partitions stop; the owner's choice goes on behind the gap, and loses nothing else."""
    world = caught_up_world(open_world)
    scenario = world.scenario
    read = scenario.kafka.read(scenario.topic)
    world.remove_worker(world.fleet[0])
    scenario.generate(8_000, seed=2, start_day="2027-01-01")
    lows = truncate(world)
    entry.times = 1
    checkpoints = scenario.checkpoints()
    passed = [partition for partition in range(4) if lows[partition] > checkpoints[scenario.topic, partition]]
    assert passed, f"{lows} {checkpoints}"
    worker = world.add_worker()
    entry.told = "/readyz: " + told_to_stop(worker, f"{scenario.topic}/{passed[0]}", "--on-lost-data")[:160]
    wait_until(lambda: worker.metrics().sum("foldline_partition_stopped") == len(passed), 20, "the metric counts them")
    for partition in passed:
        assert scenario.checkpoints()[scenario.topic, partition] == checkpoints[scenario.topic, partition]
    goes_on_as_its_owner_chose(world, entry, worker)
    left = scenario.kafka.read(scenario.topic)
    new = {p: [r for r in records if r.offset >= checkpoints[scenario.topic, p]] for p, records in left.items()}
    check(world, entry, orders.fold(joined(read, new)))


def test_records_are_deleted_past_the_checkpoint(open_world, book):
    entry = book("log", "truncated past the checkpoint (DeleteRecords)", "postgres")

    def truncate(world):
        scenario = world.scenario
        low = scenario.checkpoints()[scenario.topic, 1] + 200
        scenario.kafka.delete_records(scenario.topic, 1, low)
        return {0: 0, 1: low, 2: 0, 3: 0}

    truncated(open_world, entry, truncate)


def low_watermarks(scenario):
    consumer = confluent_kafka.Consumer({"bootstrap.servers": scenario.kafka.brokers, "group.id": "chaos-look"})
    try:
        return {p: consumer.get_watermark_offsets(confluent_kafka.TopicPartition(scenario.topic, p), timeout=20)[0] for p in range(4)}
    finally:
        consumer.close()


def test_retention_passes_the_checkpoint(open_world, book):
    entry = book("log", "retention passes the checkpoint", "postgres")

    def truncate(world):
        scenario = world.scenario
        scenario.kafka.alter_topic(scenario.topic, {"retention.ms": "1"})
        checkpoints = scenario.checkpoints()
        wait_until(lambda: all(low > checkpoints[scenario.topic, p] for p, low in low_watermarks(scenario).items()), 90, "retention has passed")
        ends = scenario.kafka.end_offsets(scenario.topic)
        wait_until(lambda: low_watermarks(scenario) == ends, 60, "nothing is left")
        scenario.kafka.alter_topic(scenario.topic, {"retention.ms": "-1"})
        scenario.generate(3_000, seed=3, start_day="2028-01-01")
        return ends

    truncated(open_world, entry, truncate)


def test_partitions_are_added_under_load(open_world, book):
    """Twice; the events of one key then come through two partitions, so the view is guarded."""
    entry = book("log", "partitions added under load (4 → 6 → 9)", "postgres")
    world = open_world("postgres")
    scenario = world.scenario
    scenario.write_file(options=OPTIONS, newest_by_time=True)
    driver.begin(world, 2)
    for total in (6, 9):
        scenario.kafka.add_partitions(scenario.topic, total)
        entry.times += 1
        world.stop_traffic()  # the next producer knows them
        world.start_traffic()
        start = time.monotonic()
        wait_until(lambda: len([o for o in scenario.checkpoints().values() if o > 0]) == total, 90, "the new partitions are read")
        entry.recovery_s.append(round(time.monotonic() - start, 1))
    driver.finish(world, entry)


def test_a_compacted_topic(open_world, book):
    """Gaps everywhere, the anchor's record gone: what is left is folded, nothing is taken for lost."""
    entry = book("log", "compacted under the checkpoint", "postgres")
    world = open_world("postgres")
    scenario = world.scenario
    compact = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.001", "segment.ms": "100", "max.compaction.lag.ms": "500"}
    scenario.kafka.alter_topic(scenario.topic, {"segment.bytes": str(1024 * 1024)})
    scenario.generate(4_000, seed=1)
    world.add_worker()
    scenario.wait_caught_up()
    world.remove_worker(world.fleet[0])
    read = scenario.kafka.read(scenario.topic)
    scenario.generate(6_000, seed=2)
    whole = scenario.kafka.read(scenario.topic)
    total = sum(len(records) for records in whole.values())
    scenario.kafka.alter_topic(scenario.topic, {**compact, "segment.bytes": str(1024 * 1024)})

    def compacted():
        scenario.generate(200, seed=world.random.randrange(10**6))  # rolls the segment
        left = sum(len(records) for records in scenario.kafka.read(scenario.topic).values())
        assert left < total, f"{left} of {total} records are left"
        return True

    wait_until(compacted, 90, "the log is compacted")
    entry.times = 1
    scenario.kafka.alter_topic(scenario.topic, {"cleanup.policy": "delete"})
    checkpoints = scenario.checkpoints()
    start = time.monotonic()
    worker = world.add_worker()
    scenario.wait_caught_up()
    worker.wait_ready()
    entry.recovery_s.append(round(time.monotonic() - start, 1))
    entry.told = "log: no longer retained" if "no longer retained" in worker.log() else ""
    left = scenario.kafka.read(scenario.topic)
    new = {p: [r for r in records if r.offset >= checkpoints[scenario.topic, p]] for p, records in left.items()}
    check(world, entry, orders.fold(joined(read, new)))


def transactional(world: World, number: int) -> confluent_kafka.Producer:
    options = {"bootstrap.servers": world.scenario.kafka.brokers, "transactional.id": f"{world.name}-{number}", "transaction.timeout.ms": 8000}
    producer = confluent_kafka.Producer(options)
    producer.init_transactions(30)
    return producer


def test_transactions_that_abort_and_hang_while_workers_die(open_world, book):
    entry = book("log", "transactions aborted, and left open by a dead producer", "postgres")
    world = open_world("postgres")
    scenario = world.scenario
    world.add_worker().wait_ready()
    producer = transactional(world, 0)
    for number in range(120):
        producer.begin_transaction()
        for part in range(world.random.randint(1, 6)):
            order = f"o{number}-{part}"
            producer.produce(scenario.topic, placed(order), order.encode())
        producer.flush(30)
        if world.random.random() < 0.4:
            producer.abort_transaction(30)
            entry.times += 1
        else:
            producer.commit_transaction(30)
        if number % 50 == 49:
            world.remove_worker(world.fleet[0])
            world.add_worker()
    hung = transactional(world, 1)
    hung.begin_transaction()
    for part in range(40):
        hung.produce(scenario.topic, placed(f"hung-{part}"), f"hung-{part}".encode())
    hung.flush(30)
    entry.times += 1
    scenario.generate(2_000, seed=2)  # they stand behind the open transaction, until the coordinator ends it
    start = time.monotonic()
    scenario.wait_caught_up(90)
    entry.recovery_s.append(round(max(0.0, time.monotonic() - start - 8), 1))  # counted from the transaction's own time-out
    del hung
    world.fleet[0].wait_ready()
    check(world, entry, scenario.expected())


# Dead letters


def letters_fault(world: World, entry, strike, heal, words) -> None:
    """No event is ever in neither place: the batch waits with its letters."""
    scenario = world.scenario
    world.start_traffic()
    world.add_worker().wait_ready()
    wait_until(lambda: scenario.letters(), 60, "letters flow")
    for _ in range(2):
        listener = driver.Listener(world.fleet, Told(words, "waiting for the dead-letter topic", LETTERS_WAIT, 90))
        strike()
        entry.times += 1
        entry.told = listener.wait()
        before = world.committed()
        stays_true(lambda: world.keep_traffic() or world.committed() == before, 2, "no batch is committed without its letters")
        heal()
        entry.recovery_s.append(round(driver.wait_recovered(world), 1))
    driver.finish(world, entry)


def bring_back(broker) -> None:
    broker.start()
    broker.wait_started()


def test_the_letter_topics_broker_is_dead(open_world, book):
    """Its one replica is away, the source topic's other replicas go on."""
    entry = book("dead letters", "the topic's only broker killed", "postgres")
    world = open_world("postgres", 3)
    topic = confluent_kafka.admin.NewTopic(world.scenario.letter_topic, 1, replica_assignment=[[2]], config={"min.insync.replicas": "1"})
    world.scenario.kafka._admin.create_topics([topic])[world.scenario.letter_topic].result(30)
    broker = world.cluster.brokers[1]
    letters_fault(world, entry, broker.server.kill, lambda: bring_back(broker), "waiting_letters")


def test_the_letter_topic_takes_no_large_record(open_world, book):
    entry = book("dead letters", "the topic takes records of 100 bytes only", "postgres")
    world = open_world("postgres")
    kafka, topic = world.scenario.kafka, world.scenario.letter_topic
    strike = lambda: kafka.alter_topic(topic, {"max.message.bytes": "100"})  # noqa: E731
    heal = lambda: kafka.alter_topic(topic, {"max.message.bytes": "1000000"})  # noqa: E731
    letters_fault(world, entry, strike, heal, "waiting_letters")


def test_the_letter_topic_has_too_few_replicas(open_world, book):
    """It asks for three copies in step, and a broker is away: every record is refused (NOT_ENOUGH_REPLICAS), while the source goes on."""
    entry = book("dead letters", "the topic refuses records: too few replicas in step", "postgres")
    world = open_world("postgres", 3)
    topic = confluent_kafka.admin.NewTopic(world.scenario.letter_topic, 1, 3, config={"min.insync.replicas": "3"})
    world.scenario.kafka._admin.create_topics([topic])[world.scenario.letter_topic].result(30)
    broker = world.cluster.brokers[2]
    letters_fault(world, entry, broker.server.kill, lambda: bring_back(broker), "waiting_letters")


def test_the_letter_topics_disk_is_full(open_world, book):
    """Its one replica stands on a broker whose disk takes nothing more: the broker ends, and comes back when there is room."""
    entry = book("dead letters", "the disk of the topic's only broker is full", "postgres")
    world = open_world("postgres", 3, small_disk=2)
    topic = confluent_kafka.admin.NewTopic(world.scenario.letter_topic, 1, replica_assignment=[[2]], config={"min.insync.replicas": "1"})
    world.scenario.kafka._admin.create_topics([topic])[world.scenario.letter_topic].result(30)
    broker = world.cluster.brokers[1]

    def strike():
        broker.fill_disk()

    def heal():
        broker.empty_disk()
        broker.server.kill()
        broker.start()
        broker.wait_started()

    letters_fault(world, entry, strike, heal, "waiting_letters")


def test_the_letter_topic_is_deleted(open_world, book):
    """It is made again; no event whose letter was not acknowledged is passed over."""
    entry = book("dead letters", "the topic deleted under a running worker", "postgres")
    world = open_world("postgres")
    scenario = world.scenario
    world.start_traffic()
    world.add_worker().wait_ready()
    kept = {}
    for _ in range(2):
        wait_until(lambda: world.keep_traffic() or len(scenario.letters()) > 3, 60, "letters flow")
        world.stop_traffic()
        scenario.wait_caught_up()
        kept.update({letter["letterId"]: letter for letter in scenario.letters()})
        scenario.kafka.delete_topic(scenario.letter_topic)
        entry.times += 1
        world.start_traffic()
        start = time.monotonic()
        wait_until(lambda: world.keep_traffic() or scenario.letters(), 60, "letters flow again")
        entry.recovery_s.append(round(time.monotonic() - start, 1))
    world.stop_traffic()
    scenario.wait_caught_up()
    kept.update({letter["letterId"]: letter for letter in scenario.letters()})
    expected = scenario.expected()
    found = compare.differences(expected, scenario.fact_orders(), scenario.daily_revenue(), list(kept.values()))
    assert not found, "the store differs:\n" + "\n".join(found)
    entry.events = expected.records
    entry.result = "passed"
