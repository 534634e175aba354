"""A Redis Cluster of the tests' own, and servers that sentinels watch: processes on free ports, their data in a directory that goes with them."""

import binascii
import os
import pathlib
import signal
import socket
import subprocess
from typing import Dict, Iterator, List, Optional, Tuple

import redis

from .redis_server import Cache, DROP_BATCH, TIMEOUT_S
from .waiting import wait_until

PASSWORD = "cluster-secret"
BUCKETS = 64
NODE_TIMEOUT_MS = 2_000
CONFIGURATION = """\
bind 127.0.0.1
port {port}
dir {data}
requirepass {password}
masterauth {password}
maxmemory-policy noeviction
appendonly yes
appendfsync {fsync}
save ""
repl-diskless-sync-delay 0
daemonize no
"""
OF_A_CLUSTER = """\
cluster-enabled yes
cluster-config-file nodes.conf
cluster-node-timeout {timeout}
cluster-replica-validity-factor 0
"""


def free_ports(count: int) -> List[int]:
    """Below the kernel's own range, and with room for a node's second port, ten thousand above."""
    found: List[int] = []
    while len(found) < count:
        port = 12_000 + int.from_bytes(os.urandom(2), "big") % 8_000
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", port))
                other.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


class RedisProcess:
    """One redis-server. stop(), kill() and start() keep its data."""

    def __init__(self, directory: pathlib.Path, port: int, extra: str = "", fsync: str = "everysec", arguments: Tuple[str, ...] = ()):
        self.port = port
        self.data = directory / f"node-{port}"
        self.data.mkdir()
        self._arguments = arguments
        self._configuration = directory / f"{port}.conf"
        self._log = directory / f"{port}.log"
        self._configuration.write_text(CONFIGURATION.format(port=port, data=self.data, password=PASSWORD, fsync=fsync) + extra)
        self._process = None

    @property
    def address(self) -> Tuple[str, int]:
        return "127.0.0.1", self.port

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> "RedisProcess":
        if not self.running:
            with open(self._log, "ab") as log:
                self._process = subprocess.Popen(
                    ["redis-server", str(self._configuration), *self._arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            wait_until(self.answers, 60, f"Redis at {self.port} answers")
        return self

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError as error:
            raise AssertionError(str(error)) from None

    def client(self) -> redis.Redis:
        return redis.Redis(host="127.0.0.1", port=self.port, password=PASSWORD, decode_responses=True, socket_timeout=TIMEOUT_S)

    def kill(self) -> None:
        if self.running:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(30)

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)


class RedisCluster:
    """Three masters and a replica of each."""

    def __init__(self, directory: pathlib.Path, masters: int = 3, replicas: int = 1):
        directory.mkdir(parents=True, exist_ok=True)
        extra = OF_A_CLUSTER.format(timeout=NODE_TIMEOUT_MS)
        self.nodes = [RedisProcess(directory, port, extra) for port in free_ports(masters * (1 + replicas))]
        self.start()
        self.cli("--cluster", "create", *(f"127.0.0.1:{n.port}" for n in self.nodes), "--cluster-replicas", str(replicas), "--cluster-yes")
        wait_until(self.whole, 60, "the cluster is up")
        wait_until(lambda: len(self.replicas()) == masters * replicas, 60, "the replicas are known")

    @property
    def url(self) -> str:
        return f"redis+cluster://default:{PASSWORD}@" + ",".join(f"127.0.0.1:{n.port}" for n in self.nodes[:3])

    def cli(self, *arguments: str, timeout_s: float = 120) -> str:
        environment = {**os.environ, "REDISCLI_AUTH": PASSWORD}
        done = subprocess.run(["redis-cli", *arguments], env=environment, capture_output=True, text=True, timeout=timeout_s, check=False)
        assert done.returncode == 0, f"redis-cli {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self) -> None:
        for node in self.nodes:
            node.start()

    def down(self) -> None:
        for node in self.nodes:
            node.kill()

    def node_at(self, port: int) -> RedisProcess:
        return next(node for node in self.nodes if node.port == port)

    def _lines(self, of: Optional[RedisProcess] = None) -> List[List[str]]:
        """CLUSTER NODES, as `of` has it, else the first running node."""
        for node in [of] if of else self.nodes:
            if node.running:
                with node.client() as client:
                    raw = client.connection_pool.get_connection("CLUSTER")
                    raw.send_command("CLUSTER", "NODES")
                    text = raw.read_response()
                    client.connection_pool.release(raw)
                    return [line.split() for line in str(text).splitlines()]
        raise AssertionError("no node runs")

    def masters(self) -> List[RedisProcess]:
        """Those that serve slots."""
        found = [w for w in self._lines() if "master" in w[2] and "fail" not in w[2].replace("fail?", "") and len(w) > 8]
        return [self.node_at(int(words[1].split("@")[0].rpartition(":")[2])) for words in found]

    def replicas(self) -> Dict[int, str]:
        """port → the master's ID"""
        found = [w for w in self._lines() if "slave" in w[2] and "fail" not in w[2]]
        return {int(w[1].split("@")[0].rpartition(":")[2]): w[3] for w in found}

    def id_of(self, node: RedisProcess) -> str:
        with node.client() as client:
            return str(client.execute_command("CLUSTER MYID"))

    def whole(self) -> bool:
        for node in self.nodes:
            if not node.running:
                continue
            with node.client() as client:
                info = client.execute_command("CLUSTER INFO")
            text = info if isinstance(info, str) else "".join(f"{k}:{v}\n" for k, v in info.items())
            if "cluster_state:ok" not in text:
                raise AssertionError(f"{node.port}: {text[:60]}")
        return True

    def master_of(self, slot: int, told_by: Optional[RedisProcess] = None) -> RedisProcess:
        for words in self._lines(told_by):
            if "master" not in words[2] or "fail" in words[2]:
                continue
            for span in words[8:]:
                first, _, last = span.partition("-")
                if not span.startswith("[") and int(first) <= slot <= int(last or first):
                    return self.node_at(int(words[1].split("@")[0].rpartition(":")[2]))
        raise AssertionError(f"nobody serves slot {slot}")

    def move_slot(self, slot: int, pause=lambda: None) -> None:
        """Key by key, to another master, as redis-cli's reshard does it; `pause` runs between two handfuls of keys."""
        source = self.master_of(slot)
        target = next(node for node in self.masters() if node.port != source.port)
        with source.client() as from_, target.client() as to:
            to.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", self.id_of(source))
            from_.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", self.id_of(target))
            while keys := from_.execute_command("CLUSTER GETKEYSINSLOT", slot, 20):
                from_.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 10_000, "AUTH", PASSWORD, "KEYS", *keys)
                pause()
            # The target first. A node that heard the others' gossip in between may have dropped the slot: it is told until all agree, as
            # redis-cli's fix does.
            def agreed():
                for node in [target, source, *self.masters()]:
                    with node.client() as client:
                        client.execute_command("CLUSTER SETSLOT", slot, "NODE", self.id_of(target))
                for node in self.nodes:
                    assert not node.running or self.master_of(slot, node).port == target.port, f"{node.port} sees it elsewhere"
                return self.whole()

            wait_until(agreed, 60, f"slot {slot} has moved")


