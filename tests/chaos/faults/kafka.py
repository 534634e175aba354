"""Brokers of a cluster of three die, restart, hand over; the group's coordinator is lost."""

import signal

from harness.waiting import wait_until
from kit.fault import Fault, Told, nothing
from kit.world import World


def kill_a_leader(world: World) -> None:
    broker = world.cluster.leader(world.scenario.topic, world.random.randrange(4))
    world.notes["broker"] = broker
    broker.server.kill()


def kill_the_coordinator(world: World) -> None:
    broker = world.cluster.coordinator(world.scenario.group)
    world.notes["broker"] = broker
    broker.server.kill()


def freeze_a_leader(world: World) -> None:
    """SIGSTOP: its sockets stay open and nothing answers."""
    broker = world.cluster.leader(world.scenario.topic, world.random.randrange(4))
    world.notes["frozen broker"] = broker
    broker.server.signal(signal.SIGSTOP)


def thaw_the_leader(world: World) -> None:
    world.notes.pop("frozen broker").server.signal(signal.SIGCONT)


def start_the_broker(world: World) -> None:
    broker = world.notes.pop("broker")
    broker.start()
    broker.wait_started()


def restart_one_by_one(world: World) -> None:
    """Leaders move at each: a rolling restart of the cluster."""
    for broker in world.cluster.brokers:
        broker.server.stop()
        broker.start()
        broker.wait_started()
        wait_until(lambda: in_step(world), 60, "all replicas are in step")


def in_step(world: World) -> bool:
    partitions = world.cluster.client._admin.list_topics(world.scenario.topic, timeout=20).topics[world.scenario.topic].partitions
    return all(len(partition.isrs) == len(world.cluster.brokers) for partition in partitions.values())


def kill_all(world: World) -> None:
    world.cluster.kill_all()


def start_all(world: World) -> None:
    world.cluster.start()


BROKER_GONE = Told(log="kafka client: ")
FAULTS = [
    Fault("a leader killed (kill -9)", kill_a_leader, start_the_broker, BROKER_GONE, hold_s=(6, 9), progress_goes_on=True, short=True),
    Fault("a leader frozen past its session", freeze_a_leader, thaw_the_leader, untold="another broker leads after its session; foldline_lag grows until then", hold_s=(10, 12), times=1),
    Fault("the group's coordinator killed", kill_the_coordinator, start_the_broker, BROKER_GONE, hold_s=(6, 9), progress_goes_on=True),
    Fault("rolling restart of the brokers", restart_one_by_one, nothing, BROKER_GONE, times=1, hold_s=(0, 1)),
    Fault("all brokers killed at once", kill_all, start_all, Told("broker", "broker", within_s=60), times=1, hold_s=(2, 4)),
]
COMBINABLE = [FAULTS[0], FAULTS[2]]
