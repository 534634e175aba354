"""The benchmarks' report: what is missed or failed shows, and the page keeps what people wrote."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "goals"))

import catch_up  # noqa: E402
import ids_cost  # noqa: E402
import report  # noqa: E402
import special  # noqa: E402

MET = {
    "case": "redis-hot",
    "title": "counters",
    "kind": "ratio",
    "events_per_s": 900_000.0,
    "limit_per_s": 1_000_000.0,
    "value": 0.9,
    "goal": 0.5,
    "met": True,
    "worker_cpu_us_per_event": 1.25,
    "limit_title": "librdkafka alone",
}
MISSED = {"case": "start", "title": "IDs", "kind": "value", "value": 412.0, "form": ",.0f", "unit": "ms", "goal": 300, "met": False, "notes": ["Ready late."]}
FAILED = {"case": "search-new", "title": "documents", "kind": "failed", "error": "no server"}


@pytest.fixture(name="result")
def make_result():
    machine = {"processor": "P", "cores": 2, "memory_gb": 8, "system": "Debian", "kernel": "6"}
    return {"command": "bench/run", "date": "2026-01-01", "commit": "abc", "machine": machine, "events": 1000, "runs": 3, "seconds": 60.0, "cases": [MET, MISSED, FAILED]}


def test_a_missed_goal_and_a_failed_case_show_in_the_table(result):
    lines = report.table(result).splitlines()
    cells = {line.split()[0]: line for line in lines[1:]}
    assert "0.90" in cells["redis-hot"] and ">= 0.5" in cells["redis-hot"] and " yes" in cells["redis-hot"]
    assert "412 ms" in cells["start"] and " NO" in cells["start"]
    assert "failed" in cells["search-new"]


def test_a_line_says_what_failed_and_why():
    assert report.line(FAILED) == "search-new: failed: no server"
    assert "Foldline 900,000/s, limit 1,000,000/s: 0.90 (goal >= 0.5: yes)" in report.line(MET)


def test_what_the_processor_time_alone_would_allow(monkeypatch):
    monkeypatch.setattr(report.os, "cpu_count", lambda: 2)
    row = {**MET, "worker_cpu_us_per_event": 1.0, "store_cpu_us_per_event": 0.5, "kafka_cpu_us_per_event": 0.5}
    assert report.busy_value(row) == pytest.approx(1.0)  # 2 cores, 2 µs: 1,000,000 a second, as the limit
    assert report.busy_value({**row, "store_cpu_us_per_event": None}) is None
    assert report.busy_value({name: value for name, value in row.items() if name != "limit_per_s"}) is None


def test_the_page_is_replaced_between_the_marks_and_nowhere_else(result, tmp_path):
    page = tmp_path / "performance.md"
    page.write_text(f"# Before\n\n{report.BEGIN}\nold figures\n{report.END}\n\nAfter\n")
    report.write_page(result, page)
    text = page.read_text()
    assert text.startswith("# Before\n\n" + report.BEGIN) and text.endswith(report.END + "\n\nAfter\n")
    assert "old figures" not in text and "| redis-hot | 900,000 |" in text and "Ready late." in text
    assert "Failed in this run: search-new: no server" in text
    report.write_page(result, page)
    assert page.read_text() == text


def test_the_page_in_the_repository_has_the_marks():
    text = (ROOT / "docs" / "performance.md").read_text()
    assert text.count(report.BEGIN) == 1 and text.count(report.END) == 1 and text.index(report.BEGIN) < text.index(report.END)


def test_every_case_is_listed_and_an_unknown_one_is_refused():
    listed = subprocess.run([str(ROOT / "bench" / "run"), "--list"], capture_output=True, text=True, check=True).stdout
    for name in ("postgres-new", "redis-random", "search-cold", "latency", "fold-memory", "growth", "start", "rebalance", "ids-cost"):
        assert f"\n{name} " in "\n" + listed, listed
    main = [sys.executable, str(ROOT / "bench" / "goals" / "main.py"), "--case", "postgres-nwe"]
    refused = subprocess.run(main, capture_output=True, text=True, check=False)
    assert refused.returncode == 2 and "no case postgres-nwe" in refused.stderr


class CompilingServer:
    """Says as its processor time what is in `costs`, a round each; the last one again and again. None: it is not ours."""

    def __init__(self, costs):
        self.servers, self.costs, self.spent, self.said = self, costs, 0.0, []
        self.ran = {"worker": 0, "limit": 0}
        self.broker_is_warm = False

    def say(self, text):
        self.said.append(text)

    def cpu_seconds(self, server):
        return None if self.costs is None else self.spent

    def worker(self):
        if self.costs is not None:
            self.spent += self.costs[min(self.ran["worker"], len(self.costs) - 1)]
        self.ran["worker"] += 1

    def limit(self):
        self.ran["limit"] += 1


@pytest.mark.parametrize(
    "costs, rounds",
    [
        ([82.8, 46.3, 31.7, 30.4, 27.1, 26.5, 27.4], 7),  # as it was seen
        ([10.0], 3),  # warm already
        ([50.0, 60.0, 40.0], 5),  # one dear round between is no end
        ([100 * 0.9**n for n in range(50)], catch_up.MOST_WARM_UPS),
        (None, catch_up.BLIND_WARM_UPS),
    ],
)
def test_both_sides_run_until_the_server_becomes_no_cheaper(costs, rounds):
    server = CompilingServer(costs)
    catch_up.warm_up(server, "opensearch", (server.worker, server.limit))
    assert server.ran == {"worker": rounds, "limit": rounds}
    assert server.said == [f"  warmed up, {rounds} rounds"]


def test_the_broker_is_warmed_up_in_the_first_case_alone():
    server = CompilingServer([20.0, 15.0, 10.0])
    catch_up.warm_up(server, "postgres", (server.worker, server.limit))
    assert server.ran == {"worker": 5, "limit": 5}
    catch_up.warm_up(server, "redis", (server.worker, server.limit))
    assert server.ran == {"worker": 6, "limit": 6}


class SteadyWorker:
    """Takes a hundred milliseconds until the first records arrive, which come five thousand at once; then does a thousand each 10 ms. A look
    at it takes a millisecond."""

    ARRIVAL_S, BURST, PER_S = 0.1, 5_000, 100_000

    def __init__(self, events, done):
        self.worker, self.running, self.now, self.events, self.before = self, True, 0.0, events, done

    def done(self):
        return self.before + int(min(self.events, max(0.0, self.now - self.ARRIVAL_S) * self.PER_S + 1e-6))

    def records(self, and_waiting=False):
        self.now += 0.0005
        arrived = self.before + min(self.events, self.BURST if self.now >= self.ARRIVAL_S else 0)
        seen = max(self.done(), arrived) if and_waiting else self.done()
        self.now += 0.0005
        return seen

    def commit(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def monotonic(self):
        return self.now


@pytest.mark.parametrize("events, done", [(100_000, 0), (100_000, 70_000), (5_000, 0)])
def test_the_rate_counts_what_had_arrived_when_the_clock_started(monkeypatch, events, done):
    worker = SteadyWorker(events, done)
    monkeypatch.setattr(catch_up.programs, "time", worker)
    rate = catch_up.catch_up_rate(worker, [worker], done, events)
    # As fast as it is; a few milliseconds of looking at it are the worker's.
    took_s = events / worker.PER_S
    assert events / (took_s + 0.008) < rate <= events / took_s


def test_a_case_is_the_median_of_its_turns_ratios():
    """A turn in which the machine was half as fast moves nothing: the ratio of the medians, 0.45, belongs to none of them."""
    turns_of = [(500.0, 1000.0), (260.0, 500.0), (450.0, 1010.0)]
    runs = [{"events_per_s": worker, "limit_per_s": limit, "peak_memory_mb": 100.0} for worker, limit in turns_of]
    case = catch_up.Case("c", "a case", None, None, "the limit", 0.5)
    row = catch_up.summary(case, 1000, runs)
    assert row["value"] == pytest.approx(0.5) and row["met"]
    assert row["events_per_s"] == 450.0 and row["limit_per_s"] == 1000.0
    assert report.turns_text(row) == "0.45 to 0.52 (3)"
    assert report.turns_text(catch_up.summary(case, 1000, runs[:1])) == "-"


class CountedRuns:
    def __init__(self, runs):
        self.events, self.runs, self.said = 4000, runs, []
        self.say = self.said.append


@pytest.mark.parametrize("asked, often, runs", [(3, 3, 9), (3, 1, 3), (1, 3, 1)])
def test_a_short_case_runs_more_often_unless_once_is_asked_for(monkeypatch, asked, often, runs):
    said = {"events_per_s": 1.0, "limit_per_s": 2.0, "peak_memory_mb": 1.0}
    monkeypatch.setattr(catch_up, "warm_up", lambda *_: None)
    monkeypatch.setattr(catch_up, "run_beside_limit", lambda *_, **__: dict(said))
    case = catch_up.Case("c", "a case", catch_up.Load("redis", "counters"), None, "the limit", 0.5, often=often)
    assert len(catch_up.run_case(case, CountedRuns(asked))["runs"]) == runs


@pytest.mark.parametrize("count, rank", [(5, 0), (6, 0), (9, 1), (40, 13), (100, 39)])  # from tables of the sign test, counted from 0
def test_the_medians_interval_is_that_of_the_sign_test(count, rank):
    values = [float(i) for i in range(count)]
    assert ids_cost.interval_of_median(list(reversed(values))) == (values[rank], values[count - 1 - rank])


def test_the_cost_of_ids_is_the_median_of_the_pairs():
    def side(time, worker):
        return {"time": time, "worker": worker, "store": 3.0, "kafka": 0.5}

    pairs = [{"without": side(4.0, 1.0), "with": side(4.0 * (1 + cost), 1.5)} for cost in (0.02, 0.03, 0.9)]
    row = ids_cost.row_of("redis", 100_000, pairs)
    assert row["value"] == pytest.approx(3.0) and row["met"]
    assert "between +2.0 and +90.0 %" in row["notes"][0] and "worker 1.00 and 1.50; store 3.00 and 3.00" in row["notes"][0]
    assert not ids_cost.row_of("redis", 100_000, [{"without": side(4.0, 1.0), "with": side(4.3, 1.0)}])["met"]


def turns(*values):
    return [None if value is None else {"p50_ms": value} for value in values]


def test_latency_is_held_against_loops_that_keep_up_and_else_against_a_slow_one():
    one = {"p50_ms": 1.5}
    row = special.latency_row("p50_ms", {"foldline": turns(2.5, 2.4, 9.0), "minimal": turns(2.0, 1.9, 2.1)}, one, 8)
    assert row["value"] == pytest.approx(1.25) and row["met"] and "8 loops at 2000 events/s: 2.0 ms" in row["limit_title"]
    for behind in (None, special.BEHIND_MS + 1.0):
        row = special.latency_row("p50_ms", {"foldline": turns(2.5, 2.4, 9.0), "minimal": turns(2.0, behind, 2.1)}, one, 8)
        assert row["value"] == pytest.approx(2.5 / 1.5) and not row["met"] and "one loop at 200 events/s: 1.5 ms" in row["limit_title"]


def test_loops_that_fell_behind_are_not_asked_again(monkeypatch):
    asked = []

    def minimal_latency(bench, rate, loops):
        asked.append((rate, loops))
        return {"p50_ms": 2.0} if len(asked) == 1 else None

    monkeypatch.setattr(special, "minimal_latency", minimal_latency)
    loops = special.MinimalLoops(None, 8)
    assert [loops.turn() for _ in range(4)] == [{"p50_ms": 2.0}, None, None, None]
    assert asked == [(special.LATENCY_RATE, 8)] * 2
