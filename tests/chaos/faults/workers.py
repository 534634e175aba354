"""Workers that die, freeze, come and go. A supervisor starts a dead one again at once, as Kubernetes would."""

import os
import pathlib
import signal
import time

from harness.waiting import wait_until
from kit.fault import REBALANCES, Fault, Told, nothing
from kit.world import World

CGROUP = pathlib.Path("/sys/fs/cgroup/memory")
STORES = ("postgres", "redis", "search")
SESSION_S = 6
OOM_ROOM_BYTES = 4 * 1024 * 1024


def kill(world: World) -> None:
    world.remove_worker(world.random.choice(world.fleet))


def add(world: World) -> None:
    world.add_worker()


def freeze(world: World) -> None:
    """SIGSTOP past the session's time-out: another worker takes over in the meantime."""
    victim = world.random.choice(world.fleet)
    victim.freeze()
    world.notes["frozen"] = victim
    time.sleep(SESSION_S + 3)


def thaw(world: World) -> None:
    world.notes.pop("frozen").thaw()


def scale(world: World) -> None:
    """1 → 4 → 2, each step under load."""
    for _ in range(3):
        world.add_worker()
    for worker in world.fleet:
        worker.wait_ready(90)
    time.sleep(world.random.uniform(0, 2))
    for _ in range(2):
        world.remove_worker(world.random.choice(world.fleet), "stop")


def scale_to_one(world: World) -> None:
    world.remove_worker(world.random.choice(world.fleet), "stop")


def replace_all(world: World) -> None:
    """A rolling restart: the new one is ready before the old one is told to stop."""
    for old in list(world.fleet):
        world.add_worker().wait_ready(90)
        world.remove_worker(old, "stop")


def no_memory_cgroup() -> str:
    try:
        probe = CGROUP / f"foldline-chaos-probe-{os.getpid()}"
        probe.mkdir()
        probe.rmdir()
        return ""
    except OSError as error:
        return f"no memory cgroup can be made here: {error.strerror}"


def run_out_of_memory(world: World) -> None:
    """The kernel kills it (SIGKILL) when a backlog lets it grow past a limit just above what it has."""
    group = CGROUP / f"foldline-chaos-{world.name}"
    group.mkdir(exist_ok=True)
    victim = world.add_worker(within=group / "cgroup.procs")
    victim.wait_ready(90)
    has_bytes = int((group / "memory.usage_in_bytes").read_text())
    (group / "memory.limit_in_bytes").write_text(str(has_bytes + OOM_ROOM_BYTES))
    world.scenario.generate(150_000, seed=world.random.randrange(10**6))
    wait_until(lambda: not victim.running, 60, "the kernel ends the worker")
    assert victim.exit_code == -signal.SIGKILL, victim.exit_code
    world.fleet.remove(victim)
    wait_until(lambda: _remove(group), 10, "the cgroup is empty")


def _remove(group: pathlib.Path) -> bool:
    try:
        group.rmdir()
        return True
    except OSError:
        return False


TAKEN_OVER = Told(log="partitions revoked", metric=REBALANCES, afterwards=True)
FAULTS = [
    Fault("kill -9", kill, add, TAKEN_OVER, times=6, workers=2, stores=STORES, hold_s=(0, 1), short=True),
    Fault("SIGSTOP past the session, SIGCONT", freeze, thaw, TAKEN_OVER, workers=2, stores=STORES, hold_s=(0, 1), short=True),
    Fault("scale 1→4→2→1 under load", scale, scale_to_one, Told(log="partitions revoked"), times=1, hold_s=(2, 3), stores=STORES),
    Fault("rolling restart of three", replace_all, nothing, untold="wanted: each start and stop stands in its own log", workers=3, times=1, stores=("postgres",)),
    Fault("OOM kill by a memory cgroup", run_out_of_memory, add, TAKEN_OVER, times=2, needs=no_memory_cgroup, stores=("postgres",)),
]
COMBINABLE = [fault for fault in FAULTS if fault.name in ("kill -9",)]
