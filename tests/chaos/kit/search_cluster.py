"""An OpenSearch cluster of three nodes that the tests may kill, behind a proxy each. Its jars are those of the local stack's one node."""

import json
import os
import pathlib
import urllib.error
import urllib.request
from typing import List

from harness.proxy import Proxy
from harness.search import Search
from harness.servers import Stack
from harness.waiting import wait_until

from .kafka_cluster import cache
from .processes import Place, Server, make_own, free_port

HERE = pathlib.Path(__file__).resolve().parent
START_TIMEOUT_S = 400  # a copy of a shard that was away is filled again
HEAP = os.environ.get("SEARCH_HEAP", "512m")


def jars() -> List[pathlib.Path]:
    return sorted(cache().glob("opensearch-*"))


class SearchNode:
    def __init__(self, number: int, place: Place):
        self.name = f"node-{number}"
        self.home = place.directory(self.name)
        self.port, self.transport = free_port(), free_port()
        self.proxy = Proxy(("127.0.0.1", self.port))
        self.server: Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class SearchCluster:
    """`replicas`: of the views that stand in it."""

    replicas = 1

    def __init__(self):
        if not jars():
            Stack().run("up", "opensearch")
            Stack().run("down", "opensearch")
        self.place = Place("search")
        source = self.place.file("SearchNode.java", (HERE / "SearchNode.java").read_text())
        self.nodes = [SearchNode(number, self.place) for number in range(1, 4)]
        seeds = ",".join(f"127.0.0.1:{node.transport}" for node in self.nodes)
        names = ",".join(node.name for node in self.nodes)
        for node in self.nodes:
            options = [f"-Xms{HEAP}", f"-Xmx{HEAP}", "-XX:+UseSerialGC", f"-Djava.io.tmpdir={node.home}", "-Djava.awt.headless=true", "-Dlog4j2.disable.jmx=true"]
            jar = jars()[-1]
            command = ["java", *options, "-cp", f"{jar}/classes:{jar}/lib/*", str(source), str(node.home), node.name, str(node.port), str(node.transport), seeds, names]
            node.server = Server(command, self.place.path / f"{node.name}.log", self.place.path)
            make_own(node.home / "config")
        self.start()

    @property
    def url(self) -> str:
        """The workers' way: all three addresses, tried in turn."""
        return " ".join(f"http://127.0.0.1:{node.proxy.port}" for node in self.nodes)

    def ask(self, path: str) -> dict:
        """Of whichever node answers first."""
        problem = None
        for node in self.nodes:
            if not node.server.running:
                continue
            try:
                with urllib.request.urlopen(node.url + path, timeout=10) as answer:
                    return json.load(answer)
            except (OSError, urllib.error.HTTPError) as error:
                problem = error
        raise AssertionError(f"no node answers {path}: {problem}")

    def living(self) -> SearchNode:
        return next(node for node in self.nodes if node.server.running)

    def start(self) -> None:
        for node in self.nodes:
            if not node.server.running:
                node.server.start()
        wait_until(self.whole, START_TIMEOUT_S, "all nodes are in the cluster, and every copy of a shard is there")
        for node in self.nodes:
            node.proxy.flow()

    def whole(self) -> bool:
        for node in self.nodes:
            node.server.assert_running()
        health = self.ask("/_cluster/health?timeout=5s")
        assert health["number_of_nodes"] == len(self.nodes) and health["status"] == "green", health
        return True

    def of_primaries(self, index: str) -> List[SearchNode]:
        shards = self.ask(f"/_cat/shards/{index}?format=json")
        names = {shard["node"] for shard in shards if shard["prirep"] == "p"}
        return [node for node in self.nodes if node.name in names]

    def down(self) -> None:
        for node in self.nodes:
            node.server.kill()
            node.proxy.close()
        self.place.remove()


class ClusterSearch(Search):
    """The tests' own way: past the proxies, to a node that lives."""

    def __init__(self, cluster: SearchCluster, prefix: str):
        self._cluster = cluster
        super().__init__("", prefix)

    @property
    def url(self) -> str:
        return self._cluster.living().url

    @url.setter
    def url(self, _: str) -> None:
        pass