def bucket_slot(projection: str, bucket: int) -> int:
    return binascii.crc_hqx(f"{projection}:b{bucket}".encode(), 0) % 16_384


class ClusterCache(Cache):
    """Keys of one projection in a cluster: by the rule of docs/redis.md, not by the sink's code."""

    def __init__(self, cluster: RedisCluster, name: str, buckets: int = BUCKETS):
        super().__init__(cluster.url, name)
        self.cluster = cluster
        self.buckets = buckets

    def clients(self) -> List[redis.Redis]:
        return [node.client() for node in self.cluster.masters()]

    def drop(self) -> None:
        for client in self.clients():
            with client:
                for pattern in (f"{{{self.name}:b*", f"foldline:{{{self.name}:b*", f"foldline:{{{self.name}}}:*"):
                    keys = list(client.scan_iter(match=pattern, count=1000))
                    for key in keys:
                        client.unlink(key)

    def keys_at(self, client: redis.Redis, view: str) -> Iterator[Tuple[str, str]]:
        prefix = f"{self.name}:{view}:"
        for key in client.scan_iter(match=f"{{{self.name}:b*}}{prefix}*", count=1000):
            tag, _, name = key.partition("}")
            assert tag == f"{{{self.name}:b{binascii.crc_hqx(name.encode(), 0) % self.buckets}", f"{key} stands in the wrong bucket"
            yield name[len(prefix) :], key

    def checkpoints_of_buckets(self) -> Dict[Tuple[str, int], List[int]]:
        """By bucket; -1: none."""
        clients = {node.port: node.client() for node in self.cluster.masters()}
        prefixes = [(b, f"foldline:{{{self.name}:b{b}}}:g1:") for b in range(self.buckets)]
        owners = {b: clients[self.cluster.master_of(bucket_slot(self.name, b)).port] for b, _ in prefixes[:1]}
        out: Dict[Tuple[str, int], List[int]] = {}
        spans = self._spans()
        for place in owners[0].smembers(prefixes[0][1] + "partitions"):
            partition, topic = place.split(":", 1)
            offsets = []
            for b, prefix in prefixes:
                client = clients[next(port for first, last, port in spans if first <= bucket_slot(self.name, b) <= last)]
                offsets.append(int(client.hget(f"{prefix}checkpoint:{place}", "next_offset") or -1))
            out[topic, int(partition)] = offsets
        for client in clients.values():
            client.close()
        return out

    def _spans(self) -> List[Tuple[int, int, int]]:
        out = []
        for words in self.cluster._lines():
            if "master" not in words[2] or "fail" in words[2]:
                continue
            for span in words[8:]:
                first, _, last = span.partition("-")
                if not span.startswith("["):
                    out.append((int(first), int(last or first), int(words[1].split("@")[0].rpartition(":")[2])))
        return out

    def checkpoints(self, generation: int = 0) -> Dict[Tuple[str, int], int]:
        return {place: max(0, min(offsets)) for place, offsets in self.checkpoints_of_buckets().items()}


