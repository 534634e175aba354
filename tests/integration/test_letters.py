"""Bad events become letters that a person understands; the projection goes on, and no event is in neither place (G28)."""

import base64
import json

import pytest

from harness.scenario import placed
from harness.servers import DATA
from harness.waiting import stays_true, wait_until

MALFORMED = (DATA / "malformed.ndjson").read_bytes().splitlines()
# What the letter's error must name, so that a person knows what is wrong with which part.
NAMED = ["event_type", "yesterday", "order_id", "JSON", "JSON", "total_cents"]


def check_letter(letter, scenario, value):
    assert {"originalEvent", "error", "failedAt", "retryCount"} <= letter.keys()
    assert letter["retryCount"] == 0 and letter["failedAt"].startswith("20") and letter["failedAt"].endswith("Z")
    assert letter["letterId"] == f"{scenario.name}:{letter['topic']}:{letter['partition']}:{letter['offset']}"
    assert letter["projection"] == scenario.name and letter["topic"] == scenario.topic
    for name in ("encoding", "reason", "stage", "timestamp", "headers", "eventId", "eventType", "correlationId"):
        assert name in letter, f"{name} is missing in {letter}"
    assert len(letter["error"]) > 10 and letter["reason"]
    if letter["encoding"] == "json":
        assert letter["originalEvent"] == json.loads(value)
    elif letter["encoding"] == "base64":
        assert base64.b64decode(letter["originalEvent"]) == value


@pytest.mark.parametrize("line", range(len(MALFORMED)))
def test_a_malformed_line_becomes_a_letter_and_the_projection_goes_on(scenario, line):
    scenario.make_topic(1)
    scenario.place("before")
    scenario.kafka.produce(scenario.topic, MALFORMED[line], b"bad", headers=[("trace", b"t-1")])
    scenario.place("after")
    scenario.kafka.flush()
    scenario.start_worker()
    scenario.wait_caught_up()
    letters = scenario.letters()
    assert len(letters) == 1
    check_letter(letters[0], scenario, MALFORMED[line])
    assert NAMED[line] in letters[0]["error"], letters[0]
    assert letters[0]["key"] == "bad" and letters[0]["headers"] == [{"name": "trace", "value": "t-1"}]
    assert letters[0]["encoding"] == ("base64" if line in (3, 4) else "json")
    assert set(scenario.fact_orders()) == {"before", "after"}
    scenario.check()


