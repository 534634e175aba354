"""`foldline dlq`: letters are found, understood, replayed once and discarded (G14, G28)."""

import base64
import json
import signal
import subprocess

import pytest

from harness.projection import FACT_FIELDS
from harness.scenario import placed
from harness.servers import DATA
from harness.waiting import wait_until
from oracle import compare

MALFORMED = (DATA / "malformed.ndjson").read_bytes().splitlines()
# The worker looks for a new topic this often; people wait half a minute.
QUICK = {"topic.metadata.refresh.interval.ms": 1000}
BROKEN = {
    "fact_fields": FACT_FIELDS + "      channel: {enum: [web]}\n",
    "copied": "customer_id, currency, total_cents, channel",
    "options": QUICK,
    "newest_by_time": True,
}
MENDED = {"fact_fields": FACT_FIELDS + "      channel: {enum: [web, app]}\n"}


def shipped(order):
    event = {"event_type": "order.shipped", "event_id": f"evt_{order}_s", "occurred_at": "2026-04-04T09:15:00Z", "payload": {"order_id": order}}
    return json.dumps(event).encode()


def letters_in_json(scenario, *filters):
    return json.loads(scenario.dlq("list", "--ids", "--json", *filters).stdout)


def rows_are_as_if_events_had_been_good(scenario):
    """The oracle does not know `channel`: to it those events were good all along."""
    expected = scenario.expected()
    found = compare.table_differences("fact_orders", expected.fact_orders, scenario.fact_orders(), expected.history)
    found += compare.table_differences("daily_revenue", expected.daily_revenue, scenario.daily_revenue(), {})
    assert not found, "\n".join(found)
    return expected


def letters_by_channel(scenario, orders, malformed=()):
    """A caught-up worker whose file does not know the channel `app` yet; half of the orders come from there."""
    scenario.make_topic(2).write_file(**BROKEN)
    for number in range(orders):
        order = f"o{number}"
        scenario.place(order, channel="app" if number % 2 else "web", customer_id=f"c{number}")
        if number % 4 == 1:
            scenario.kafka.produce(scenario.topic, shipped(order), order.encode(), headers=[("trace", b"t")])
    for line in malformed:
        scenario.kafka.produce(scenario.topic, line, b"bad", headers=[("trace", b"t-1"), ("none", None), ("bytes", b"\xff\x00")])
    scenario.kafka.flush()
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    assert len(scenario.letters()) == orders // 2 + len(malformed)
    return worker


def mend(scenario, worker):
    assert worker.stop() == 0
    scenario.write_file(**MENDED)
    return worker.start().wait_ready()


def wait_replayed(scenario, count):
    wait_until(lambda: sum(scenario.kafka.end_offsets(scenario.replay_topic).values()) >= count, 30, f"{count} records in the replay topic")
    scenario.wait_caught_up(90, topic=scenario.replay_topic)