class SentinelCache(Cache):
    """Keys in whichever server the sentinels call the master."""

    def __init__(self, sentinels: "SentinelSet", name: str):
        super().__init__(sentinels.url, name)
        self.sentinels = sentinels

    def client(self) -> redis.Redis:
        return self.sentinels.master.client()


class SentinelSet:
    """A master, a replica of it behind a proxy that a test can cut, and three sentinels."""

    NAME = "orders-cache"

    def __init__(self, directory: pathlib.Path, count: int = 3):
        directory.mkdir(parents=True, exist_ok=True)
        ports = free_ports(2 + count)
        self.servers = [RedisProcess(directory, port).start() for port in ports[:2]]
        with self.servers[1].client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", self.servers[0].port)
            wait_until(lambda: client.info("replication").get("master_link_status") == "up", 30, "the replica streams")
        self.sentinels = [self._sentinel(directory, port, 2) for port in ports[2:]]
        wait_until(self._all_known, 60, "the sentinels know each other and the replica")

    def _sentinel(self, directory: pathlib.Path, port: int, quorum: int) -> subprocess.Popen:
        configuration = directory / f"sentinel-{port}.conf"
        configuration.write_text(
            f"bind 127.0.0.1\nport {port}\ndir {directory}\ndaemonize no\n"
            f"sentinel monitor {self.NAME} 127.0.0.1 {self.servers[0].port} {quorum}\nsentinel auth-pass {self.NAME} {PASSWORD}\n"
            f"sentinel down-after-milliseconds {self.NAME} 1000\nsentinel failover-timeout {self.NAME} 5000\n"
        )
        with open(directory / f"sentinel-{port}.log", "ab") as log:
            process = subprocess.Popen(
                ["redis-server", str(configuration), "--sentinel"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        process.port = port
        return process

    def _ask(self, port: int) -> Dict[str, str]:
        with redis.Redis(host="127.0.0.1", port=port, decode_responses=True, socket_timeout=5) as client:
            words = client.execute_command("SENTINEL MASTER", self.NAME)
        return words if isinstance(words, dict) else dict(zip(words[::2], words[1::2]))

    def _all_known(self) -> bool:
        for sentinel in self.sentinels:
            try:
                told = self._ask(sentinel.port)
            except redis.RedisError as error:
                raise AssertionError(str(error)) from None
            if int(told["num-other-sentinels"]) != len(self.sentinels) - 1 or int(told["num-slaves"]) < 1:
                return False
        return True

    @property
    def url(self) -> str:
        return f"redis+sentinel://default:{PASSWORD}@" + ",".join(f"127.0.0.1:{s.port}" for s in self.sentinels) + f"/{self.NAME}"

    @property
    def master(self) -> RedisProcess:
        for sentinel in self.sentinels:
            if sentinel.poll() is None:
                port = int(self._ask(sentinel.port)["port"])
                return next(server for server in self.servers if server.port == port)
        raise AssertionError("no sentinel runs")

    @property
    def replica(self) -> RedisProcess:
        return next(server for server in self.servers if server.port != self.master.port)

    def leave_the_replica_behind(self) -> None:
        """It stays a replica, and hears nothing more of its master."""
        with self.replica.client() as client:
            client.config_set("masterauth", "no-longer")
            client.execute_command("CLIENT KILL TYPE MASTER")
        with self.master.client() as client:
            client.execute_command("CLIENT KILL TYPE REPLICA")

    def join_again(self) -> None:
        for server in self.servers:
            with server.start().client() as client:
                client.config_set("masterauth", PASSWORD)

    def replica_streams(self) -> bool:
        with self.replica.client() as client:
            return client.info("replication").get("master_link_status") == "up"

    def down(self) -> None:
        for sentinel in self.sentinels:
            sentinel.kill()
            sentinel.wait(30)
        for server in self.servers:
            server.kill()
