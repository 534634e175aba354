"""Order events from Kafka into PostgreSQL, from end to end: config/examples/orders-analytics.yaml's views over eight partitions, with
processed IDs. Measures one worker that finds a full topic:

    catch-up     events a second from the process's start to the last checkpoint, and from the first commit on
    first commit seconds from the process's start to the first checkpoint
    CPU, memory  of the worker: CPU seconds a million events, peak resident memory, and CPU while idle
    limit        events a second when the same folded rows are replayed by a bare program (bench/projection_limit.cpp): COPY to temporary
                 tables and INSERT ... ON CONFLICT, no Kafka, no checkpoint, no processed IDs; in batches of 10,000 records, and in
                 batches of the worker's own size

Each run of a worker is followed by its limit, so that a noisy machine hits both alike. Every run has a database of its own, and its
result is checked against the generator's totals: a fast wrong answer is no answer.
"""

import argparse
import json
import os
import pathlib
import platform
import secrets
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "integration")]

import psycopg2  # noqa: E402

from harness.kafka import Kafka  # noqa: E402
from harness.postgres import Database  # noqa: E402
from harness.servers import shared_servers  # noqa: E402
from harness.worker import Worker, run_once  # noqa: E402

EXAMPLE = ROOT / "config" / "examples" / "orders-analytics.yaml"
CATCH_UP_TIMEOUT_S = 300
POLL_INTERVAL_S = 0.01  # until the first commit; afterwards a question a time takes its share of a core
CATCH_UP_POLL_INTERVAL_S = 0.05
LIMIT_BATCH_RECORDS = 10_000
# What the product promises: goals, each beside its figure in the table.
GOALS = {"start_to_first_commit_s": "< 1", "of_limit": ">= 0.6", "peak_rss_mb": "< 256", "idle_cpu_percent": "< 1"}


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_rss_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def fill_topic(binary, kafka, topic, options, directory):
    expect = directory / "expected.json"
    arguments = ["generate", "orders", "--brokers", kafka.brokers, "--topic", topic, "--create-partitions", str(options.partitions)]
    arguments += ["--events", str(options.events), "--seed", str(options.seed), "--expect", str(expect)]
    start = time.monotonic()
    done = run_once(binary, arguments, {}, 600)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(expect.read_text()), options.events / (time.monotonic() - start)


def write_projection(directory, name, topic, guarded):
    text = EXAMPLE.read_text()
    changes = [("projection: analytics", f"projection: {name}"), ("group: analytics-consumer", f"group: {name}")]
    changes += [("topics: orders.events", f"topics: {topic}")]
    if not guarded:
        line = next(line for line in text.splitlines() if "newest_by:" in line)
        changes.append((line + "\n", ""))
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    file = directory / f"{name}.yaml"
    file.write_text(text)
    return file


class Progress:
    """The sum of the checkpoints, over one connection."""

    def __init__(self, url, projection):
        self._connection = psycopg2.connect(url)
        self._connection.autocommit = True
        self._cursor = self._connection.cursor()
        self._projection = projection

    def position(self):
        self._cursor.execute("SELECT to_regclass('foldline.checkpoint') IS NOT NULL")
        if not self._cursor.fetchone()[0]:
            return 0
        self._cursor.execute("SELECT coalesce(sum(next_offset), 0) FROM foldline.checkpoint WHERE projection = %s", (self._projection,))
        return int(self._cursor.fetchone()[0])

    def close(self):
        self._connection.close()


def check(database, totals):
    facts = database.rows("SELECT count(*), sum(total_cents), sum(item_count), count(shipped_at) FROM analytics.fact_orders")[0]
    daily = database.rows("SELECT sum(orders), sum(revenue_cents) FROM analytics.daily_revenue")[0]
    wanted = [totals["orders"], totals["revenue_cents"], totals["items"], totals["orders_shipped"]]
    if [int(value) for value in facts] != wanted or [int(value) for value in daily] != [totals["orders_placed"], totals["revenue_cents"]]:
        raise SystemExit(f"WRONG RESULT: fact_orders {facts}, wanted {wanted}; daily_revenue {daily}, wanted {totals['orders_placed']}, {totals['revenue_cents']}")


