"""Cases that are no catch-up beside a limit: what processed IDs cost, latency, growth, starting, and the engine in memory."""

import dataclasses
import json
import os
import statistics
import subprocess
import threading
import time

import programs
from catch_up import WARM_UP_EVENTS, Load, Run, catch_up_rate, run_once, warm_up
from programs import BUILD, Failure, Fill

IDS_LOADS = (
    ("postgres", Load("postgres", "orders"), 1.0),
    ("redis", Load("redis", "counters", workload="customers", fill={"customers": 100_000}), 1.0),
    ("search", Load("opensearch", "documents"), 0.25),
)
IDS_PAIRS = 6  # an even number: as many with the one side first as with the other
LATENCY_RATE = 2_000
SLOW_RATE = 200  # that a program which commits each record holds on any disk
BEHIND_MS = 200  # a median above it is a queue, not a latency
LATENCY_SECONDS = 8
LATENCY_WARM_UP_SECONDS = 60  # so long a broker's compiler takes half a core at this rate, and whoever is measured waits for it
STEADY_SECONDS = 16
READY_POLL_S = 0.004
STAGES_MIN_TIME_S = 1


def work_per_event(run):
    """Processor time of worker and store, µs an event, as far as it could be measured."""
    return sum(run[part + "_cpu_us_per_event"] for part in ("worker", "store") if part + "_cpu_us_per_event" in run)


def ids_cost(bench):
    """Runs without processed IDs and with the default window, in pairs; the pair's ratio is its cost, and the median of the pairs counts.

    One pair is moved by whatever else the machine does, by ten percent and more, twice what is allowed; and sometimes by which side came
    first. So there are six of them at least, by turns. Processor time, which moves less, stands beside it.
    """
    rows = []
    for store, load, share in IDS_LOADS:
        whole = max(1000, int(bench.events * share))
        loads = {setting: dataclasses.replace(load, processed_ids=setting) for setting in ("none", "250000")}
        some = min(whole, WARM_UP_EVENTS)
        warm_up(bench, load.server, [lambda load=load, some=some: run_once(bench, load, some) for load in loads.values()])
        pairs = []
        for number in range(max(IDS_PAIRS, bench.runs + bench.runs % 2)):
            pair = {setting: run_once(bench, loads[setting], whole) for setting in (loads if number % 2 == 0 else reversed(loads))}
            pairs.append((pair["none"], pair["250000"]))
        costs = [100 * (without["events_per_s"] / with_ids["events_per_s"] - 1) for without, with_ids in pairs]
        work_costs = [100 * (work_per_event(with_ids) / work_per_event(without) - 1) for without, with_ids in pairs]
        cost = statistics.median(costs)
        without, with_ids = ({name: statistics.median(pair[side][name] for pair in pairs) for name in pairs[0][side]} for side in (0, 1))
        rows.append(
            {
                "case": f"ids-cost-{store}",
                "title": f"processed IDs on, against off ({store}): time an event, median of {len(pairs)} pairs",
                "kind": "value",
                "events": whole,
                "value": cost,
                "unit": "%",
                "goal": 5,
                "met": cost <= 5,
                "pairs": costs,
                "processor_time_pairs": work_costs,
                **{name: with_ids[name] for name in ("events_per_s", "worker_cpu_us_per_event", "store_cpu_us_per_event") if name in with_ids},
                "notes": [
                    f"Pairs: {', '.join(f'{one:+.1f}' for one in costs)} %. Processor time of worker and store an event: "
                    f"{', '.join(f'{one:+.1f}' for one in work_costs)} %, median {statistics.median(work_costs):+.1f} %; "
                    f"{work_per_event(without):.2f} µs without, {work_per_event(with_ids):.2f} with IDs. Without: {without['events_per_s']:,.0f} events/s."
                ],
            }
        )
        if store == "postgres":
            per_id = (with_ids["memory_mb"] - without["memory_mb"]) * 1e6 / whole
            rows.append(
                {
                    "case": "ids-memory",
                    "title": "memory of the worker with IDs on, against off",
                    "kind": "value",
                    "value": per_id,
                    "unit": "bytes an ID",
                    "goal": 40,
                    "met": per_id <= 40,
                    "events": whole,
                }
            )
    return rows


# Latency


def watch(servers, place, topic, table, rate, seconds, first=0):
    arguments = ["--topic", topic, "--table", table, "--rate", rate, "--seconds", seconds, "--first", first]
    return programs.run_limit("order_latency", arguments, place.env)


def minimal_latency(bench, rate):
    """None where the loop can't keep up."""
    run = Run(bench, Load("postgres", "orders"), 0)
    with run.opened():
        loop = subprocess.Popen([str(BUILD / "bench" / "minimal_loop"), "--topic", run.topic], env={**os.environ, **run.place.env}, stdout=subprocess.PIPE, text=True)
        try:
            if loop.stdout.readline().strip() != "ready":
                raise Failure("minimal_loop did not start")
            return watch(bench.servers, run.place, run.topic, "bare_orders", rate, LATENCY_SECONDS)
        except Failure as failure:
            if "no more in time" in str(failure):
                return None
            raise
        finally:
            loop.terminate()
            loop.wait(30)