def test_mended_letters_are_replayed_and_the_rows_are_as_if_the_events_had_been_good(scenario):
    worker = letters_by_channel(scenario, 40, MALFORMED)
    listed = scenario.dlq("list").stdout
    assert "channel: … is not one of" in listed or "channel" in listed, listed
    before = letters_in_json(scenario)
    assert (before["open"], before["replayed"], before["discarded"]) == (26, 0, 0)
    assert sum(group["letters"] for group in before["groups"]) == 26
    assert all(group["state"] == "open" for group in before["groups"])

    tried = scenario.dlq("replay", "--dry-run").stdout
    assert "of 26 letters 0 would pass now, 26 would not" in tried, tried
    worker = mend(scenario, worker)
    tried = scenario.dlq("replay", "--dry-run").stdout
    assert "of 26 letters 20 would pass now, 6 would not" in tried, tried
    assert 'set customer_id = "c1"' in tried and "fact_orders {order_id: " in tried and "add orders = 1" in tried, tried
    assert "fails again, decode" in tried and "fails again, project" in tried, tried
    verdicts = [json.loads(line) for line in scenario.dlq("replay", "--dry-run", "--json").stdout.splitlines()]
    assert sorted(verdict["outcome"] for verdict in verdicts) == ["fails"] * 6 + ["passes"] * 20
    assert {change["view"] for v in verdicts if v["outcome"] == "passes" for change in v["changes"]} == {"fact_orders", "daily_revenue"}
    assert scenario.kafka.partitions(scenario.replay_topic) == 0, "a dry run writes nothing"

    refused = scenario.dlq("replay", "--reason", "*channel*", answer="n\n", code=1)
    assert "Replay 20 letters through" in refused.stdout and "nothing was done" in refused.stdout
    assert scenario.kafka.partitions(scenario.replay_topic) == 0
    done = scenario.dlq("replay", "--reason", "*channel*", answer="y\n")
    assert f"replayed 20 letters to {scenario.replay_topic}" in done.stdout
    wait_replayed(scenario, 20)
    rows_are_as_if_events_had_been_good(scenario)

    after = letters_in_json(scenario, "--all")
    assert (after["open"], after["replayed"], after["discarded"]) == (6, 20, 0)
    again = scenario.dlq("replay", "--reason", "*channel*", "--yes")
    assert "nothing to replay" in again.stdout and "20 letters replayed already" in again.stderr
    assert sum(scenario.kafka.end_offsets(scenario.replay_topic).values()) == 20
    assert worker.metrics().sum("foldline_letters_total") == 0
    status = json.loads(subprocess.run([scenario.binary, "status", "--json", str(scenario.file)], env={**scenario.env}, capture_output=True, check=True).stdout)
    assert {(p["topic"], p["checkpoint"], p["lag"]) for p in status["partitions"]} >= {(scenario.replay_topic, 20, 0)}


def test_a_replayed_event_is_the_original_byte_for_byte(scenario):
    odd = [b"", bytes(range(256)), b' {"a" : [ 1.50 , "\\u00e4\xc3\xa4" ] } ', b"x", None]
    scenario.make_topic(1).write_file(**BROKEN)
    headers = [("trace", b"t-1"), ("foldline-offset", b"99"), ("none", None), ("empty", b""), ("bytes", b"\xff\x00"), ("trace", b"t-2")]
    keys = [None, b"", b"k\xff", "ä".encode(), b"long" * 2000]
    for value, key in zip(odd[:4], keys):
        scenario.kafka.produce(scenario.topic, value, key, headers=headers)
    scenario.kafka.produce(scenario.topic, b"large" * 200_000, keys[4], headers=headers)
    scenario.kafka.produce(scenario.topic, b"not json", b"k", headers=[("long", b"h" * 3000)])
    scenario.kafka.flush()
    scenario.start_worker()
    scenario.wait_caught_up()
    originals = scenario.kafka.read_all(scenario.topic)
    assert len(scenario.letters()) == len(originals) == 6
    assert "replayed 6 letters" in scenario.dlq("replay", "--yes").stdout
    replayed = scenario.kafka.read_all(scenario.replay_topic)
    for original, record in zip(originals, replayed):
        assert (record.key, record.value, record.headers[7:]) == (original.key, original.value, original.headers)
        ours = dict(record.headers[:7])
        assert ours["foldline-letter-id"].decode() == f"{scenario.name}:{original.position}"
        assert ours["foldline-retry-count"] == b"0" and ours["foldline-timestamp"] == str(original.timestamp_ms * 1000).encode()
    # They fail again, and stay six letters, each at its own position.
    wait_replayed(scenario, 6)
    wait_until(lambda: letters_in_json(scenario)["open"] == 6, 30, "six letters are open again")
    assert {letter["retryCount"] for letter in letters_in_json(scenario)["letters"]} == {1}


