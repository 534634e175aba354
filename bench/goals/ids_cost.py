"""What processed IDs cost: two workers of the same projection side by side, one that keeps IDs and one that keeps none, by turns.

Other work on the machine moves a run of seconds by a fifth, four times what is allowed. So neither worker runs long: a tenth of the events goes
to the one, as many to the other, and a few dozen such pairs follow one another, each within a few seconds. The pairs' median counts; between
which two of them it lies with 95 percent says how well it is known. Both go on with what they hold: the tables grow alike, and the windows of
IDs become as full as they get.
"""

import collections
import contextlib
import dataclasses
import math
import statistics

from catch_up import WARM_UP_EVENTS, Load, Run, warm_up
from programs import Fill

SETTINGS = {"without": "none", "with": Load.processed_ids}
PAIRS = 40
PARTS = 10  # of a run's events: what a turn has
LOADS = (
    ("postgres", Load("postgres", "orders"), 1.0),
    ("redis", Load("redis", "counters", workload="customers", fill={"customers": 100_000}), 1.0),
    ("search", Load("opensearch", "documents"), 0.5),
)
GOAL_PERCENT = 5
GOAL_BYTES = 40


class Side:
    """One of the two workers, and all that it was given."""

    def __init__(self, bench, load, setting):
        self.bench, self.run = bench, Run(bench, dataclasses.replace(load, processed_ids=setting), 0)
        self.totals = collections.Counter()
        self.done = 0

    @contextlib.contextmanager
    def running(self):
        with self.run.opened():
            self.run.start_workers()
            yield self
            self.run.check(self.totals)
            self.run.stop_workers()

    def turn(self, events):
        """Wall time and processor time an event, µs."""
        load = self.run.load
        fill = Fill(self.bench.servers, self.run.topic, load.workload, events, **load.fill, first=self.done)
        rate, spent_us = self.run.catch_up(fill, self.done, events)
        self.done += events
        self.totals.update(fill.totals)
        return {"time": 1e6 / rate, **spent_us}

    def memory_bytes(self):
        return self.run.workers[0].memory_bytes()


def interval_of_median(values):
    """Between which two of the values the median of all such values lies, with 95 percent or more (binomial: no shape is assumed); fewer than six
    values never say so much."""
    values, count = sorted(values), len(values)
    left, rank = 0.0, 0  # the chance that fewer than `rank` of them lie below the median
    while rank < count // 2 and left + math.comb(count, rank) / 2**count <= 0.025:
        left += math.comb(count, rank) / 2**count
        rank += 1
    rank = max(0, rank - 1)
    return values[rank], values[count - 1 - rank]


def measure(bench, load, events):
    """The pairs; and bytes of memory an ID, from what both workers hold at the end."""
    pairs = []
    with contextlib.ExitStack() as stack:
        sides = {name: stack.enter_context(Side(bench, load, setting).running()) for name, setting in SETTINGS.items()}
        warm_up(bench, load.server, [lambda side=side: side.turn(min(PARTS * events, WARM_UP_EVENTS)) for side in sides.values()])
        for number in range(PAIRS):
            order = sides.items() if number % 2 == 0 else reversed(sides.items())
            pairs.append({name: side.turn(events) for name, side in order})
        held = min(sides["with"].done, int(SETTINGS["with"]) * load.partitions)
        return pairs, (sides["with"].memory_bytes() - sides["without"].memory_bytes()) / held


def row_of(store, events, pairs):
    costs = [100 * (pair["with"]["time"] / pair["without"]["time"] - 1) for pair in pairs]
    cost = statistics.median(costs)
    least, most = interval_of_median(costs)
    spent = {name: {part: statistics.mean(pair[name][part] for pair in pairs) for part in pairs[0][name]} for name in SETTINGS}
    work = [f"{part} {spent['without'][part]:.2f} and {spent['with'][part]:.2f}" for part in ("worker", "store") if part in spent["with"]]
    return {
        "case": f"ids-cost-{store}",
        "title": f"processed IDs on, against off ({store}): time an event, median of {len(pairs)} pairs",
        "kind": "value",
        "events": events,
        "value": cost,
        "unit": "%",
        "goal": GOAL_PERCENT,
        "met": cost <= GOAL_PERCENT,
        "pairs": costs,
        "spent": spent,
        "events_per_s": 1e6 / statistics.median(pair["with"]["time"] for pair in pairs),
        "worker_cpu_us_per_event": spent["with"]["worker"],
        "store_cpu_us_per_event": spent["with"].get("store"),
        "notes": [
            f"With 95 percent between {least:+.1f} and {most:+.1f} %. Processor time, µs an event, without IDs and with: {'; '.join(work)}."
        ],
    }


def memory_row(events, per_id):
    return {
        "case": "ids-memory",
        "title": "memory of the worker with IDs on, against off",
        "kind": "value",
        "value": per_id,
        "unit": "bytes an ID",
        "goal": GOAL_BYTES,
        "met": per_id <= GOAL_BYTES,
        "events": events,
    }


def ids_cost(bench):
    rows = []
    for store, load, share in LOADS:
        events = max(1_000, int(bench.events * share / PARTS))
        pairs, bytes_per_id = measure(bench, load, events)
        row = row_of(store, events, pairs)
        bench.say(f"  {store}: {row['notes'][0]}")
        rows.append(row)
        if store == "postgres":
            rows.append(memory_row(events, bytes_per_id))
    return rows
