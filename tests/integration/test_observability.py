"""What people see of a worker: metrics, probes, logs. A worker that looks healthy must be doing its work."""

import json
import os
import re
import signal
import subprocess

from harness.scenario import placed
from harness.servers import ROOT
from harness.waiting import stays_true, wait_until
from harness.worker import run_once

from test_network import proxy  # noqa: F401  (a fixture)

PAGE = ROOT / "docs" / "operating.md"


def families(text):
    """Names of the families that /metrics declares."""
    return set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))


def documented():
    """Names in the first column of the page's tables of metrics."""
    return set(re.findall(r"^\| `((?:foldline|process)_\w+)`", PAGE.read_text(), re.MULTILINE))


def test_the_page_lists_every_metric_and_no_other(scenario):
    scenario.make_topic(2)
    scenario.generate(2_000, duplicates=0.02, malformed=0.01)
    worker = scenario.start_worker().wait_ready()
    scenario.wait_caught_up()

    def every_one():
        found = families(worker.metrics().text)
        assert documented() - found == set(), "in docs/operating.md, and not exported"
        return found

    found = wait_until(every_one, 10, "all metrics are exported")
    assert found - documented() == set(), "exported, and not in docs/operating.md"


def test_events_are_counted_by_type_and_outcome(scenario):
    scenario.make_topic(2)
    expected = scenario.generate(5_000, duplicates=0.02, malformed=0.01)
    worker = scenario.start_worker().wait_ready()
    scenario.wait_caught_up()

    worker.wait_counted(5_000, "foldline_records_total")
    metrics = worker.metrics()  # another page: one count after another makes a page
    assert metrics.sum("foldline_events_total") == 5_000
    assert metrics.sum("foldline_events_total", outcome="duplicate") == expected["duplicates"]
    assert metrics.sum("foldline_events_total", outcome="letter") == metrics.sum("foldline_letters_total") == len(scenario.letters())
    assert metrics.sum("foldline_events_total", type="order.placed", outcome="folded") > 1_000
    folded = metrics.sum("foldline_events_total", outcome="folded")
    assert metrics.sum("foldline_latency_seconds_count") == folded
    assert metrics.sum("foldline_batch_records_sum") == 5_000


def test_rows_are_counted_by_the_way_they_went(scenario):
    scenario.make_topic(1)
    worker = scenario.start_worker().wait_ready()
    scenario.generate(5_000)
    scenario.wait_caught_up()

    worker.wait_counted(5_000, "foldline_records_total")
    metrics = worker.metrics()  # another page: one count after another makes a page
    ways = [metrics.sum(f"foldline_rows_{way}_total") for way in ("copied", "updated", "upserted")]
    assert sum(ways) == metrics.sum("foldline_rows_total") > 0
    assert metrics.sum("foldline_straight_refused_total") <= metrics.sum("foldline_commits_total")


def test_lag_and_freshness_are_true_while_the_store_is_away(outage):
    """The client's own queue is full after 12 MiB and hears no more of the log's end: a broker is asked."""
    outage.make_topic(2).write_file()
    outage.generate(100)
    worker = outage.start_worker().wait_ready()
    outage.wait_caught_up()
    wait_until(lambda: worker.metrics().sum("foldline_lag") == 0, 10, "no lag")
    assert worker.metrics().sum("foldline_freshness_seconds") == 0
    outage.server.stop()
    filler = "x" * 20_000
    for number in range(3_000):  # 60 MB
        outage.place(f"o{number}", note=filler)
    outage.kafka.flush()

    def told():
        metrics = worker.metrics()
        assert metrics.sum("foldline_lag") == 3_000
        assert max(metrics.all("foldline_freshness_seconds")) > 1
        assert metrics.sum("foldline_ready") == 0 and metrics.sum("foldline_alive") == 1
        return metrics

    metrics = wait_until(told, 40, "the whole lag is seen")
    assert metrics.sum("foldline_queue_records", queue="prefetch") < 3_000, "the test must fill the client's queue"
    assert 0 < metrics.sum("foldline_queue_bytes", queue="folding") <= 2 * metrics.sum("foldline_queue_limit_bytes", queue="folding")
    outage.server.start()
    worker.wait_ready(45)
    outage.wait_caught_up()
    wait_until(lambda: worker.metrics().sum("foldline_lag") == 0, 10, "no lag")


def test_a_call_that_never_comes_back_makes_the_worker_unhealthy(scenario, proxy):  # noqa: F811
    scenario.make_topic(1)
    scenario.place("o1")
    scenario.kafka.flush()
    worker = scenario.start_worker("--stuck-after", "2", env=proxy.env).wait_ready()
    scenario.wait_caught_up()
    assert worker.alive
    proxy.stall()
    scenario.place("o2")
    scenario.kafka.flush()

    def stuck():
        status, body = worker.get("/healthz")
        assert status == 503 and "a call to the store or to Kafka has not come back" in body, (status, body)
        return body

    wait_until(stuck, 20, "/healthz says that the worker is stuck")
    assert worker.metrics().sum("foldline_alive") == 0
    proxy.flow()
    wait_until(lambda: worker.alive, 10, "alive again: what came back is not stuck any more")
    scenario.wait_caught_up()


def test_a_worker_with_nothing_to_do_stays_healthy(scenario):
    """The watchdog's limit passes again and again without a record."""
    scenario.make_topic(1)
    worker = scenario.start_worker("--stuck-after", "1").wait_ready()
    stays_true(lambda: worker.alive, 3, "alive")


def test_json_logs_name_the_letters_event(scenario):
    scenario.make_topic(1)
    event = json.loads(placed("o1"))
    event["payload"]["total_cents"] = "many"
    event["trace"] = "7f3a-evil\nline"
    text = scenario.write_file().read_text().replace("type: event_type,", "type: event_type, correlation_id: trace,")
    scenario.file.write_text(text)
    scenario.kafka.produce(scenario.topic, json.dumps(event).encode(), b"o1")
    scenario.kafka.flush()
    log = scenario.directory / "json.log"

    with open(log, "wb") as out:
        process = subprocess.Popen(
            [scenario.binary, "--log-format", "json", "run", str(scenario.file), "--http", "off"],
            env={**os.environ, **scenario.env}, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )
    try:
        wait_until(lambda: b"dead letter" in log.read_bytes(), 30, "the letter is in the log")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert all({"time", "level", "message", "projection"} <= set(line) for line in lines if "joining" in line["message"])
    letter = next(line for line in lines if line["message"].startswith("dead letter"))
    assert letter["correlation_id"] == "7f3a-evil\nline"
    assert (letter["topic"], letter["partition"], letter["offset"]) == (scenario.topic, "0", "0")
    assert (letter["type"], letter["event_id"], letter["stage"], letter["code"]) == ("order.placed", "evt_o1", "project", "value")
    assert "many" not in letter["message"], "values of events stay out of the log"


def test_health_asks_the_workers_probes(scenario):
    scenario.make_topic(1)
    worker = scenario.start_worker().wait_ready()
    address = f"127.0.0.1:{worker.port}"
    done = run_once(scenario.binary, ["health", "--http", address], {})
    assert (done.returncode, done.stdout) == (0, "ok\n")
    done = run_once(scenario.binary, ["health", "--http", address, "--path", "/readyz"], {})
    assert done.returncode == 0 and json.loads(done.stdout)["ready"] is True
    worker.kill()
    done = run_once(scenario.binary, ["health", "--http", address], {})
    assert done.returncode == 1 and "no answer from" in done.stderr
    assert run_once(scenario.binary, ["health", "--http", "here"], {}).returncode == 1
