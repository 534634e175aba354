"""A Redis Cluster, and a Redis that sentinels watch: each with what a world asks of its store."""

from harness.redis_cluster import ClusterCache, RedisCluster, SentinelCache, SentinelSet
from harness.waiting import wait_until

from .processes import Place


class ClusterStore:
    def __init__(self):
        self.place = Place("redis-cluster")
        self.cluster = RedisCluster(self.place.path / "nodes")
        self.url = self.cluster.url

    def cache(self, name: str) -> ClusterCache:
        return ClusterCache(self.cluster, name)

    def start(self) -> None:
        self.cluster.start()
        wait_until(self.cluster.whole, 60, "the cluster is up")

    def down(self) -> None:
        self.cluster.down()
        self.place.remove()


class SentinelStore:
    def __init__(self):
        self.place = Place("redis-sentinel")
        self.sentinels = SentinelSet(self.place.path / "nodes")
        self.url = self.sentinels.url

    def cache(self, name: str) -> SentinelCache:
        return SentinelCache(self.sentinels, name)

    def start(self) -> None:
        self.sentinels.join_again()

    def down(self) -> None:
        self.sentinels.down()
        self.place.remove()
