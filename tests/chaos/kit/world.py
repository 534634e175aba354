"""One scenario's world: a projection in one of the three stores, a fleet of workers that a supervisor would keep, traffic that does not stop."""

import pathlib
import random
import subprocess
from typing import Any, Dict, List, Optional

from harness.cache import CacheScenario
from harness.postgres import Database
from harness.redis_server import Cache
from harness.scenario import Scenario, unique_name
from harness.search import Search, SearchScenario, address_names
from harness.worker import Worker

from .search_cluster import ClusterSearch, SearchCluster

# The shortest session that brokers allow by default: a dead or frozen worker's partitions move after it.
OPTIONS = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 1000, "topic.metadata.refresh.interval.ms": 1000, "reconnect.backoff.max.ms": 1000}
PARTITIONS = 4
PER_SECOND = 500


class PairDatabase(Database):
    """In whichever server is the primary now; the tests' own way, past the proxy."""

    def __init__(self, pair, name: str):
        self._pair = pair
        super().__init__(pair.primary.url, name)

    @property
    def url(self) -> str:
        return self._pair.primary.url.rpartition("/")[0] + "/" + self.name

    @url.setter
    def url(self, _: str) -> None:
        pass

    def drop(self) -> None:
        self._server_url = self._pair.primary.url
        super().drop()


class PairCache(Cache):
    def __init__(self, pair, name: str):
        self._pair = pair
        super().__init__("", name)

    def client(self):
        return self._pair.master.client()


class World:
    """Wraps a Scenario: `scenario` is the projection's, `store` and `cluster` are the servers, which the faults hurt."""

    def __init__(self, kind: str, scenario: Scenario, store: Any, cluster: Any, seed: int):
        self.kind = kind
        self.scenario = scenario
        self.store = store
        self.cluster = cluster
        self.random = random.Random(seed)
        self.seed = seed
        self.fleet: List[Worker] = []
        self.arguments: tuple = ()
        self.worker_env: Dict[str, str] = {}
        self.notes: Dict[str, Any] = {}  # between a fault's strike and its end
        self._generator: Optional[subprocess.Popen] = None
        self._generations = 0
        self._per_second = PER_SECOND
        self._wanted = False

    @property
    def name(self) -> str:
        return self.scenario.name

    # Workers

    def add_worker(self, within: Optional[pathlib.Path] = None) -> Worker:
        """`within`: the cgroup.procs of the cgroup in which it starts."""
        worker = self.scenario.worker(*self.arguments, env={**self.env, **self.worker_env})
        if within is not None:
            wrapper = self.scenario.directory / "in-cgroup"
            wrapper.write_text(f'#!/bin/sh\necho $$ >{within}\nexec {self.scenario.binary} "$@"\n')
            wrapper.chmod(0o755)
            worker._binary = str(wrapper)
        self.fleet.append(worker.start())
        return worker

    def remove_worker(self, worker: Worker, how: str = "kill") -> None:
        self.fleet.remove(worker)
        if how == "kill":
            worker.kill()
        else:
            assert worker.stop(40) == 0, worker.log_tail()

    @property
    def env(self) -> Dict[str, str]:
        if self.kind == "search":
            urls = self.store.url.split()
            return {"KAFKA_BROKERS": self.cluster.for_workers, **dict(zip(address_names(len(urls)), urls))}
        url = {"postgres": "POSTGRES_URL", "redis": "REDIS_URL"}[self.kind]
        value = self.store.url
        if self.kind == "postgres":
            value = value.rpartition("/")[0] + "/" + self.name
        return {"KAFKA_BROKERS": self.cluster.for_workers, url: value}

    # Traffic

    def start_traffic(self, per_second: int = PER_SECOND) -> None:
        self._per_second, self._wanted = per_second, True
        self.keep_traffic()

    def keep_traffic(self) -> None:
        """A generator that a broker's death has ended is followed by another."""
        if not self._wanted or (self._generator is not None and self._generator.poll() is None):
            return
        self._generations += 1
        self._generator = self.scenario.generate_slowly(
            1_000_000, self._per_second, seed=self.seed % 1_000_000 + self._generations, duplicates=0.03, malformed=0.002
        )

    def stop_traffic(self) -> None:
        """What it had not sent yet never was an event: the topic is what counts."""
        self._wanted = False
        if self._generator is not None:
            self._generator.kill()
            self._generator.communicate()
        self._generator = None

    # Where it stands

    def committed(self) -> int:
        return sum(self.scenario.checkpoints().values())

    def tear_down(self) -> None:
        self.stop_traffic()
        for worker in self.fleet:
            if worker.running:
                worker.thaw()
        self.scenario.tear_down()


def make_world(kind: str, binary: str, store: Any, cluster: Any, directory: pathlib.Path, seed: int) -> World:
    name = unique_name()
    make = {"postgres": _postgres, "redis": _redis, "search": _search}[kind]
    scenario = make(name, binary, store, cluster.client, directory)
    scenario.make_topic(PARTITIONS).write_file(options=OPTIONS)
    return World(kind, scenario, store, cluster, seed)


def _postgres(name, binary, store, kafka, directory) -> Scenario:
    return Scenario(name, binary, kafka, PairDatabase(store, name), directory)


def _redis(name, binary, store, kafka, directory) -> Scenario:
    cache = store.cache(name) if hasattr(store, "cache") else PairCache(store, name)
    return CacheScenario(name, binary, kafka, cache, directory)


def _search(name, binary, store, kafka, directory) -> Scenario:
    if isinstance(store, SearchCluster):
        scenario = SearchScenario(name, binary, kafka, ClusterSearch(store, name), directory)
        scenario.replicas, scenario.addresses = store.replicas, len(store.nodes)
        return scenario
    return SearchScenario(name, binary, kafka, Search(store.server.url, name), directory)
