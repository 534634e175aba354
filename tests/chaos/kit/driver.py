"""Strikes, waits until the fault has told of itself, ends it, measures how long until events are committed again, and compares all rows."""

import os
import time
from typing import Callable, Dict, List

from harness.waiting import stays_true, wait_until
from harness.worker import Worker

from .fault import Fault, Told, nothing
from .ledger import Entry, balance
from .world import World

RECOVERY_LIMIT_S = float(os.environ.get("FOLDLINE_RECOVERY_S", 30))  # of the contract; a machine that does much else may be given more
HARD_LIMIT_S = 120
CAUGHT_UP_S = 180


def committed_or_none(world: World):
    """None while the store does not answer the tests either."""
    try:
        return world.committed()
    except AssertionError:
        raise
    except Exception:  # of any of the three clients: it is asked again
        return None


def wait_progress(world: World, more_than: int = 0, timeout_s: float = HARD_LIMIT_S) -> None:
    before = [None]

    def moved():
        world.keep_traffic()
        now = committed_or_none(world)
        if now is None:
            return False
        if before[0] is None or now < before[0]:
            before[0] = now
        assert now > before[0] + more_than, f"committed: {before[0]} → {now}"
        return True

    wait_until(moved, timeout_s, "events are committed")


def wait_recovered(world: World) -> float:
    """From now until every worker is ready and a commit was made after that moment."""
    start = time.monotonic()

    def ready():
        world.keep_traffic()
        for worker in world.fleet:
            assert worker.running, f"a worker ended with {worker.exit_code}\n{worker.log_tail()}"
            status, body = worker.get("/readyz")
            assert status == 200, f"/readyz {status}: {body.strip()}"
        return True

    wait_until(ready, HARD_LIMIT_S, "every worker is ready again")
    wait_progress(world)
    return time.monotonic() - start


class Listener:
    """What a worker says from now on."""

    def __init__(self, workers: List[Worker], told: Told):
        self._workers = workers
        self._told = told
        self._before = {id(worker): (len(worker.log()), self._metric(worker)) for worker in workers}

    def _metric(self, worker: Worker) -> float:
        if self._told.metric is None:
            return 0.0
        name, labels = self._told.metric
        try:
            return sum(worker.metrics().all(name, **labels))
        except AssertionError:
            return 0.0

    def wait(self) -> str:
        told = self._told
        missing: Dict[str, Callable[[Worker], bool]] = {}
        if told.ready:
            missing[f"/readyz says “{told.ready}”"] = lambda w: self._not_ready(w)
        if told.log:
            missing[f"log: “{told.log}”"] = lambda w: told.log in w.log()[self._before[id(w)][0] :]
        if told.metric:
            missing[f"metric {told.metric[0]}"] = lambda w: self._metric(w) > self._before[id(w)][1]
        heard: List[str] = []

        def all_heard():
            for what in [what for what, heard_by in missing.items() if any(heard_by(worker) for worker in self._workers)]:
                heard.append(what)
                del missing[what]
            last = [worker.get("/readyz") for worker in self._workers]
            assert not missing, f"not told: {list(missing)}; /readyz: {last}"
            return True

        wait_until(all_heard, told.within_s, "the fault is told apart")
        return ", ".join(heard)

    def _not_ready(self, worker: Worker) -> bool:
        status, body = worker.get("/readyz")
        return status == 503 and self._told.ready in body


def strike_once(world: World, fault: Fault, entry: Entry) -> None:
    listener = Listener([w for w in world.fleet if w.running], fault.told) if fault.told else None
    fault.strike(world)
    entry.times += 1
    try:
        if listener and not fault.told.afterwards:
            entry.told = listener.wait()
        if fault.progress_goes_on:
            wait_progress(world)
        until = time.monotonic() + world.random.uniform(*fault.hold_s)
        stays_true(lambda: world.keep_traffic() or True, max(0.0, until - time.monotonic()), "traffic")
    finally:
        fault.heal(world)
    entry.recovery_s.append(round(wait_recovered(world), 1))
    if listener and fault.told.afterwards:
        entry.told = listener.wait()


def finish(world: World, entry: Entry) -> None:
    world.stop_traffic()
    world.scenario.wait_caught_up(CAUGHT_UP_S)
    found = balance(world)
    entry.take(found)
    assert not found.differences, "the store differs from the fold of the topic:\n" + "\n".join(found.differences)
    assert found.lost == 0 and found.doubled == 0 and found.events > 0
    for worker in world.fleet:
        worker.wait_ready()
    slowest = max(entry.recovery_s, default=0)
    assert slowest <= RECOVERY_LIMIT_S, f"recovered after {entry.recovery_s} s; the contract says {RECOVERY_LIMIT_S} s"
    entry.result = "passed"