def foldline_latency(bench, rate, seconds=LATENCY_SECONDS):
    run = Run(bench, Load("postgres", "orders"), 0)
    with run.opened():
        run.start_workers()
        said = watch(bench.servers, run.place, run.topic, "analytics.orders", rate, seconds)
        run.stop_workers()
        return said


def at_full_rate(runs, name):
    """What the minimal loop did at the rate that Foldline is measured at."""
    if any(one is None for one in runs):
        return "never done in time"
    return f"{statistics.median(one[name] for one in runs):,.2f} ms"


def latency(bench):
    foldline_latency(bench, LATENCY_RATE, LATENCY_WARM_UP_SECONDS)
    found = {"foldline": [], "minimal": []}
    for number in range(bench.runs):
        found["minimal"].append(minimal_latency(bench, LATENCY_RATE))
        found["foldline"].append(foldline_latency(bench, LATENCY_RATE))
        bench.say(f"  run {number + 1}: minimal loop {found['minimal'][-1]}, Foldline {found['foldline'][-1]}")
    slow = minimal_latency(bench, SLOW_RATE)
    rows = []
    for name in ("p50_ms", "p99_ms"):
        foldline = statistics.median(one[name] for one in found["foldline"])
        kept_up = [one[name] for one in found["minimal"] if one is not None and one["p50_ms"] < BEHIND_MS]
        minimal = statistics.median(kept_up) if kept_up else slow[name]
        at = LATENCY_RATE if kept_up else SLOW_RATE
        rows.append(
            {
                "case": f"latency-{name[:3]}",
                "title": f"{LATENCY_RATE} events/s, from the producer to a reader of the table: {name[:3]}; {foldline:.1f} ms",
                "kind": "value",
                "limit_title": f"one record, one row, one commit, at {at} events/s: {minimal:.1f} ms",
                "value": foldline / minimal,
                "form": ".2f",
                "unit": "x",
                "goal": 1.5,
                "met": foldline <= 1.5 * minimal,
                "notes": [f"Foldline {foldline:.2f} ms. Minimal loop: {at_full_rate(found['minimal'], name)} at {LATENCY_RATE} events/s, {slow[name]:.2f} ms at {SLOW_RATE}."],
            }
        )
    return rows


# Growth


def growth(bench):
    """The same worker, round after round of new rows."""
    run = Run(bench, Load("postgres", "orders"), bench.events)
    rates, memory = [], []
    with run.opened():
        run.start_workers()
        for number in range(bench.growth_millions):
            fill = Fill(bench.servers, run.topic, "new", bench.events, first=number * bench.events)
            run.place.settle()
            rates.append(catch_up_rate(fill, run.workers, number * bench.events, bench.events))
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


def stage_times(bench):
    """ns of processor time an event, by benchmark."""
    command = [str(BUILD / "bench" / "stages"), f"--benchmark_min_time={STAGES_MIN_TIME_S}", "--benchmark_format=json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise Failure(f"stages: {done.stderr.strip()}")
    return {one["name"]: 1e9 / one["items_per_second"] for one in json.loads(done.stdout)["benchmarks"]}


def in_memory(bench):
    times = stage_times(bench)
    notes = ["| where the time of one event goes (one core, in memory) | ns |", "| --- | ---: |"]
    for title, name, before in STAGES:
        notes.append(f"| {title} | {times[name] - (times[before] if before else 0):,.0f} |")
    notes.append(f"| **the lane, all together** | **{times['lane/new_orders']:,.0f}** |")
    notes += [f"| besides, asked whether {store} can hold it | {times['check_' + name]:,.0f} |" for store, name in STORES]
    notes += [f"| encoded for {store}, a row | {times['encode_' + name]:,.0f} |" for store, name in STORES]
    notes += ["", f"Two events a row: {times['lane/shipped']:,.0f} ns; sums of 1,000 customers: {times['lane/customers']:,.0f} ns; a remembered ID loaded: {times['load_ids_of_a_million']:,.0f} ns."]
    for line in notes:
        bench.say("  " + line)
    rate = 1e9 / times["lane/new_orders"]
    return {
        "case": "fold-memory",
        "title": "decode, processed IDs, projection, fold and lane in memory, one core",
        "kind": "value",
        "value": rate,
        "form": ",.0f",
        "unit": "events/s",
        "relation": ">=",
        "goal": 3_000_000,
        "met": rate >= 3_000_000,
        "ns_per_event": times,
        "notes": notes,
    }


SPECIAL = {
    "ids-cost": ("what processed IDs cost, by store", ids_cost),
    "latency": ("from the producer to a reader", latency),
    "fold-memory": ("the engine in memory, stage by stage", in_memory),
    "growth": ("a table that grows", growth),
    "scale-out": ("more partitions, more workers", scale_out),
    "start": ("loading remembered IDs", start),
    "rebalance": ("a worker joins and leaves", rebalance),
}