ODD = {
    "empty value": b"",
    "binary value": bytes(range(256)),
    "a number past 64 bits": placed("o", total_cents=2**63),
    "a NUL in a text": placed("o", customer_id="a\0b"),
    "a JSON array": b"[1,2,3]",
    "JSON that goes on": placed("o") + b"}",
    "invalid UTF-8 in a text": placed("o", customer_id="X").replace(b"X", b"\xff"),
    "a fraction of a cent": placed("o", total_cents=1.5),
    "null for a key": placed("o", currency=None),
    "nested a thousand deep": placed("o", items="X").replace(b'"X"', b"[" * 5000 + b"]" * 5000),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_record_becomes_a_letter(scenario, name):
    value = ODD[name]
    scenario.make_topic(1)
    scenario.kafka.produce(scenario.topic, value, b"bad")
    scenario.place("after")
    scenario.kafka.flush()
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    letters = scenario.letters()
    assert len(letters) == 1, f"{letters}"
    check_letter(letters[0], scenario, value)
    assert set(scenario.fact_orders()) == {"after"}
    assert worker.running


def test_records_that_are_no_letters(scenario):
    """A null value is a tombstone, unknown types and fields are ignored, numbers at the edge fit."""
    scenario.make_topic(1)
    scenario.kafka.produce(scenario.topic, None, b"gone")
    scenario.kafka.produce(scenario.topic, placed("o1").replace(b"order.placed", b"customer.renamed"), b"o1")
    scenario.place("o2", total_cents=2**63 - 1, unknown={"deep": [1, 2, {"x": None}]}, currency="AAA")
    scenario.place("o3", total_cents=-(2**63), currency="BBB")
    scenario.place("o4 \U0001f9ed ünïcödé " + "x" * 1900, "e4", currency="CCC")
    scenario.kafka.flush()
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    assert scenario.letters() == []
    assert len(scenario.check().fact_orders) == 3
    assert worker.metrics().sum("foldline_letters_total") == 0


def test_a_key_that_is_not_utf_8_does_no_harm(scenario):
    """The projection does not read the record's key; a letter of such a record carries it as base64."""
    scenario.make_topic(1)
    scenario.place("o1", key=b"\xff\xfe\x00")
    scenario.kafka.produce(scenario.topic, b"not json", b"\xff\xfe\x00")
    scenario.kafka.flush()
    scenario.start_worker()
    scenario.wait_caught_up()
    letters = scenario.letters()
    assert [base64.b64decode(letter["keyBase64"]) for letter in letters] == [b"\xff\xfe\x00"]
    scenario.check()


def test_a_record_without_a_key(scenario):
    scenario.make_topic(1)
    scenario.kafka.produce(scenario.topic, placed("o1"), None)
    scenario.kafka.produce(scenario.topic, b"not json", None)
    scenario.kafka.flush()
    scenario.start_worker()
    scenario.wait_caught_up()
    assert [letter["key"] for letter in scenario.letters()] == [None]
    scenario.check()


@pytest.mark.slow
def test_a_record_of_20_mb_is_pointed_at_and_passed(scenario):
    scenario.make_topic(1)
    scenario.place("before")
    scenario.kafka.produce(scenario.topic, placed("huge", note="x" * 20_000_000), b"huge")
    scenario.place("after")
    scenario.kafka.flush()
    worker = scenario.start_worker()
    scenario.wait_caught_up(90)
    letters = scenario.letters()
    assert len(letters) == 1 and letters[0]["encoding"] == "pointer" and letters[0]["offset"] == 1
    assert letters[0]["originalEvent"] is None and letters[0]["originalBytes"] > 20_000_000 and letters[0]["key"] == "huge"
    assert set(scenario.fact_orders()) == {"before", "after"}
    assert worker.metrics().sum("process_resident_memory_bytes") < 500e6


def test_a_record_above_the_limit_is_an_anchor_like_any_other(scenario):
    """G6: the last record before a restart was too large to keep; the log must be recognised by it all the same."""
    scenario.make_topic(1)
    scenario.place("large", note="x" * 50_000)
    scenario.kafka.flush()
    worker = scenario.start_worker("--max-record-bytes", "10000")
    scenario.wait_caught_up()
    assert worker.stop() == 0
    scenario.place("after")
    scenario.kafka.flush()
    scenario.start_worker()
    scenario.wait_caught_up()
    assert set(scenario.fact_orders()) == {"after"} and len(scenario.letters()) == 1


def test_a_large_record_within_the_limit_is_folded(scenario):
    scenario.make_topic(1)
    scenario.place("large", note="x" * 5_000_000)
    scenario.place("after")
    scenario.kafka.flush()
    scenario.start_worker()
    scenario.wait_caught_up()
    scenario.check()
    assert set(scenario.fact_orders()) == {"large", "after"}


def test_letters_that_cannot_be_written_hold_the_batch_back(scenario):
    scenario.make_topic(1)
    scenario.kafka.create_topic(scenario.letter_topic, 1, {"max.message.bytes": "100"})  # Kafka refuses every letter, for now
    scenario.place("before")
    scenario.kafka.produce(scenario.topic, b"not json", b"bad")
    scenario.place("after")
    scenario.kafka.flush()
    worker = scenario.start_worker()

    def held_back():
        status, body = worker.get("/readyz")
        assert status == 503 and scenario.letter_topic in body, f"{status} {body}"
        return True

    wait_until(held_back, 60, "/readyz names the dead-letter topic")
    stays_true(lambda: sum(scenario.checkpoints().values()) <= 1, 3, "the bad event is not passed")
    assert worker.alive
    scenario.kafka.alter_topic(scenario.letter_topic, {"max.message.bytes": "1000000"})
    scenario.wait_caught_up(60)
    assert len(scenario.letters()) == 1
    scenario.check()
    worker.wait_ready()


def test_rows_that_the_store_refuses_are_found_and_the_rest_commits(scenario):
    """G29: 5,000 events of which three break a constraint that someone added by hand."""
    scenario.make_topic(2)
    worker = scenario.start_worker().wait_ready()
    scenario.database.execute("ALTER TABLE analytics.fact_orders ADD CONSTRAINT no_evil CHECK (customer_id <> 'evil')")
    worker.stop()
    for number in range(5_000):
        scenario.place(f"o{number}", customer_id="evil" if number in (7, 2_500, 4_999) else f"c{number}")
    scenario.kafka.flush()
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    expected = scenario.expected(refused=lambda data: data["customer_id"] == "evil")
    assert len(expected.letters) == 3
    scenario.check(expected)
    letters = scenario.letters()
    assert {letter["stage"] for letter in letters} == {"store"}
    assert all("no_evil" in letter["error"] for letter in letters), letters
    worker.wait_counted(3, "foldline_letters_total", stage="store")


def test_too_many_letters_at_once_stop_the_worker(scenario):
    """G19: a producer gone mad must not empty its topic into the dead letters."""
    scenario.make_topic(1).write_file(extra_top="dead_letter: {stop_above: 0.5}\n")
    scenario.kafka.produce_all(scenario.topic, ((b"k", b"not json at all") for _ in range(8_000)))
    worker = scenario.start_worker("--max-batch-records", "500")

    def stopped():
        status, body = worker.get("/readyz")
        assert status == 503 and "stopped" in body, f"{status} {body}"
        return body

    body = wait_until(stopped, 60, "the worker stops")
    assert "letter" in body, body
    assert worker.alive

    def nothing_lost():
        passed, written = sum(scenario.checkpoints().values()), len(scenario.letters())
        return passed <= written <= 1_000

    stays_true(nothing_lost, 2, "the checkpoint stays behind the letters, and those are few")


def test_fewer_letters_than_the_breaker_allows_go_by(scenario):
    scenario.make_topic(1).write_file()
    for number in range(3_000):
        if number % 3 == 0:
            scenario.kafka.produce(scenario.topic, b"not json", b"bad")
        else:
            scenario.place(f"o{number}")
    scenario.kafka.flush()
    scenario.start_worker()
    scenario.wait_caught_up()
    scenario.check()
    assert len(scenario.letters()) == 1_000


def test_policy_stop_stops_the_partition_at_the_bad_event(scenario):
    scenario.make_topic(2).write_file(extra_top="dead_letter: {policy: stop}\n")
    scenario.place("good", partition=0)
    scenario.kafka.produce(scenario.topic, b"not json", b"bad", partition=0)
    scenario.place("behind", partition=0)
    scenario.place("elsewhere", partition=1)
    scenario.kafka.flush()
    worker = scenario.start_worker()
    wait_until(lambda: scenario.checkpoints() == {(scenario.topic, 0): 1, (scenario.topic, 1): 1}, 30, "both partitions as far as they go")
    assert set(scenario.fact_orders()) == {"good", "elsewhere"}
    wait_until(lambda: not worker.ready, 10, "not ready")
    assert f"{scenario.topic}/0" in worker.get("/readyz")[1]
