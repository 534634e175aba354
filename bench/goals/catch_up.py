"""Cases of one kind: a worker stands ready, the events become visible, and the clock runs until all are committed. Beside it, a limit."""

import contextlib
import dataclasses
import secrets
import statistics
from typing import Callable, Dict

import programs
import projections
import stores


@dataclasses.dataclass(frozen=True)
class Load:
    """What happens in a run before the clock starts, and while it runs."""

    server: str
    views: str
    workload: str = "new"
    fill: Dict[str, object] = dataclasses.field(default_factory=dict)
    before: bool = False  # all keys are there already, written by the same projection
    restart: bool = False  # ... by a worker that has ended since
    partitions: int = 8
    workers: int = 1
    processed_ids: str = "250000"


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    title: str
    load: Load
    limit: Callable  # (bench, topic, events) → events a second
    limit_title: str
    goal: float  # least ratio
    share: float = 1.0  # of the events that were asked for


class Run:
    """One run of the worker, from an empty place to a checked result."""

    def __init__(self, bench, load, events, options=()):
        self.bench, self.load, self.events = bench, load, events
        self.name = "bench" + secrets.token_hex(4)
        self.topic = self.name + ".orders"
        self._options = tuple(options)
        self._workers = []
        self.place = None

    @contextlib.contextmanager
    def opened(self):
        """The topic and the place in the store are there; afterwards they go."""
        servers = self.bench.servers
        self.place = stores.PLACES[self.load.server](servers, self.name)
        try:
            servers.kafka.create_topic(self.topic, self.load.partitions)
            self.file = projections.write(self.bench.directory, self.place, self.load.views, self.topic, self.load.processed_ids)
            yield self
        finally:
            for worker in self._workers:
                worker.kill()
            self.place.drop()
            servers.kafka.delete_topics_starting_with(self.topic)

    def start_worker(self):
        worker = programs.MeasuredWorker(self.bench.servers, self.bench.binary, self.file, self.place.env, self._options)
        self._workers.append(worker)
        return worker

    def stop_workers(self):
        while self._workers:
            self._workers[-1].stop()
            self._workers.pop()

    def stop_worker(self, worker):
        worker.stop()
        self._workers.remove(worker)

    def start_workers(self):
        self.stop_workers()
        for _ in range(self.load.workers):
            self.start_worker()
        for worker in self._workers:
            worker.wait_assigned(self.load.partitions // self.load.workers)
        return self._workers[0], self._workers[1:]

    def measure(self):
        load = self.load
        worker, others = self.start_workers()
        done = 0
        if load.before:
            first = programs.Fill(self.bench.servers, self.topic, load.workload, self.events, **load.fill)
            first.commit()
            worker.wait_records(self.events, others)
            done = self.events
        fill = programs.Fill(self.bench.servers, self.topic, load.workload, self.events, **{**load.fill, "revision": 1 if load.before else 0})
        if load.restart:
            worker, others = self.start_workers()
            done = 0
        self.place.settle()
        before = self._cpu()
        start = fill.commit()
        end = worker.wait_records(done + self.events, others)
        after = self._cpu()
        out = {"events_per_s": self.events / (end - start), "seconds": end - start}
        for name, value in after.items():
            if value is not None and before[name] is not None:
                out[name + "_cpu_us_per_event"] = (value - before[name]) * 1e6 / self.events
        out["peak_memory_mb"] = max(w.peak_memory_bytes() for w in self._workers) / 1e6
        out["memory_mb"] = max(w.memory_bytes() for w in self._workers) / 1e6
        out["event_bytes"] = fill.totals["bytes"] / self.events
        out["records_per_commit"] = self.events / max(1, self._workers[0].metric("foldline_commits_total"))
        self.check(fill.totals)
        return out

    def check(self, totals):
        check = self.place.check_customers if self.load.views in ("customers", "counters") else self.place.check_orders
        check(totals)

    def _cpu(self):
        servers = self.bench.servers
        out = {
            "worker": sum(worker.cpu_seconds() for worker in self._workers),
            "store": servers.cpu_seconds(self.load.server),
            "kafka": servers.cpu_seconds("kafka"),
        }
        for worker in self._workers:
            for kind, seconds in worker.thread_cpu_seconds().items():
                out["thread_" + kind] = out.get("thread_" + kind, 0.0) + seconds
        return out


# Limits: events a second of a bare program.


def per_second(said):
    return said["events"] / said["seconds"]


def postgres_limit(mode, batch_rows):
    def measure(bench, topic, events):
        place = stores.PostgresPlace(bench.servers, "limit" + secrets.token_hex(4))
        try:
            return per_second(programs.run_limit("postgres_rows", ["--mode", mode, "--rows", events, "--batch-rows", batch_rows], place.env))
        finally:
            place.drop()

    return measure


def consume_limit(bench, topic, events):
    return per_second(programs.run_limit("consume_limit", ["--topic", topic, "--events", events], bench.servers.environment()))


def redis_limit(customers):
    def measure(bench, topic, events):
        env = bench.servers.environment("redis")
        return per_second(programs.run_limit("redis_commands", ["--events", events, "--customers", customers], env))

    return measure


def search_limit(mode, *more):
    def measure(bench, topic, events):
        env = bench.servers.environment("opensearch")
        if bench.bulk is None:  # once for all cases
            said = programs.run_limit("search_bulk", ["--index", "bench-limit-tune", "--documents", bench.tune_documents, "--tune"], env)
            bench.bulk = ["--bulk-items", said["bulk_items"], "--connections", said["connections"]]
            bench.say(f"  the limit is fastest with {said['bulk_items']} documents a request over {said['connections']} connections")
        arguments = ["--index", "bench-limit", "--documents", events, "--mode", mode, *more, *bench.bulk]
        return per_second(programs.run_limit("search_bulk", arguments, env))

    return measure


def run_case(case, bench):
    """Limit and worker by turns; medians, and the ratio."""
    events = max(1000, int(bench.events * case.share))
    runs = []
    for number in range(bench.runs):
        run = Run(bench, case.load, events)
        with run.opened():
            # By turns, so that neither always comes first.
            limit_first = number % 2 == 0 and case.limit is not consume_limit
            limit = case.limit(bench, run.topic, events) if limit_first else None
            said = run.measure()
            run.stop_workers()
            limit = limit or case.limit(bench, run.topic, events)
        said["limit_per_s"] = limit
        runs.append(said)
        bench.say(f"  run {number + 1}: {said['events_per_s']:,.0f} events/s; limit {limit:,.0f}/s; {said['events_per_s'] / limit:.2f}")
    return summary(case, events, runs)


def summary(case, events, runs):
    out = {name: statistics.median(run[name] for run in runs) for name in runs[0] if all(name in run for run in runs)}
    out["peak_memory_mb"] = max(run["peak_memory_mb"] for run in runs)
    ratio = out["events_per_s"] / out["limit_per_s"]
    return {
        "case": case.name,
        "title": case.title,
        "kind": "ratio",
        "events": events,
        "limit_title": case.limit_title,
        **out,
        "value": ratio,
        "goal": case.goal,
        "met": ratio >= case.goal,
        "runs": runs,
    }
