"""OpenSearch dies, refuses, is slow, answers in part or not at all, loses its shards, is closed."""

import time

from faults.server import kill
from harness.waiting import wait_until
from kit.fault import Fault, RETRIES, Told, WAITING_STORE, nothing
from kit.world import World

STORES = ("search",)
AWAY = Told("check that the cluster runs", "waiting for the store", WAITING_STORE, within_s=60)


def start(world: World) -> None:
    world.store.start()
    world.scenario.wait_green()


def overload(world: World) -> None:
    world.store.http.overloaded = True


def refuse_some(world: World) -> None:
    world.store.http.refused_share = 0.3
    wait_struck(world, 3)


def lose_answers(world: World) -> None:
    world.store.http.lost_share = 0.5
    wait_struck(world, 5)


def slow(world: World) -> None:
    world.store.http.delay_s = 2.0


def calm(world: World) -> None:
    world.store.http.calm()


def wait_struck(world: World, times: int) -> None:
    if world.notes.get("combined"):
        return  # another fault may keep the workers from sending any
    before = world.store.http.struck
    wait_until(lambda: world.store.http.struck >= before + times, 60, "bulks were struck")


def index(world: World) -> str:
    return f"{world.name}-fact_orders-g1"


def close_index(world: World) -> None:
    world.scenario.search.ask("POST", f"/{index(world)}/_close")


def open_index(world: World) -> None:
    world.scenario.search.ask("POST", f"/{index(world)}/_open")
    world.scenario.wait_green()


def block_writes(world: World) -> None:
    """As the cluster itself does when its disk passes the flood stage."""
    world.scenario.search.ask("PUT", f"/{index(world)}/_settings", {"index.blocks.read_only_allow_delete": True})


def allow_writes(world: World) -> None:
    world.scenario.search.ask("PUT", f"/{index(world)}/_settings", {"index.blocks.read_only_allow_delete": None})


def name_a_pipeline(world: World) -> None:
    """Somebody gives the index an ingest pipeline that is not there: each document is answered 400, and none of them is to blame."""
    world.scenario.search.ask("PUT", f"/{index(world)}/_settings", {"index.final_pipeline": "no-such-pipeline"})


def take_the_pipeline(world: World) -> None:
    world.scenario.search.ask("PUT", f"/{index(world)}/_settings", {"index.final_pipeline": None})


def make_red(world: World) -> None:
    """Closed, told to live on a node that is not there, opened again: its shards have no place."""
    world.scenario.search.ask("POST", f"/{index(world)}/_close")
    world.scenario.search.ask("PUT", f"/{index(world)}/_settings", {"index.routing.allocation.require._name": "no-such-node"})
    world.scenario.search.ask("POST", f"/{index(world)}/_open?wait_for_active_shards=0")


def make_green(world: World) -> None:
    world.scenario.search.ask("PUT", f"/{index(world)}/_settings", {"index.routing.allocation.require._name": None})
    world.scenario.wait_green()


def freeze(world: World) -> None:
    world.store.proxy.stall()
    time.sleep(3)


def flow(world: World) -> None:
    world.store.proxy.flow()


def cut_answers(world: World) -> None:
    for _ in range(6):
        world.store.proxy.swallow_answers()
        time.sleep(world.random.uniform(0.01, 0.3))
        world.store.proxy.cut()
        world.store.proxy.flow()
        time.sleep(world.random.uniform(0, 0.2))


# A cluster of three, views with one replica


def kill_a_node_with_primaries(world: World) -> None:
    """The copies on the other nodes become primaries (same history, another term); what was acknowledged stands there."""
    holders = world.store.of_primaries(f"{index(world)},foldline-checkpoints")
    node = world.random.choice(holders)
    world.notes["node"] = node
    node.server.kill()


def start_the_node(world: World) -> None:
    world.notes.pop("node")
    world.store.start()


def restart_the_nodes(world: World) -> None:
    """One by one, each back before the next goes: an upgrade of the cluster."""
    for node in world.store.nodes:
        node.server.stop()
        world.store.start()


FAULTS = [
    Fault("kill -9", kill, start, AWAY, stores=STORES, short=True),
    Fault("429 to every bulk", overload, calm, Told("429", "waiting for the store", WAITING_STORE), stores=STORES),
    Fault("bulks that fail in part", refuse_some, calm, untold="refused items are sent again within the commit; foldline_commit_seconds grows", stores=STORES, short=True),
    Fault("answers lost", lose_answers, calm, Told(log="waiting for the store", metric=RETRIES), stores=STORES),
    Fault("connections cut around bulks", cut_answers, nothing, Told(log="waiting for the store", metric=RETRIES), stores=STORES),
    Fault("a slow node (2 s a request)", slow, calm, untold="commits go on, slower; foldline_commit_seconds grows", stores=STORES, hold_s=(5, 6), times=1, progress_goes_on=True),
    Fault("a silent network", freeze, flow, untold="three seconds are no silence: that is told after 15 s", stores=STORES),
    Fault("an index closed by hand", close_index, open_index, Told("clos", "waiting for the store", WAITING_STORE), stores=STORES, hold_s=(2, 4)),
    Fault("an index blocked (flood stage)", block_writes, allow_writes, Told("block", "waiting for the store", WAITING_STORE), stores=STORES, hold_s=(2, 4)),
    Fault("an ingest pipeline that is not there", name_a_pipeline, take_the_pipeline, Told("pipeline with id", "waiting for the store", WAITING_STORE), stores=STORES, hold_s=(2, 4)),
    Fault("a red index", make_red, make_green, Told("shard", "waiting for the store", WAITING_STORE, within_s=120), stores=STORES, times=1),
]
CLUSTER = [
    Fault("a node of three killed that holds primaries (kill -9)", kill_a_node_with_primaries, start_the_node, untold="the other nodes are asked, and commits go on", stores=STORES, hold_s=(3, 5), times=3, progress_goes_on=True),
    Fault("rolling restart of three nodes", restart_the_nodes, nothing, untold="the other nodes are asked, and commits go on", stores=STORES, times=1, hold_s=(0, 1)),
]
COMBINABLE = [f for f in FAULTS if f.name.split()[0] in ("kill", "429", "bulks", "answers", "connections")]
