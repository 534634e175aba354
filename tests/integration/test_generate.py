"""`foldline generate orders`: the same bytes for a seed, the faults it promises, totals that an independent fold of the topic confirms."""

import collections
import json

import pytest

from harness.worker import run_once
from oracle import orders


def generate(binary, *arguments, timeout_s=60):
    return run_once(binary, ["generate", "orders", *arguments], {"KAFKA_BROKERS": ""}, timeout_s)


def dry_run(binary, *arguments):
    done = generate(binary, "--dry-run", *arguments)
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_a_seed_names_a_stream_bit_for_bit(binary):
    assert dry_run(binary, "--events", "3000", "--seed", "7") == dry_run(binary, "--events", "3000", "--seed", "7")
    assert dry_run(binary, "--events", "3000", "--seed", "7") != dry_run(binary, "--events", "3000", "--seed", "8")


def test_the_topic_holds_what_the_dry_run_shows(binary, kafka, scenario):
    """Exactly these records, one order in one partition, in the stream's order."""
    scenario.make_topic(5)
    scenario.generate(4000, seed=11)
    wanted = collections.defaultdict(list)
    for key, value in dry_run(binary, "--events", "4000", "--seed", "11"):
        wanted[key].append(value)
    found = collections.defaultdict(list)
    home = {}
    for partition, records in kafka.read(scenario.topic).items():
        for record in records:
            found[record.key.decode()].append(record.value.decode())
            assert home.setdefault(record.key, partition) == partition
    assert found == wanted
    assert len(set(home.values())) == 5


@pytest.mark.parametrize("seed", [1, 42, 1234567])
def test_its_totals_are_those_of_an_independent_fold(scenario, seed):
    scenario.make_topic(4)
    totals = scenario.generate(20_000, seed=seed, duplicates=0.05, out_of_order=0.05, malformed=0.01)
    for newest_by_time in (True, False):
        assert orders.check_generated(scenario.expected(newest_by_time=newest_by_time), totals) == []


def test_the_promised_shares_are_there(scenario):
    scenario.make_topic(2)
    totals = scenario.generate(20_000, duplicates=0.02, out_of_order=0.05, malformed=0.01)
    assert totals["records"] == 20_000
    assert 300 < totals["duplicates"] < 500
    assert 150 < totals["malformed"] < 250
    assert all(count > 0 for count in totals["malformed_by_kind"].values())
    assert 0.03 < totals["out_of_order"] / totals["orders"] < 0.07
    kinds = collections.Counter(
        json.loads(record.value)["event_type"] for record in scenario.kafka.read_all(scenario.topic) if b"ord_bad" not in record.key
    )
    assert {"order.placed", "OrderPlaced", "order.shipped", "OrderShipped", "order.cancelled"} == set(kinds)
    assert any(b"+02:00" in record.value for record in scenario.kafka.read_all(scenario.topic))


def test_without_faults_there_are_none(scenario):
    scenario.make_topic(1)
    totals = scenario.generate(2000, duplicates=0, out_of_order=0, malformed=0)
    assert (totals["duplicates"], totals["out_of_order"], totals["malformed"]) == (0, 0, 0)
    assert totals["per_status"] == totals["per_status_as_arrived"]
    assert orders.check_generated(scenario.expected(), totals) == []


def test_it_makes_the_topic_only_when_asked(binary, kafka, scenario):
    refused = generate(binary, "--brokers", kafka.brokers, "--topic", scenario.topic, "--events", "10")
    assert refused.returncode == 1
    assert "does not exist" in refused.stderr and "--create-partitions" in refused.stderr
    assert kafka.partitions(scenario.topic) == 0
    made = generate(binary, "--brokers", kafka.brokers, "--topic", scenario.topic, "--events", "10", "--create-partitions", "3")
    assert made.returncode == 0, made.stderr
    assert kafka.partitions(scenario.topic) == 3 and len(kafka.read_all(scenario.topic)) == 10
    # There already: it stays as it is.
    again = generate(binary, "--brokers", kafka.brokers, "--topic", scenario.topic, "--events", "10", "--create-partitions", "8")
    assert again.returncode == 0, again.stderr
    assert kafka.partitions(scenario.topic) == 3


def test_a_broker_that_is_away_is_named_with_what_to_do(binary):
    done = generate(binary, "--brokers", "127.0.0.1:1", "--events", "10")
    assert done.returncode == 1
    assert "no Kafka broker answers at 127.0.0.1:1" in done.stderr and "--brokers" in done.stderr


def test_options_that_make_no_sense_are_refused(binary):
    for arguments, word in [
        (["--duplicates", "2"], "--duplicates"),
        (["--start-day", "tomorrow"], "--start-day"),
        (["--days", "0"], "--days"),
        (["--dry-run", "--expect", "-"], "--expect"),
        ([], "--brokers"),
    ]:
        done = generate(binary, *arguments)
        assert done.returncode == 2 and word in done.stderr, (arguments, done)
