"""Cases that are no catch-up beside a limit: latency, growth, starting, and the engine in memory. What IDs cost is in ids_cost.py."""

import json
import os
import statistics
import subprocess
import threading
import time

import programs
from catch_up import BROKER, Load, Run, run_until_calm
from ids_cost import ids_cost
from programs import BUILD, Failure, Fill

LATENCY_LOAD = Load("postgres", "orders")
LATENCY_RATE = 2_000
SLOW_RATE = 200  # that a single loop which commits each record holds on any disk
BEHIND_MS = 200  # a median above it is a queue, not a latency
LATENCY_SECONDS = 8
LATENCY_TURNS = 5  # at least: one is moved by whatever else the machine does in those seconds
STEADY_SECONDS = 16
READY_POLL_S = 0.004
STAGES_MIN_TIME_S = 1
STAGES_TURNS = 9
FOLD_GOAL = 3_000_000  # events a second
# It was set on a machine where a bare program of this kind did 8.7 million: the same fields, records of 310 bytes instead of 332.
FOLD_SHARE_OF_BARE = 0.345


# Latency


def watch(servers, place, topic, table, rate, seconds, first=0):
    arguments = ["--topic", topic, "--table", table, "--rate", rate, "--seconds", seconds, "--first", first]
    return programs.run_limit("order_latency", arguments, place.env)


def minimal_latency(bench, rate, loops):
    """None where the loops can't keep up."""
    run = Run(bench, LATENCY_LOAD, 0)
    with run.opened():
        command = [str(BUILD / "bench" / "minimal_loop"), "--topic", run.topic, "--loops", str(loops)]
        loop = subprocess.Popen(command, env={**os.environ, **run.place.env}, stdout=subprocess.PIPE, text=True)
        try:
            if loop.stdout.readline().strip() != "ready":
                raise Failure("minimal_loop did not start")
            return watch(bench.servers, run.place, run.topic, "bare_orders", rate, LATENCY_SECONDS)
        except Failure as failure:
            if "no more in time" in str(failure) and loop.poll() is None:
                return None
            raise
        finally:
            loop.terminate()
            loop.wait(30)


def foldline_latency(bench, rate):
    run = Run(bench, LATENCY_LOAD, 0)
    with run.opened():
        run.start_workers()
        said = watch(bench.servers, run.place, run.topic, "analytics.orders", rate, LATENCY_SECONDS)
        run.stop_workers()
        return said


class MinimalLoops:
    """As many as there are partitions, at the full rate; given up after the first turn that they did not end."""

    def __init__(self, bench, loops):
        self.bench, self.loops, self.given_up = bench, loops, False

    def turn(self):
        said = None if self.given_up else minimal_latency(self.bench, LATENCY_RATE, self.loops)
        self.given_up = said is None
        return said


def latency(bench):
    """Beside as many minimal loops as there are partitions: a single one can't commit so many records a second on an ordinary disk. Where
    they can't either, a single one at a lower rate stands in, which is stricter."""
    loops = MinimalLoops(bench, LATENCY_LOAD.partitions)
    sides = {"foldline": lambda: foldline_latency(bench, LATENCY_RATE), "minimal": loops.turn}
    run_until_calm(bench, BROKER, sides.values())
    found = {name: [] for name in sides}
    for number in range(max(LATENCY_TURNS, bench.runs)):
        for name in sides if number % 2 == 0 else reversed(sides):
            found[name].append(sides[name]())
        bench.say(f"  turn {number + 1}: Foldline {found['foldline'][-1]}, {loops.loops} minimal loops {found['minimal'][-1]}")
    one = minimal_latency(bench, SLOW_RATE, 1)
    if one is None:
        raise Failure(f"a loop that commits each record does not keep up with {SLOW_RATE} events/s")
    return [latency_row(name, found, one, loops.loops) for name in ("p50_ms", "p99_ms")]


def latency_row(name, found, one, loops):
    """`found`: the turns of each side; `one`: a single loop at the low rate."""
    foldline = statistics.median(turn[name] for turn in found["foldline"])
    kept_up = all(turn is not None and turn["p50_ms"] < BEHIND_MS for turn in found["minimal"])
    minimal = statistics.median(turn[name] for turn in found["minimal"]) if kept_up else one[name]
    limit = f"{loops} loops at {LATENCY_RATE} events/s" if kept_up else f"one loop at {SLOW_RATE} events/s"
    turns = {side: ", ".join("never done" if turn is None else f"{turn[name]:.1f}" for turn in turns) for side, turns in found.items()}
    return {
        "case": f"latency-{name[:3]}",
        "title": f"{LATENCY_RATE} events/s, from the producer to a reader of the table: {name[:3]}; {foldline:.1f} ms",
        "kind": "value",
        "limit_title": f"one record, one row, one commit, {limit}: {minimal:.1f} ms",
        "value": foldline / minimal,
        "form": ".2f",
        "unit": "x",
        "goal": 1.5,
        "met": foldline <= 1.5 * minimal,
        "notes": [
            f"Foldline {turns['foldline']} ms by turns; {loops} minimal loops {turns['minimal']} ms. A single loop at {SLOW_RATE} events/s, "
            f"a tenth of the load: {one[name]:.2f} ms; Foldline's at the full rate is {foldline / one[name]:.1f} times that."
        ],
    }


