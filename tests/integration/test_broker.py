"""A broker that stops, restarts or is killed: the worker goes on by itself. This Kafka is the test's own."""

import pytest

from harness.kafka import Kafka
from harness.postgres import Database
from harness.scenario import Scenario, unique_name
from harness.servers import Stack
from harness.waiting import wait_until

SHORT = {"session.timeout.ms": 6000, "reconnect.backoff.max.ms": 1000}


@pytest.fixture
def own_kafka(tmp_path):
    stack = Stack(tmp_path / "stack")
    stack.run("up", "kafka")
    yield stack
    stack.run("wipe", "kafka")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_the_broker_restarts_while_events_wait(binary, own_kafka, servers, tmp_path, how):
    name = unique_name()
    kafka = Kafka(own_kafka.environment("kafka")["KAFKA_BROKERS"])
    world = Scenario(name, binary, kafka, Database(servers["POSTGRES_URL"], name), tmp_path)
    try:
        world.make_topic(2).write_file(options=SHORT)
        worker = world.start_worker().wait_ready()
        world.generate(3_000)
        wait_until(lambda: sum(world.checkpoints().values()) > 0, 30, "a commit")
        own_kafka.run(how, "kafka")
        wait_until(lambda: not worker.ready, 60, "the worker tells that the broker is away")
        assert worker.alive
        own_kafka.run("start", "kafka")
        world.generate(3_000, seed=7)
        world.wait_caught_up(90)
        worker.wait_ready(60)
        world.check()
        assert worker.stop() == 0
    except BaseException:
        print(world.log_tails())
        raise
    finally:
        for worker in world.workers:
            worker.kill()
        world.database.drop()
