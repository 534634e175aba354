"""PostgreSQL dies, restarts, falls back, refuses, is full, is locked."""

import threading
import time

import psycopg2

from faults.server import kill, start, stop
from harness.waiting import wait_until
from kit.fault import Fault, RETRIES, REWINDS, Told, WAITING_STORE, nothing
from kit.world import World

AWAY = Told("PostgreSQL", "waiting for the store", WAITING_STORE)


# Failover to a replica that is behind (G3)


def fail_over(world: World) -> None:
    world.store.make_replica()
    start_at = world.committed()
    wait_until(lambda: world.committed() > start_at + 300, 60, "commits that the replica has")
    world.store.leave_the_replica_behind()
    behind = world.committed()
    wait_until(lambda: world.committed() > behind + 500, 60, "commits that the replica does not have")
    before = world.committed()
    world.store.fail_over()
    world.notes["fell back"] = (before, world.committed())
    assert world.committed() < before, "the replica was not behind"


# The network around COMMIT and COPY


def cut_in_a_copy(world: World) -> None:
    """After a few kilobytes of a batch, at a random byte."""
    world.store.proxy.stall_after(world.random.randrange(1, 60_000))
    wait_until(lambda: world.store.proxy.stalled, 30, "the stall")
    time.sleep(world.random.uniform(0, 0.1))  # what the server has, it works through
    world.store.proxy.cut()


def lose_an_answer(world: World) -> None:
    world.store.proxy.swallow_answers()
    time.sleep(world.random.uniform(0.005, 0.2))
    world.store.proxy.cut()
    world.store.proxy.flow()  # the new connections are answered


def flow(world: World) -> None:
    world.store.proxy.flow()


# Locks


def _foreign(world: World):
    connection = psycopg2.connect(world.scenario.database.url)
    cursor = connection.cursor()
    return connection, cursor


def lock_a_table(world: World) -> None:
    connection, cursor = _foreign(world)
    cursor.execute("LOCK TABLE analytics.fact_orders IN ACCESS EXCLUSIVE MODE")
    world.notes["locker"] = connection


def unlock(world: World) -> None:
    world.notes.pop("locker").close()


def lock_checkpoints(world: World) -> None:
    connection, cursor = _foreign(world)
    cursor.execute("SELECT 1 FROM foldline.checkpoint FOR UPDATE")
    world.notes["locker"] = connection


def deadlock(world: World) -> None:
    """A foreign session takes rows in an order against ours, again and again, for some seconds."""
    stop = threading.Event()

    def foreign():
        while not stop.is_set():
            connection, cursor = _foreign(world)
            try:
                cursor.execute("SET deadlock_timeout = '50ms'")
                cursor.execute("UPDATE analytics.daily_revenue SET orders = orders")
                time.sleep(0.05)
                newest = "SELECT order_id FROM analytics.fact_orders ORDER BY placed_at DESC LIMIT 500"
                cursor.execute(f"UPDATE analytics.fact_orders SET status = status WHERE order_id IN ({newest})")
                cursor.execute("SELECT 1 FROM foldline.checkpoint FOR UPDATE")
                connection.rollback()
            except psycopg2.Error:
                pass  # it was the one that the server chose to end
            finally:
                connection.close()

    thread = threading.Thread(target=foreign, daemon=True)
    thread.start()
    world.notes["deadlocks before"] = deadlocks(world)
    world.notes["deadlocker"] = (stop, thread)
    wait_until(lambda: deadlocks(world) > world.notes["deadlocks before"], 60, "a deadlock")


def deadlocks(world: World) -> int:
    return world.scenario.database.value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")


def end_deadlock(world: World) -> None:
    stop, thread = world.notes.pop("deadlocker")
    stop.set()
    thread.join(30)


# A server that is full or closed


def fill_disk(world: World) -> None:
    world.store.fill_disk()


def empty_disk(world: World) -> None:
    """The server may have died of it (PANIC on WAL): then its supervisor starts it."""
    world.store.empty_disk()
    wait_until(world.store.primary.answers, 60, "PostgreSQL answers")


def read_only(world: World) -> None:
    _set(world, "ALTER DATABASE {} SET default_transaction_read_only = on")


def read_write(world: World) -> None:
    _set(world, "ALTER DATABASE {} SET default_transaction_read_only = off")


def _set(world: World, statement: str) -> None:
    world.scenario.database.on_server(statement)
    end_sessions(world)


def end_sessions(world: World) -> None:
    """As an idle-session killer does, to all of this database."""
    world.scenario.database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def take_all_connections(world: World) -> None:
    """Foreign sessions take every place there is; ours is ended, and finds none."""
    held = world.notes["connections"] = []

    def take():
        try:
            while True:
                held.append(psycopg2.connect(world.scenario.database.url))
        except psycopg2.OperationalError:
            return True

    take()
    with held[0].cursor() as cursor:
        ours = [connection.get_backend_pid() for connection in held]
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> ALL(%s)", (ours,))
    wait_until(take, 10, "its place is taken too")
    world.notes["take again"] = take


def give_connections(world: World) -> None:
    for connection in world.notes.pop("connections"):
        connection.close()


STOP_TOLD = Told("PostgreSQL", "waiting for the store", WAITING_STORE)
FAULTS = [
    Fault("kill -9 of the server", kill, start, STOP_TOLD, times=3, short=True),
    Fault("restart (fast)", stop, start, STOP_TOLD),
    Fault("failover to a streaming replica that is behind", fail_over, nothing, Told(log="a checkpoint moved back", metric=REWINDS), times=2, hold_s=(0, 0.5), short=True),
    Fault("cut in the middle of COPY", cut_in_a_copy, flow, Told(log="waiting for the store", metric=RETRIES), times=8, hold_s=(0, 0.3)),
    Fault("cut between COMMIT and its answer", lose_an_answer, flow, untold="over within a second, and mostly between two commits; the next connection asks what came of the last one (G5)", times=10, hold_s=(0, 0.3), short=True),
    Fault("a table locked past the lock time-out", lock_a_table, unlock, Told("lock", "waiting for the store", WAITING_STORE), times=1, hold_s=(2, 4)),
    Fault("the checkpoints locked past the lock time-out", lock_checkpoints, unlock, Told("lock", "waiting for the store", WAITING_STORE), times=1, hold_s=(2, 4)),
    Fault("deadlocks with a foreign session", deadlock, end_deadlock, untold="the victim is tried again at once (40P01), and is mostly the foreign session", times=2),
    Fault("max_connections reached", take_all_connections, give_connections, Told("connection", "store", WAITING_STORE), times=1, hold_s=(2, 4)),
    Fault("read-only mode", read_only, read_write, Told("read-only", "waiting for the store", WAITING_STORE)),
    Fault("sessions ended by an idle-session killer", end_sessions, nothing, untold="over within a second: the worker connects again; foldline_store_retries_total if it struck a commit", times=5, hold_s=(0, 1)),
]
DISK = [Fault("disk full", fill_disk, empty_disk, Told("No space left on device", "No space left on device", WAITING_STORE), times=2, hold_s=(2, 4))]
COMBINABLE = [fault for fault in FAULTS if fault.name.split()[0] in ("kill", "restart", "cut", "read-only", "sessions")]