def run(binary, kafka, postgres_url, topic, totals, options, directory, guarded):
    name = "bench" + secrets.token_hex(4)
    database = Database(postgres_url, name)
    env = {"KAFKA_BROKERS": kafka.brokers, "POSTGRES_URL": database.url}
    arguments = ("--lanes", str(options.lanes)) if options.lanes != 1 else ()
    worker = Worker(binary, write_projection(directory, name, topic, guarded), directory / f"{name}.log", env, arguments)
    progress = Progress(database.url, name)
    try:
        start = time.monotonic()
        worker.start()
        first = first_position = None
        while True:
            position, now = progress.position(), time.monotonic()
            if first is None and position > 0:
                first, first_position = now, position
            if position >= options.events:
                break
            if now - start > CATCH_UP_TIMEOUT_S or not worker.running:
                raise SystemExit(f"{position} of {options.events} records after {now - start:.0f} s\n{worker.log_tail()}")
            time.sleep(POLL_INTERVAL_S if first is None else CATCH_UP_POLL_INTERVAL_S)
        cpu = cpu_seconds(worker.pid)
        commits = worker.metrics().sum("foldline_commits_total")
        out = {
            "records_per_commit": round(options.events / max(commits, 1)),
            "events_per_s": options.events / (now - start),
            "events_per_s_after_first_commit": (options.events - first_position) / max(now - first, 1e-9),
            "start_to_first_commit_s": first - start,
            "worker_cpu_s_per_million_events": cpu * 1e6 / options.events,
            "peak_rss_mb": peak_rss_bytes(worker.pid) / 1e6,
        }
        check(database, totals)
        if options.idle_s > 0:
            time.sleep(1.5)  # the last checkpoints, the group's offsets
            before, began = cpu_seconds(worker.pid), time.monotonic()
            time.sleep(options.idle_s)
            out["idle_cpu_percent"] = 100 * (cpu_seconds(worker.pid) - before) / (time.monotonic() - began)
        if worker.stop() != 0:
            raise SystemExit(f"the worker's exit code is not 0\n{worker.log_tail()}")
        return out
    finally:
        worker.kill()
        progress.close()
        database.drop()