def test_a_letter_that_fails_again_is_the_same_letter_with_a_retry_more(scenario):
    worker = letters_by_channel(scenario, 4)
    ids = [letter["letterId"] for letter in letters_in_json(scenario)["letters"]]
    assert len(ids) == 2
    for retry in (1, 2):
        assert "replayed 1 letter " in scenario.dlq("replay", "--letter", ids[0], "--yes", "--because", f"try {retry}").stdout
        wait_replayed(scenario, retry)
        wait_until(lambda: letters_in_json(scenario)["open"] == 2, 30, "the letter is open again")
        listed = {letter["letterId"]: letter["retryCount"] for letter in letters_in_json(scenario)["letters"]}
        assert listed == {ids[0]: retry, ids[1]: 0}
    shown = scenario.dlq("show", ids[0]).stdout
    assert "open, retries 2" in shown and shown.count("replayed by") == 2 and "failed (retry 2)" in shown and "try 1" in shown, shown
    assert '"channel": "app"' in shown
    history = json.loads(scenario.dlq("show", ids[0], "--json").stdout)
    assert history["originalEvent"]["payload"]["channel"] == "app" and len(history["history"]) == 5
    mend(scenario, worker)
    scenario.dlq("replay", "--yes")
    wait_replayed(scenario, 4)
    rows_are_as_if_events_had_been_good(scenario)
    assert letters_in_json(scenario)["open"] == 0


