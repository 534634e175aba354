"""Slots move, masters of a cluster die, sentinels promote a replica that is behind."""

from harness.redis_cluster import bucket_slot
from harness.waiting import wait_until
from kit.fault import RETRIES, REWINDS, Fault, Told, nothing
from kit.world import World

STORES = ("redis",)


def move_slots(world: World) -> None:
    for bucket in world.random.sample(range(1, 64), 3) + [0]:
        world.store.cluster.move_slot(bucket_slot(world.name, bucket))


def kill_a_master(world: World) -> None:
    """That of bucket 0 one time in two: IDs stand there."""
    cluster = world.store.cluster
    slot = bucket_slot(world.name, world.random.choice([0, world.random.randrange(1, 64)]))
    world.notes["dead"] = master = cluster.master_of(slot)
    master.kill()
    wait_until(lambda: cluster.master_of(slot).port != master.port, 60, "a replica is promoted")


def start_it_again(world: World) -> None:
    world.notes.pop("dead").start()
    wait_until(world.store.cluster.whole, 60, "the cluster is up")


def hang_a_master(world: World) -> None:
    world.notes["hangs"] = node = world.random.choice(world.store.cluster.masters())
    node.freeze()


def go_on(world: World) -> None:
    world.notes.pop("hangs").thaw()
    wait_until(world.store.cluster.whole, 60, "the cluster is up")


def promote_a_replica_that_is_behind(world: World) -> None:
    sentinels = world.store.sentinels
    sentinels.leave_the_replica_behind()
    mark = world.committed()
    wait_until(lambda: world.committed() > mark + 500, 60, "commits that the replica does not have")
    world.notes["dead"] = old = sentinels.master
    old.kill()
    wait_until(lambda: sentinels.master.port != old.port, 90, "the sentinels have promoted the replica")


def join_again(world: World) -> None:
    world.notes.pop("dead")
    world.store.sentinels.join_again()
    wait_until(lambda: world.store.sentinels.replica_streams(), 60, "the old master follows the new one")


FAULTS_HOLD_S = (0, 0.5)
WAITED = Told(log="waiting for the store", metric=RETRIES)
OF_CLUSTERS = [
    Fault("cluster: slots migrate", move_slots, nothing, untold="the slots are asked for again, and commits go on", stores=STORES, hold_s=FAULTS_HOLD_S, times=3, short=True),
    Fault("cluster: a master dies, its replica is promoted", kill_a_master, start_it_again, WAITED, stores=STORES, hold_s=FAULTS_HOLD_S, times=3),
    # The worker waits for its answer; in the meantime the replica is promoted, and the one that hung comes back as its replica.
    Fault("cluster: a master hangs", hang_a_master, go_on, untold="its replica is promoted, and the commit goes there once 15 s have brought no answer; foldline_commit_seconds grows", stores=STORES, hold_s=(4, 6), times=2),
]
OF_SENTINELS = [
    Fault("failover by Sentinel to a replica that is behind", promote_a_replica_that_is_behind, join_again, Told(log="a checkpoint moved back", metric=REWINDS), stores=STORES, hold_s=FAULTS_HOLD_S, times=2),
]
