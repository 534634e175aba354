"""Redis dies, restarts, forgets, falls back, is full, forgets its scripts."""

import threading
import time

from faults.server import kill, start, stop
from harness.waiting import wait_until
from kit.fault import Fault, RETRIES, REWINDS, Told, WAITING_STORE, nothing
from kit.world import World

STORES = ("redis",)
AWAY = Told("Redis", "waiting for the store", WAITING_STORE)


def forget(world: World) -> None:
    """Back with an older append-only file: the last writes, acknowledged ones, are lost; rows and checkpoints together."""
    world.store.remember()
    mark = world.committed()
    wait_until(lambda: world.committed() > mark + 500, 60, "commits that the disk does not have")
    before = world.committed()
    world.store.fall_back()
    assert world.committed() < before


def fail_over(world: World) -> None:
    world.store.make_replica()
    mark = world.committed()
    wait_until(lambda: world.committed() > mark + 300, 60, "commits that the replica has")
    world.store.leave_the_replica_behind()
    mark = world.committed()
    wait_until(lambda: world.committed() > mark + 500, 60, "commits that the replica does not have")
    before = world.committed()
    world.store.fail_over()
    assert world.committed() < before, "the replica was not behind"


def demote(world: World) -> None:
    """The address answers, and is a replica's: READONLY."""
    with world.store.master.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", 1)
        client.execute_command("CONFIG", "SET", "replica-serve-stale-data", "yes")


def promote(world: World) -> None:
    with world.store.master.client() as client:
        client.execute_command("REPLICAOF", "NO", "ONE")


def fill(world: World) -> None:
    with world.store.master.client() as client:
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 50_000)


def make_room(world: World) -> None:
    with world.store.master.client() as client:
        client.config_set("maxmemory", 0)


def evict(world: World) -> None:
    """Someone changes the policy under a running worker. No row need be gone yet for it to be told."""
    with world.store.master.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")


def keep(world: World) -> None:
    with world.store.master.client() as client:
        client.config_set("maxmemory-policy", "noeviction")


def flush_scripts(world: World) -> None:
    """Again and again while commits run."""
    with world.store.master.client() as client:
        for _ in range(30):
            client.script_flush()
            time.sleep(world.random.uniform(0, 0.05))


def block(world: World) -> None:
    """A foreign script runs for some seconds: BUSY."""
    script = "local t = redis.call('TIME')[1] while redis.call('TIME')[1] - t < 9 do end"

    def run():
        with world.store.master.client() as client:
            try:
                client.eval(script, 0)
            except Exception:  # it is ended by SCRIPT KILL
                pass

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    world.notes["script"] = thread


def unblock(world: World) -> None:
    with world.store.master.client() as client:
        try:
            client.script_kill()
        except Exception:  # it has ended
            pass
    world.notes.pop("script").join(20)


def cut_in_a_script(world: World) -> None:
    world.store.proxy.stall_after(world.random.randrange(1, 60_000))
    wait_until(lambda: world.store.proxy.stalled, 30, "the stall")
    time.sleep(world.random.uniform(0, 0.1))
    world.store.proxy.cut()


def lose_an_answer(world: World) -> None:
    world.store.proxy.swallow_answers()
    time.sleep(world.random.uniform(0.005, 0.2))
    world.store.proxy.cut()
    world.store.proxy.flow()  # the new connections are answered


def flow(world: World) -> None:
    world.store.proxy.flow()


FELL_BACK = Told(log="a checkpoint moved back", metric=REWINDS)
CUT = Told(log="waiting for the store", metric=RETRIES)
FAULTS = [
    Fault("kill -9", kill, start, AWAY, times=3, stores=STORES, short=True),
    Fault("restart", stop, start, AWAY, stores=STORES),
    Fault("restart with older data (AOF lost)", forget, nothing, FELL_BACK, stores=STORES, hold_s=(0, 0.5), times=3, short=True),
    Fault("failover to a replica that is behind", fail_over, nothing, FELL_BACK, stores=STORES, hold_s=(0, 0.5)),
    Fault("demoted to a replica (READONLY)", demote, promote, Told("replica", "waiting for the store", WAITING_STORE), stores=STORES),
    Fault("maxmemory reached", fill, make_room, Told("maxmemory", "OOM", WAITING_STORE), stores=STORES),
    Fault("eviction switched on", evict, keep, Told("maxmemory-policy", "noeviction", WAITING_STORE), stores=STORES),
    Fault("SCRIPT FLUSH", flush_scripts, nothing, untold="the script is sent again at once, with the same commit", stores=STORES, hold_s=(0, 0.2)),
    Fault("a foreign script that blocks (BUSY)", block, unblock, AWAY, stores=STORES, times=1),
    Fault("cut in the middle of a commit", cut_in_a_script, flow, CUT, stores=STORES, times=8, hold_s=(0, 0.2)),
    Fault("cut between a commit and its answer", lose_an_answer, flow, untold="over within a second, and mostly between two commits; the next connection asks what came of the last one (G5)", stores=STORES, times=10, hold_s=(0, 0.2)),
]
COMBINABLE = [f for f in FAULTS if f.name.split()[0] in ("kill", "restart", "SCRIPT", "cut", "maxmemory") and "older" not in f.name]