def limit(binary, kafka, postgres_url, topic, totals, directory, guarded, batch_records):
    """Events a second of a bare replay. None where the program is not built."""
    program = pathlib.Path(binary).parent / "bench" / "projection_limit"
    if not program.exists():
        return None
    name = "limit" + secrets.token_hex(4)
    database = Database(postgres_url, name)
    try:
        env = {**os.environ, "KAFKA_BROKERS": kafka.brokers, "POSTGRES_URL": database.url}
        file = write_projection(directory, name, topic, guarded)
        done = subprocess.run([str(program), str(file), str(batch_records)], env=env, capture_output=True, text=True, timeout=900, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{program}: {done.stderr}")
        said = json.loads(done.stdout)
        check(database, totals)
        return said["records"] / said["seconds"]
    finally:
        database.drop()


def run_beside_limit(binary, kafka, postgres_url, topic, totals, options, directory, guarded):
    out = run(binary, kafka, postgres_url, topic, totals, options, directory, guarded)
    for name, batch_records in (("", LIMIT_BATCH_RECORDS), ("_own_batches", out["records_per_commit"])):
        bare = limit(binary, kafka, postgres_url, topic, totals, directory, guarded, batch_records)
        if bare is None:
            continue
        out["limit" + name + "_events_per_s"] = bare
        out["of_limit" + name] = out["events_per_s"] / bare
    return out


def sink_beside_limit(binary, postgres_url, rows):
    """The sink alone against a bare program that writes the same rows: bench/postgres_sink.cpp. None where it is not built."""
    program = pathlib.Path(binary).parent / "bench" / "postgres_sink"
    if not program.exists():
        return None
    database = Database(postgres_url, "limit" + secrets.token_hex(4))
    try:
        env = {**os.environ, "POSTGRES_URL": database.url}
        done = subprocess.run([str(program), str(rows)], env=env, capture_output=True, text=True, timeout=900, check=False)
        return done.stdout.strip() if done.returncode == 0 else f"failed: {done.stderr.strip()}"
    finally:
        database.drop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--lanes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--idle-s", type=float, default=20)
    parser.add_argument("--json", default=str(ROOT / "build" / "reports" / "bench.json"), help="file; -: standard output")
    options = parser.parse_args()

    binary = os.environ.get("FOLDLINE_BIN", str(ROOT / "build" / "foldline"))
    servers = shared_servers()
    kafka = Kafka(servers["KAFKA_BROKERS"])
    topic = "bench" + secrets.token_hex(4) + ".orders"
    table = sys.stderr if options.json == "-" else sys.stdout
    result = {"events": options.events, "partitions": options.partitions, "lanes": options.lanes, "cores": os.cpu_count(), "machine": platform.machine()}
    with tempfile.TemporaryDirectory() as place:
        directory = pathlib.Path(place)
        try:
            totals, produced_per_s = fill_topic(binary, kafka, topic, options, directory)
            result["generated_per_s"] = produced_per_s
            print(f"{options.events} records in {topic}, {produced_per_s:,.0f}/s", file=table, flush=True)
            for label, guarded in (("newest_by", True), ("plain", False)):
                runs = []
                for number in range(options.runs):
                    # Idle CPU takes long and does not depend on the run: once.
                    idle_s = options.idle_s if number == 0 else 0
                    chosen = argparse.Namespace(**{**vars(options), "idle_s": idle_s})
                    one = run_beside_limit(binary, kafka, servers["POSTGRES_URL"], topic, totals, chosen, directory, guarded)
                    beside = f", {one['of_limit']:.2f} of the limit's {one['limit_events_per_s']:,.0f}" if "of_limit" in one else ""
                    first = one["start_to_first_commit_s"]
                    print(f"  {label} run {number + 1}: {one['events_per_s']:,.0f} events/s{beside}; first commit {first:.2f} s", file=table, flush=True)
                    runs.append(one)
                result[label] = {name: statistics.median(one[name] for one in runs if name in one) for name in runs[0]}
        finally:
            kafka.delete_topics_starting_with(topic)
    result["sink_beside_limit"] = sink_beside_limit(binary, servers["POSTGRES_URL"], options.events)
    print_table(result, table)
    if options.json == "-":
        print(json.dumps(result, indent=2))
    else:
        pathlib.Path(options.json).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(options.json).write_text(json.dumps(result, indent=2) + "\n")


def print_table(result, out):
    rows = [
        ("catch-up, events/s", "events_per_s", "{:,.0f}"),
        ("  after the first commit, events/s", "events_per_s_after_first_commit", "{:,.0f}"),
        ("limit, batches of 10,000, events/s", "limit_events_per_s", "{:,.0f}"),
        ("  catch-up / limit", "of_limit", "{:.2f}"),
        ("limit, the worker's batches, events/s", "limit_own_batches_events_per_s", "{:,.0f}"),
        ("  catch-up / limit", "of_limit_own_batches", "{:.2f}"),
        ("records a commit", "records_per_commit", "{:,.0f}"),
        ("start to first commit, s", "start_to_first_commit_s", "{:.2f}"),
        ("worker CPU, s per million events", "worker_cpu_s_per_million_events", "{:.2f}"),
        ("worker peak memory, MB", "peak_rss_mb", "{:.0f}"),
        ("worker CPU while idle, %", "idle_cpu_percent", "{:.2f}"),
    ]
    print(f"\n{'one worker, medians':<38}{'newest_by: time':>18}{'plain':>14}{'goal':>10}", file=out)
    for title, name, form in rows:
        cells = [form.format(result[label][name]) if name in result[label] else "-" for label in ("newest_by", "plain")]
        print(f"{title:<38}{cells[0]:>18}{cells[1]:>14}{GOALS.get(name, ''):>10}", file=out)
    print(f"\nThe sink alone beside PostgreSQL's limit:\n{result['sink_beside_limit'] or 'not built: cmake -DFOLDLINE_BENCH=ON'}", file=out)


if __name__ == "__main__":
    main()
