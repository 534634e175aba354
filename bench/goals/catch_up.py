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
    often: int = 1  # ... and the runs times this: what takes a second differs more from run to run than what takes ten


class Run:
    """One run of the worker, from an empty place to a checked result."""

    def __init__(self, bench, load, events, options=()):
        self.bench, self.load, self.events = bench, load, events
        self.name = "bench" + secrets.token_hex(4)
        self.topic = self.name + ".orders"
        self._options = tuple(options)
        self.workers = []
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
            for worker in self.workers:
                worker.kill()
            self.place.drop()
            servers.kafka.delete_topics_starting_with(self.topic)

    def start_worker(self):
        worker = programs.MeasuredWorker(self.bench.servers, self.bench.binary, self.file, self.place.env, self._options)
        self.workers.append(worker)
        return worker

    def stop_workers(self):
        while self.workers:
            self.workers[-1].stop()
            self.workers.pop()

    def stop_worker(self, worker):
        worker.stop()
        self.workers.remove(worker)

    def start_workers(self):
        self.stop_workers()
        for _ in range(self.load.workers):
            self.start_worker()
        for worker in self.workers:
            worker.wait_assigned(self.load.partitions // self.load.workers)

    def measure(self):
        load = self.load
        self.start_workers()
        done = 0
        if load.before:
            first = programs.Fill(self.bench.servers, self.topic, load.workload, self.events, **load.fill)
            first.commit()
            programs.wait_committed(self.workers, self.events)
            done = self.events
        fill = programs.Fill(self.bench.servers, self.topic, load.workload, self.events, **{**load.fill, "revision": 1 if load.before else 0})
        if load.restart:
            self.start_workers()
            done = 0
        commits = self.workers[0].metric("foldline_commits_total")
        events_per_s, spent_us = self.catch_up(fill, done, self.events)
        out = {"events_per_s": events_per_s, **{part + "_cpu_us_per_event": us for part, us in spent_us.items()}}
        out["peak_memory_mb"] = max(w.peak_memory_bytes() for w in self.workers) / 1e6
        out["memory_mb"] = max(w.memory_bytes() for w in self.workers) / 1e6
        out["event_bytes"] = fill.totals["bytes"] / self.events
        out["records_per_commit"] = self.events / max(1, self.workers[0].metric("foldline_commits_total") - commits)
        self.check(fill.totals)
        return out

    def catch_up(self, fill, done, events):
        """Events a second, and the processor time an event of each part that can be measured, µs. `done`: committed before."""
        self.place.settle()
        before = self._cpu()
        events_per_s = catch_up_rate(fill, self.workers, done, events)
        after = self._cpu()
        spent_us = {part: (after[part] - before[part]) * 1e6 / events for part in after if None not in (before[part], after[part])}
        return events_per_s, spent_us

    def check(self, totals):
        check = self.place.check_customers if self.load.views in ("customers", "counters") else self.place.check_orders
        check(totals)

    def _cpu(self):
        servers = self.bench.servers
        out = {
            "worker": sum(worker.cpu_seconds() for worker in self.workers),
            "store": servers.cpu_seconds(self.load.server),
            "kafka": servers.cpu_seconds("kafka"),
        }
        for worker in self.workers:
            for kind, seconds in worker.thread_cpu_seconds().items():
                out["thread_" + kind] = out.get("thread_" + kind, 0.0) + seconds
        return out


def catch_up_rate(fill, workers, done, events):
    """Events a second while the workers, which have committed `done` records before, take all of `fill`. As for the bare consumer, the
    clock starts when the first records arrive: until then the broker ends the producer's transaction. All of them count, for what has arrived
    is still to be done; so it starts at the last look that saw none."""
    fill.commit()
    began = programs.wait_arrival(workers, done)
    return events / (programs.wait_committed(workers, done + events) - began)


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


# A server that compiles what it runs (the JVM of a search store) takes two to three times the processor time at first, and what it has met a
# hundred thousand times it compiles again: a million documents of a kind, until nothing becomes cheaper. The log's broker is one, too, but what
# it does is the same in all cases.
COMPILING = ("opensearch",)
BROKER = "kafka"
WARM_UP_EVENTS = 150_000
MOST_WARM_UPS = 10  # rounds
BLIND_WARM_UPS = 6  # ... where the processor time of the server is not to be had
CHEAPER = 0.95  # a round that costs less than this part of the cheapest one before
CALM_ROUNDS = 2  # in a row that were not cheaper


def warm_up(bench, server, sides):
    """All sides in turns, uncounted, until the server has compiled what it runs: none of them pays for it, and each has run as often.
    For a server that compiles nothing one round is enough, once the broker has become calm in the first case."""
    if server in COMPILING:
        run_until_calm(bench, server, sides)
    elif not bench.broker_is_warm:
        run_until_calm(bench, BROKER, sides)
    else:
        for side in sides:
            side()
    bench.broker_is_warm = True


def run_until_calm(bench, server, sides):
    least, calm, rounds = None, 0, 0
    while calm < CALM_ROUNDS and rounds < MOST_WARM_UPS:
        before = bench.servers.cpu_seconds(server)
        for side in sides:
            side()
        rounds += 1
        if before is None:
            calm = CALM_ROUNDS if rounds == BLIND_WARM_UPS else 0
            continue
        spent = bench.servers.cpu_seconds(server) - before
        calm = calm + 1 if least is not None and spent > CHEAPER * least else 0
        least = min(spent, least or spent)
    bench.say(f"  warmed up, {rounds} rounds")


def run_beside_limit(case, bench, events, limit_first=False):
    run = Run(bench, case.load, events)

    def measure_limit():
        run.place.settle()
        return case.limit(bench, run.topic, events)

    with run.opened():
        limit = measure_limit() if limit_first else None
        said = run.measure()
        run.stop_workers()
        said["limit_per_s"] = limit or measure_limit()
    return said


def run_case(case, bench):
    """Limit and worker by turns; medians, and that of the turns' ratios."""
    events = max(1000, int(bench.events * case.share))
    warm_up(bench, case.load.server, [lambda: run_beside_limit(case, bench, min(events, WARM_UP_EVENTS))])
    runs = []
    for number in range(bench.runs * (case.often if bench.runs > 1 else 1)):
        # By turns, so that neither always comes first; what reads the worker's topic has to wait until there is something in it.
        said = run_beside_limit(case, bench, events, limit_first=number % 2 == 0 and case.limit is not consume_limit)
        runs.append(said)
        ratio = said["events_per_s"] / said["limit_per_s"]
        bench.say(f"  run {number + 1}: {said['events_per_s']:,.0f} events/s; limit {said['limit_per_s']:,.0f}/s; {ratio:.2f}")
    return summary(case, events, runs)


def summary(case, events, runs):
    """Other work on the machine hits both sides of a turn, and one turn more than the next: so the ratio is taken of each turn, and the median of
    these counts; the ratio of two medians would hold a calm moment of the one against a busy one of the other."""
    out = {name: statistics.median(run[name] for run in runs) for name in runs[0] if all(name in run for run in runs)}
    out["peak_memory_mb"] = max(run["peak_memory_mb"] for run in runs)
    ratios = [run["events_per_s"] / run["limit_per_s"] for run in runs]
    ratio = statistics.median(ratios)
    return {
        "case": case.name,
        "title": case.title,
        "kind": "ratio",
        "events": events,
        "limit_title": case.limit_title,
        **out,
        "value": ratio,
        "ratios": ratios,
        "goal": case.goal,
        "met": ratio >= case.goal,
        "runs": runs,
    }