def begin(world: World, fault_workers: int) -> None:
    world.start_traffic()
    for _ in range(fault_workers):
        world.add_worker()
    for worker in world.fleet:
        worker.wait_ready(HARD_LIMIT_S)
    wait_progress(world, 100)


def alone(world: World, fault: Fault, entry: Entry) -> None:
    world.arguments, world.worker_env = fault.arguments, dict(fault.worker_env)
    begin(world, fault.workers)
    for _ in range(fault.times):
        wait_progress(world, 50)
        strike_once(world, fault, entry)
    finish(world, entry)


def combined(world: World, faults: List[Fault], rounds: int, entry: Entry) -> List[str]:
    """One to three faults at a time, overlapping, ended in any order. Of a round that fails the story is printed, and the line that repeats it."""
    world.notes["combined"] = True
    begin(world, 2)
    story: List[str] = []
    told = told_rounds()
    try:
        for number in range(len(told) or rounds):
            wait_progress(world, 50)
            chosen = [by_name(faults, name) for name in told[number]] if told else choose(world.random, faults)
            story.append(" + ".join(fault.name for fault in chosen))
            print(f"round {number + 1} strikes: {story[-1]}", flush=True)
            for place, fault in enumerate(chosen):
                entry.times += strike_among_others(world, fault, first=place == 0)
                time.sleep(world.random.uniform(0, 1.5))
            ends = world.random.sample(chosen, len(chosen))
            print(f"round {number + 1} ends: {' + '.join(fault.name for fault in ends)}", flush=True)
            heal_all(world, ends)
            entry.recovery_s.append(round(wait_recovered(world), 1))
        finish(world, entry)
    except BaseException:
        print(how_to_repeat(world, rounds, story), flush=True)
        raise
    return story


def strike_among_others(world: World, fault: Fault, first: bool) -> int:
    """1 if it was carried out. What is dead already can't be filled, and where nothing flows no batch is cut in its middle."""
    try:
        fault.strike(world)
        return 1
    except Exception as error:  # of a server's client, or of a wait: the round's own checks follow
        if first:
            raise
        print(f"    {fault.name}: not while the others last ({str(error).splitlines()[0][:100]})", flush=True)
        return 0


def heal_all(world: World, ends: List[Fault]) -> None:
    """One that needs a server which another one has to bring back is tried again behind it."""
    while ends:
        left, problem = [], None
        for fault in ends:
            try:
                fault.heal(world)
            except KeyError:
                pass  # it never struck: it has left nothing to end
            except Exception as error:
                left.append(fault)
                problem = error
        if len(left) == len(ends):
            raise problem
        ends = left


def choose(random, faults: List[Fault]) -> List[Fault]:
    chosen = random.sample(faults, random.randint(1, 3))
    # Two that are ended by the same hand would end each other.
    return [fault for number, fault in enumerate(chosen) if fault.heal not in [other.heal for other in chosen[:number]] or fault.heal is nothing]


def told_rounds() -> List[List[str]]:
    """FOLDLINE_STORY="kill -9 + postgres: restart (fast); store: refused": these rounds and no others."""
    told = os.environ.get("FOLDLINE_STORY", "")
    return [[name.strip() for name in one.split(" + ")] for one in told.split(";") if one.strip()]


def by_name(faults: List[Fault], name: str) -> Fault:
    found = [fault for fault in faults if fault.name == name]
    assert found, f"no fault is called {name!r}; there are: {', '.join(fault.name for fault in faults)}"
    return found[0]


def how_to_repeat(world: World, rounds: int, story: List[str]) -> str:
    """A seed repeats the choices and the pauses; only the machine's own timing is its own."""
    run = f"tests/chaos/run -k 'combined and {world.kind}'"
    return "\n".join(
        [
            f"round {len(story)} of {rounds} failed. All of it again, with the same choices and pauses:",
            f"    SEED={world.seed} FOLDLINE_ROUNDS={rounds} {run}",
            "that round alone:",
            f"    SEED={world.seed} FOLDLINE_STORY='{story[-1] if story else ''}' {run}",
            f"{world.name}: topic {world.scenario.topic}, committed {committed_or_none(world)}, workers {[w.exit_code if not w.running else w.pid for w in world.fleet]}",
        ]
    )
