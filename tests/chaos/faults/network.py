"""The network, on each link of a worker: to Kafka and to its store."""

import dataclasses
import time
from typing import Callable, List

from harness.proxy import Proxy
from kit.fault import RETRIES, Fault, Told, WAITING_STORE
from kit.world import World

STORES = ("postgres", "redis", "search")


def store_link(world: World) -> List[Proxy]:
    return [world.store.proxy]


def kafka_link(world: World) -> List[Proxy]:
    return [broker.proxy for broker in world.cluster.brokers]


class Link:
    """The same faults for each link; a class so that two faults of one link know each other by their methods."""

    def __init__(self, proxies: Callable[[World], List[Proxy]]):
        self.proxies = proxies

    def far(self, world: World) -> None:
        for proxy in self.proxies(world):
            proxy.slow_down(delay_s=0.1)

    def thin(self, world: World) -> None:
        for proxy in self.proxies(world):
            proxy.slow_down(bytes_per_s=64_000)

    def cut_again_and_again(self, world: World) -> None:
        for _ in range(8):
            for proxy in self.proxies(world):
                proxy.cut()
            time.sleep(world.random.uniform(0, 0.4))

    def refuse(self, world: World) -> None:
        for proxy in self.proxies(world):
            proxy.refuse()

    def half_open(self, world: World) -> None:
        """Nothing moves, and nobody is told; afterwards the old connections are dead."""
        for proxy in self.proxies(world):
            proxy.stall()

    def end_half_open(self, world: World) -> None:
        for proxy in self.proxies(world):
            proxy.cut()
            proxy.flow()

    def swallow(self, world: World) -> None:
        """One direction only: the server hears everything, nothing comes back."""
        for proxy in self.proxies(world):
            proxy.swallow_answers()

    def flow(self, world: World) -> None:
        for proxy in self.proxies(world):
            proxy.flow()

    def faults(self, name: str, stores, reset: Told, away: Told, silent: Told) -> List[Fault]:
        """`silent`: what tells that nothing moves although no connection has ended: within a minute."""
        return [
            Fault(f"{name}: latency of 100 ms each way", self.far, self.flow, untold=SLOWER, stores=stores, hold_s=(5, 6), times=1, progress_goes_on=True),
            Fault(f"{name}: 64 kB/s", self.thin, self.flow, untold=SLOWER, stores=stores, hold_s=(5, 6), times=1, progress_goes_on=True),
            Fault(f"{name}: reset again and again", self.cut_again_and_again, self.flow, reset, stores=stores, hold_s=(0, 0.5)),
            Fault(f"{name}: refused", self.refuse, self.flow, away, stores=stores, hold_s=(1, 3)),
            Fault(f"{name}: half-open", self.half_open, self.end_half_open, silent, stores=stores, times=1),
            Fault(f"{name}: answers lost, one way", self.swallow, self.end_half_open, silent, stores=stores, times=1),
        ]


SLOWER = "nothing fails; foldline_commit_seconds, foldline_latency_seconds and foldline_lag grow"
KAFKA_AWAY = Told("broker", "broker", within_s=60)
STORE_AWAY = Told("waiting_store", "waiting for the store", WAITING_STORE)
STORE = Link(store_link)
KAFKA = Link(kafka_link)
FAULTS = [
    *STORE.faults("store", STORES, Told(log="waiting for the store", metric=RETRIES), STORE_AWAY, dataclasses.replace(STORE_AWAY, within_s=60)),
    *KAFKA.faults("Kafka", ("postgres",), Told(log="kafka client: "), KAFKA_AWAY, dataclasses.replace(KAFKA_AWAY, within_s=60)),
]
COMBINABLE = [f for f in FAULTS if f.name.split(": ")[1].split()[0] in ("reset", "refused")]
