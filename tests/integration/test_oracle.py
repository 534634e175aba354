"""The oracle itself, on histories small enough to check by hand. It must not share a mistake with the product."""

import datetime
import json

import confluent_kafka
import pytest

from oracle import compare, orders
from oracle.log import Record, asked_again

UTC = datetime.timezone.utc


def event(kind="order.placed", event_id="e1", order="o1", at="2026-04-03T09:15:00Z", **data):
    payload = {"order_id": order}
    if kind in ("order.placed", "OrderPlaced"):
        payload.update({"customer_id": "c", "items": [{}, {}], "total_cents": 3998, "currency": "EUR"})
    payload.update(data)
    return json.dumps({"event_type": kind, "event_id": event_id, "occurred_at": at, "payload": payload}).encode()


def log(*values, partition=0, offsets=None):
    offsets = offsets or range(len(values))
    return {partition: [Record("t", partition, offset, 0, b"k", value) for offset, value in zip(offsets, values)]}


def test_a_duplicate_counts_once():
    expected = orders.fold(log(event(), event("order.shipped", "e2"), event()))
    assert expected.daily_revenue == {(datetime.date(2026, 4, 3), "EUR"): {"orders": 1, "revenue_cents": 3998}}
    assert expected.fact_orders["o1"]["status"] == "shipped"
    assert expected.duplicates == 1


def test_a_duplicate_outside_the_window_counts_again():
    inside = orders.fold(log(event(), event(), offsets=[0, 10]), window=10)
    outside = orders.fold(log(event(), event(), offsets=[0, 11]), window=10)
    assert (inside.placed, outside.placed) == (1, 2)


def test_a_duplicate_renews_its_window():
    expected = orders.fold(log(event(), event(), event(), offsets=[0, 8, 16]), window=10)
    assert (expected.placed, expected.duplicates) == (1, 2)


def test_the_same_id_in_another_partition_is_another_event():
    expected = orders.fold({**log(event(), partition=0), **log(event(), partition=1)})
    assert expected.placed == 2


def test_a_dead_lettered_event_seen_again_is_no_second_letter():
    expected = orders.fold(log(event(total_cents="many"), event(total_cents="many")))
    assert list(expected.letters) == ["t:0:0"]


@pytest.mark.parametrize("line", range(6))
def test_each_malformed_sample_is_a_letter(line):
    from harness.servers import DATA

    value = (DATA / "malformed.ndjson").read_bytes().splitlines()[line]
    expected = orders.fold(log(value, event(order="o2")))
    assert len(expected.letters) == 1 and list(expected.fact_orders) == ["o2"]


def test_null_values_and_unknown_types_are_no_letters():
    expected = orders.fold(log(None, event("customer.renamed")))
    assert expected.ignored == 2 and not expected.letters and not expected.fact_orders


@pytest.mark.parametrize(
    "text, utc",
    [
        ("2026-04-04T00:30:00+02:00", datetime.datetime(2026, 4, 3, 22, 30, tzinfo=UTC)),
        ("2026-04-03T23:59:59.999999999-00:30", datetime.datetime(2026, 4, 4, 0, 29, 59, 999999, tzinfo=UTC)),
        ("2026-04-03 09:15:00", datetime.datetime(2026, 4, 3, 9, 15, tzinfo=UTC)),
        (1_700_000_000_123, datetime.datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=UTC)),
    ],
)
def test_times_are_utc(text, utc):
    assert orders.parse_time(text) == utc


def test_money_stays_exact_past_two_to_the_53():
    expected = orders.fold(log(event(total_cents=2**62 + 1)))
    assert expected.fact_orders["o1"]["total_cents"] == 4611686018427387905


def test_comparison_names_the_row_its_events_and_both_values():
    expected = orders.fold(log(event(), event("order.shipped", "e2")))
    held = {"o1": {**expected.fact_orders["o1"], "total_cents": 1}}
    text = "\n".join(compare.differences(expected, held, dict(expected.daily_revenue), []))
    assert "total_cents: expected 3998, the store holds 1" in text and "t:0:1 e2 order.shipped" in text


def test_comparison_finds_missing_and_additional_letters():
    expected = orders.fold(log(b"not json"))
    letter = {"topic": "t", "partition": 0, "offset": 7, "error": "?"}
    assert len(compare.differences(expected, {}, {}, [letter])) == 2


def test_guarded_fields_keep_the_newest_and_other_fields_still_arrive():
    shipped_first = log(event("order.shipped", "e2", at="2026-04-04T00:00:00Z"), event())
    arrived, newest = orders.fold(shipped_first), orders.fold(shipped_first, newest_by_time=True)
    assert arrived.fact_orders["o1"]["status"] == "placed"
    assert newest.fact_orders["o1"]["status"] == "shipped" and newest.fact_orders["o1"]["total_cents"] == 3998


def failing(times, code):
    """What answers `it` after so many failures, and how often it was asked."""
    asked = []

    def ask():
        asked.append(code)
        if len(asked) <= times:
            raise confluent_kafka.KafkaException(confluent_kafka.KafkaError(code))
        return "it"

    return ask, asked


def test_a_partition_without_a_leader_is_asked_again():
    ask, asked = failing(2, confluent_kafka.KafkaError.LEADER_NOT_AVAILABLE)
    assert asked_again(ask) == "it"
    assert len(asked) == 3


@pytest.mark.parametrize(
    "code, for_s", [(confluent_kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED, 60), (confluent_kafka.KafkaError.LEADER_NOT_AVAILABLE, 0)]
)
def test_what_does_not_pass_and_what_lasts_is_an_error(code, for_s):
    ask, asked = failing(5, code)
    with pytest.raises(confluent_kafka.KafkaException):
        asked_again(ask, for_s)
    assert len(asked) == 1