@pytest.mark.slow
def test_kill_9_in_the_middle_of_a_replay_loses_nothing_and_doubles_nothing(scenario):
    worker = letters_by_channel(scenario, 12_000)
    mend(scenario, worker)
    command = [scenario.binary, "dlq", "replay", str(scenario.file), "--yes", "--accept-late-order"]
    kills = 0
    for until in (1, 1_500, 3_000):
        process = subprocess.Popen(command, env=scenario.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(
            lambda: process.poll() is not None or sum(scenario.kafka.end_offsets(scenario.replay_topic).values()) >= until, 60, f"{until} records"
        )
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert kills >= 1, "none was killed on its way"
    open_letters = letters_in_json(scenario)["open"]
    assert 0 < open_letters < 6_000, open_letters
    assert f"replayed {open_letters:,} letters" in scenario.dlq("replay", "--yes").stdout
    written = sum(scenario.kafka.end_offsets(scenario.replay_topic).values())
    assert written >= 6_000
    wait_replayed(scenario, written)
    rows_are_as_if_events_had_been_good(scenario)
    assert letters_in_json(scenario)["open"] == 0
    print(f"{kills} kills, {written - 6_000} records written twice")


def test_a_crash_between_the_record_and_its_mark_is_made_good_by_the_window(scenario):
    """G14: the tool died after its record was acknowledged and before the mark was: the next run writes the same record again."""
    worker = letters_by_channel(scenario, 20)
    worker = mend(scenario, worker)
    scenario.dlq("replay", "--yes")
    first = scenario.kafka.read_all(scenario.replay_topic)
    assert len(first) == 10
    for record in first:
        scenario.kafka.produce(scenario.replay_topic, record.value, record.key, headers=record.headers)
    scenario.kafka.flush()
    wait_replayed(scenario, 20)
    rows_are_as_if_events_had_been_good(scenario)
    worker.wait_counted(10, "foldline_events_total", outcome="duplicate")


def test_interrupting_a_replay_says_what_is_left(scenario):
    letters_by_channel(scenario, 12_000)
    process = subprocess.Popen(
        [scenario.binary, "dlq", "replay", str(scenario.file), "--yes"], env=scenario.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: sum(scenario.kafka.end_offsets(scenario.replay_topic).values()) > 0, 60, "some records")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "interrupted" in err and "run the same command again" in err, out + err


def test_discarding_leaves_a_record(scenario):
    letters_by_channel(scenario, 4, MALFORMED)
    assert "nobody answered" in scenario.dlq("discard", "--stage", "decode", "--because", "a probe", code=1).stderr
    count = letters_in_json(scenario, "--stage", "decode")["open"]
    assert 0 < count < 6
    assert f"discarded {count} letters" in scenario.dlq("discard", "--stage", "decode", "--because", "a probe", "--yes").stdout
    after = letters_in_json(scenario, "--all")
    assert (after["open"], after["discarded"]) == (8 - count, count)
    gone = next(letter["letterId"] for letter in after["letters"] if letter["state"] == "discarded")
    shown = scenario.dlq("show", gone).stdout
    assert "discarded by" in shown and "a probe" in shown and "header      bytes: base64:/wA=" in shown and "header      none: null" in shown, shown
    assert "nothing to discard" in scenario.dlq("discard", "--stage", "decode", "--because", "again", "--yes").stdout
    assert "nothing to replay" in scenario.dlq("replay", "--letter", gone, "--yes").stdout
    assert "replayed 1 letter " in scenario.dlq("replay", "--letter", gone, "--yes", "--all").stdout
    assert "no letter" in scenario.dlq("discard", "--letter", "x:y:0:1", "--because", "b", "--yes", code=1).stderr


def test_filters_choose_letters(scenario):
    letters_by_channel(scenario, 10, MALFORMED)
    assert letters_in_json(scenario, "--key", "bad")["open"] == 6
    assert letters_in_json(scenario, "--key", "o1")["open"] == 1
    assert letters_in_json(scenario, "--type", "order.*", "--reason", "*channel*")["open"] == 5
    assert letters_in_json(scenario, "--since", "1h")["open"] == 11
    assert letters_in_json(scenario, "--until", "2020-01-01")["open"] == 0
    assert "is no time" in scenario.dlq("list", "--since", "yesterday", code=2).stderr


def test_a_record_in_the_replay_topic_that_is_no_replay_becomes_a_letter_of_its_own(scenario):
    scenario.make_topic(1).write_file(options=QUICK)
    scenario.kafka.create_topic(scenario.replay_topic, 1)
    scenario.start_worker()
    good = [("foldline-letter-id", f"{scenario.name}:{scenario.topic}:0:7".encode()), ("foldline-retry-count", b"0")]
    good += [("foldline-topic", scenario.topic.encode()), ("foldline-partition", b"0"), ("foldline-offset", b"7"), ("foldline-timestamp", b"1"), ("foldline-generation", b"1")]
    damaged = {name: [(n, b"x" if n == name else v) for n, v in good] for name, _ in good}
    scenario.kafka.produce(scenario.replay_topic, placed("alone"), b"k")
    for headers in damaged.values():
        scenario.kafka.produce(scenario.replay_topic, placed("damaged"), b"k", headers=headers)
    scenario.kafka.produce(scenario.replay_topic, placed("good"), b"k", headers=good)
    scenario.kafka.flush()
    wait_replayed(scenario, 9)
    letters = [json.loads(record.value) for record in scenario.kafka.read_all(f"{scenario.replay_topic}.dlq")]
    assert [letter["letterId"] for letter in letters] == [f"{scenario.name}:{scenario.replay_topic}:0:{offset}" for offset in range(8)]
    assert set(scenario.fact_orders()) == {"good"}
    assert letters_in_json(scenario)["open"] == 8
    out = scenario.dlq("replay", "--yes", code=1)
    assert "left out 8" in out.stdout and "damaged record of the replay topic" in out.stderr


def test_what_a_source_hides_is_replayed_from_the_log_and_never_shown(scenario):
    scenario.make_topic(1).write_file(**BROKEN, redact="data.customer_id")
    scenario.place("o1", channel="app", customer_id="Ada Lovelace")
    scenario.place("o2", channel="app", customer_id="Ada Lovelace")
    scenario.kafka.produce(scenario.topic, b"Ada Lovelace is not json", b"k")
    scenario.kafka.flush()
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    mend(scenario, worker)
    ids = [letter["letterId"] for letter in letters_in_json(scenario)["letters"]]
    said = scenario.dlq("replay", "--dry-run").stdout + scenario.dlq("replay", "--dry-run", "--json").stdout + scenario.dlq("list", "--ids").stdout
    for letter in ids:
        said += scenario.dlq("show", letter).stdout + scenario.dlq("show", letter, "--json").stdout
    assert "Ada" not in said and "***" in said, said
    assert "of 3 letters 2 would pass now, 1 would not" in said
    scenario.kafka.delete_records(scenario.topic, 0, 1)
    left = scenario.dlq("replay", "--reason", "*channel*", "--yes", code=1)
    assert "no longer has the record at its position" in left.stderr and "replayed 1 letter " in left.stdout and "left out 1" in left.stdout
    wait_replayed(scenario, 1)
    assert {order: row["customer_id"] for order, row in scenario.fact_orders().items()} == {"o2": "Ada Lovelace"}


def test_a_replay_that_comes_late_is_warned_of_unless_a_view_is_guarded(scenario):
    scenario.make_topic(1).write_file(**{**BROKEN, "newest_by_time": False})
    scenario.place("o1", channel="app")
    scenario.kafka.flush()
    scenario.start_worker()
    scenario.wait_caught_up()
    warned = scenario.dlq("replay", "--dry-run").stderr
    assert "warning: replayed events are applied now" in warned and "fact_orders (" in warned and "daily_revenue" not in warned, warned
    assert "warning" not in scenario.dlq("replay", "--dry-run", "--accept-late-order").stderr
    scenario.write_file(newest_by_time=True)
    assert "warning" not in scenario.dlq("replay", "--dry-run").stderr


def test_marks_of_tools_are_no_letters_to_the_worker_or_to_other_projections(scenario):
    letters_by_channel(scenario, 4)
    scenario.dlq("discard", "--because", "done", "--yes")
    scenario.kafka.produce(scenario.letter_topic, b"{}", b"k")  # somebody else's record
    scenario.kafka.flush()
    listed = scenario.dlq("list", "--all")
    assert "2 letters: 0 open, 0 replayed, 2 discarded" in listed.stdout and "1 records in the letter topics are no letters" in listed.stderr
    other = scenario.file.read_text().replace(f"projection: {scenario.name}", f"projection: {scenario.name}x")
    scenario.file.write_text(other)
    assert "no letters" in scenario.dlq("list", "--all").stdout


def test_base64_letters_are_shown_as_text_where_they_are_text(scenario):
    scenario.make_topic(1).write_file(options=QUICK)
    scenario.kafka.produce(scenario.topic, b"plainly no json \x1b[31m", b"k")
    scenario.kafka.produce(scenario.topic, b"plainly no json", b"k")
    scenario.kafka.flush()
    scenario.start_worker()
    scenario.wait_caught_up()
    first, second = (letter["letterId"] for letter in letters_in_json(scenario)["letters"])
    assert base64.b64encode(b"plainly no json \x1b[31m").decode() in scenario.dlq("show", first).stdout
    assert "no JSON: plainly no json" in scenario.dlq("show", second).stdout
    assert "there is no letter" in scenario.dlq("show", "nobody", code=1).stderr


@pytest.mark.slow
def test_a_rebuild_does_not_apply_a_replay_beside_the_event_that_it_folds_in_its_place(scenario):
    """The mended file folds the events where they stand; neither what was replayed before nor the old letters may come on top."""
    worker = letters_by_channel(scenario, 40, MALFORMED)
    worker = mend(scenario, worker)
    some = [letter["letterId"] for letter in letters_in_json(scenario, "--reason", "*channel*")["letters"]][:7]
    scenario.dlq("replay", "--yes", *(word for letter in some for word in ("--letter", letter)))
    wait_replayed(scenario, 7)
    assert worker.stop() == 0
    rebuilt = subprocess.run([scenario.binary, "rebuild", str(scenario.file)], env=scenario.env, capture_output=True, text=True, timeout=120, check=False)
    assert rebuilt.returncode == 0, rebuilt.stdout + rebuilt.stderr
    worker.start().wait_ready()
    rows_are_as_if_events_had_been_good(scenario)
    done = scenario.dlq("replay", "--reason", "*channel*", "--yes", "--all")
    assert "13 letters of another generation" in done.stderr and "nothing to replay" in done.stdout, done.stderr
    # Letters that the rebuild made anew are the live generation's: they may be replayed, and fail again.
    assert "replayed 6 letters" in scenario.dlq("replay", "--key", "bad", "--yes").stdout
    wait_until(lambda: letters_in_json(scenario, "--key", "bad")["open"] == 6, 30, "they failed again")
    rows_are_as_if_events_had_been_good(scenario)