# Growth


def growth(bench):
    """The same worker, round after round of new rows."""
    run = Run(bench, Load("postgres", "orders"), bench.events)
    rates, memory = [], []
    with run.opened():
        run.start_workers()
        for number in range(bench.growth_millions):
            fill = Fill(bench.servers, run.topic, "new", bench.events, first=number * bench.events)
            rates.append(run.catch_up(fill, number * bench.events, bench.events)[0])
            memory.append(run.workers[0].memory_bytes() / 1e6)
            bench.say(f"  {(number + 1) * bench.events:>12,} rows: {rates[-1]:,.0f} events/s, worker {memory[-1]:.0f} MB")
        run.stop_workers()
    some = max(1, len(rates) // 5)
    kept = statistics.median(rates[-some:]) / statistics.median(rates[:some])
    grown = memory[-1] / memory[len(memory) // 3]
    return [
        {
            "case": "growth-rows",
            "title": f"events/s at {bench.growth_millions * bench.events:,} rows, against {bench.events:,}",
            "kind": "ratio",
            "value": kept,
            "goal": 0.75,
            "met": kept >= 0.75,
            "rates": rates,
            "memory_mb": memory,
        },
        {
            "case": "growth-memory",
            "title": "worker's memory at the end, against a third of the way",
            "kind": "value",
            "value": grown,
            "form": ".2f",
            "unit": "x",
            "goal": 1.1,
            "met": grown <= 1.1,
        },
    ]


def scale_out(bench):
    """Partitions and workers: for comparison, there is no goal."""
    rates = {}
    for label, load in (
        ("1 partition", Load("postgres", "orders", partitions=1)),
        ("8 partitions", Load("postgres", "orders", partitions=8)),
        ("2 workers", Load("postgres", "orders", partitions=8, workers=2)),
    ):
        said = []
        for _ in range(bench.runs):
            run = Run(bench, load, bench.events)
            with run.opened():
                said.append(run.measure()["events_per_s"])
                run.stop_workers()
        rates[label] = statistics.median(said)
        bench.say(f"  {label}: {rates[label]:,.0f} events/s")
    first = rates["1 partition"]
    return [
        {"case": f"scale-{label.replace(' ', '-')}", "title": f"{label}, against one partition and one worker", "kind": "ratio", "value": rate / first, "events_per_s": rate}
        for label, rate in rates.items()
    ]


# Starting


def started_s(run, env):
    """From the process's start until it says that it is ready."""
    worker = programs.Worker(run.bench.binary, run.file, run.file.with_suffix(".restart.log"), env)
    began = time.monotonic()
    worker.start()
    try:
        while worker.get("/readyz")[0] != 200:
            if not worker.running or time.monotonic() - began > 60:
                raise Failure(f"the worker is not ready\n{worker.log_tail()}")
            time.sleep(READY_POLL_S)
        took = time.monotonic() - began
        worker.stop()
        return took
    finally:
        worker.kill()


def start(bench):
    """A worker that comes back to its processed IDs, against one that keeps none."""
    took = {}
    for setting in ("none", "250000"):
        run = Run(bench, Load("postgres", "orders", processed_ids=setting), bench.events)
        with run.opened():
            run.measure()
            run.stop_workers()
            took[setting] = statistics.median(started_s(run, run.place.env) for _ in range(max(3, bench.runs)))
    load_ms = 1e3 * (took["250000"] - took["none"])
    return {
        "case": "start",
        "title": f"loading {bench.events:,} remembered IDs: start until ready, with IDs against without",
        "kind": "value",
        "value": load_ms,
        "form": ",.0f",
        "unit": "ms",
        "goal": 300,
        "met": load_ms < 300,
        "notes": [f"Ready {took['250000']:.2f} s after the start of the process; without IDs {took['none']:.2f} s."],
    }


def rebalance(bench):
    """A second worker joins a steady stream, and leaves it again: the longest that a reader waits for an event."""
    run = Run(bench, Load("postgres", "orders"), 0)
    with run.opened():
        run.start_workers()
        said = {}

        def steady():
            try:
                said.update(watch(bench.servers, run.place, run.topic, "analytics.orders", LATENCY_RATE, STEADY_SECONDS))
            except Exception as error:  # shown by the thread that waits
                said["error"] = error

        reader = threading.Thread(target=steady)
        reader.start()
        time.sleep(STEADY_SECONDS / 4)
        second = run.start_worker()
        second.wait_assigned(run.load.partitions // 2)
        time.sleep(STEADY_SECONDS / 4)
        run.stop_worker(second)
        reader.join()
        if "error" in said:
            raise said["error"]
        run.stop_workers()
    return {
        "case": "rebalance",
        "title": f"a worker joins and leaves at {LATENCY_RATE} events/s: longest latency",
        "kind": "value",
        "value": said["max_ms"],
        "form": ",.0f",
        "unit": "ms",
        "goal": 1000,
        "met": said["max_ms"] < 1000,
        "notes": [f"p50 {said['p50_ms']:.1f} ms, p99 {said['p99_ms']:.1f} ms over the whole time."],
    }


# In memory

STAGES = (
    ("copied into the batch", "upto/stage", None),
    ("decoded", "upto/decode", "upto/stage"),
    ("projected", "upto/project", "upto/decode"),
    ("ID hashed, looked up, remembered", "upto/dedup", "upto/project"),
    ("folded", "upto/fold", "upto/dedup"),
    ("the lane around it: counting, sealing, packing IDs", "lane/new_orders", "upto/fold"),
)
STORES = (("PostgreSQL", "postgres"), ("Redis", "redis"), ("search", "search"))


def run_stages(*arguments):
    """What the micro-benchmark says, a dictionary each."""
    command = [str(BUILD / "bench" / "stages"), *arguments, "--benchmark_format=json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise Failure(f"stages: {done.stderr.strip()}")
    return json.loads(done.stdout)["benchmarks"]


def stage_times():
    """ns of processor time an event, by benchmark."""
    said = run_stages("--benchmark_filter=-limit/", f"--benchmark_min_time={STAGES_MIN_TIME_S}")
    return {one["name"]: 1e9 / one["items_per_second"] for one in said}


def median_beside(name, beside):
    """Events a second of two benchmarks by turns."""
    said = run_stages(
        f"--benchmark_filter=^({name}|{beside})$",
        f"--benchmark_repetitions={STAGES_TURNS}",
        "--benchmark_enable_random_interleaving=true",
        "--benchmark_report_aggregates_only=true",
    )
    rates = {one["run_name"]: one["items_per_second"] for one in said if one["aggregate_name"] == "median"}
    return rates[name], rates[beside]


def in_memory(bench):
    times = stage_times()
    notes = ["| where the time of one event goes (one core, in memory) | ns |", "| --- | ---: |"]
    for title, name, before in STAGES:
        notes.append(f"| {title} | {times[name] - (times[before] if before else 0):,.0f} |")
    notes.append(f"| **the lane, all together** | **{times['lane/new_orders']:,.0f}** |")
    notes += [f"| besides, asked whether {store} can hold it | {times['check_' + name]:,.0f} |" for store, name in STORES]
    notes += [f"| encoded for {store}, a row | {times['encode_' + name]:,.0f} |" for store, name in STORES]
    notes += ["", f"Two events a row: {times['lane/shipped']:,.0f} ns; sums of 1,000 customers: {times['lane/customers']:,.0f} ns; a remembered ID loaded: {times['load_ids_of_a_million']:,.0f} ns."]
    for line in notes:
        bench.say("  " + line)
    rate, limit = median_beside("lane/new_orders", "limit/fold")
    return [
        {
            "case": "fold-memory",
            "title": "decode, processed IDs, projection, fold and lane in memory, one core",
            "kind": "value",
            "value": rate,
            "form": ",.0f",
            "unit": "events/s",
            "relation": ">=",
            "goal": FOLD_GOAL,
            "met": rate >= FOLD_GOAL,
            "ns_per_event": times,
            "notes": notes,
        },
        {
            "case": "fold-memory-bare",
            "title": "the same beside a bare program, for machines are not equally fast",
            "kind": "ratio",
            "events_per_s": rate,
            "limit_per_s": limit,
            "limit_title": "simdjson reads the fields of a row, a flat table sums them",
            "value": rate / limit,
            "goal": FOLD_SHARE_OF_BARE,
            "met": rate / limit >= FOLD_SHARE_OF_BARE,
        },
    ]


SPECIAL = {
    "ids-cost": ("what processed IDs cost, by store", ids_cost),
    "latency": ("from the producer to a reader", latency),
    "fold-memory": ("the engine in memory, stage by stage", in_memory),
    "growth": ("a table that grows", growth),
    "scale-out": ("more partitions, more workers", scale_out),
    "start": ("loading remembered IDs", start),
    "rebalance": ("a worker joins and leaves", rebalance),
}
