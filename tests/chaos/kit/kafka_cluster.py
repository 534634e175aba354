"""Kafka brokers that the tests may kill, behind a proxy each. Three of them are one cluster: every topic has three replicas and takes writes
while two are in step. Workers meet the brokers through the proxies, the tests' own clients directly."""

import base64
import os
import pathlib
import secrets
import signal
import subprocess
from typing import Dict, List, Optional

from harness.kafka import Kafka
from harness.proxy import Proxy
from harness.servers import ROOT, Stack
from harness.waiting import wait_until

from .processes import SERVER_USER, Place, Server, free_port, run_as_server_user, server_group

START_TIMEOUT_S = 120
SMALL_DISK_MB = 200
CONFIGURATION = ROOT / "deploy" / "local" / "servers" / "kafka"

PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=DIRECT://127.0.0.1:{direct},WORKER://127.0.0.1:{worker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=DIRECT://127.0.0.1:{direct},WORKER://127.0.0.1:{proxy}
inter.broker.listener.name=DIRECT
controller.listener.names=CONTROLLER
listener.security.protocol.map=DIRECT:PLAINTEXT,WORKER:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
message.max.bytes=33554432
replica.fetch.max.bytes=33554432
offsets.topic.num.partitions=4
offsets.topic.replication.factor={replicas}
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_step}
default.replication.factor={replicas}
min.insync.replicas={in_step}
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
replica.lag.time.max.ms=4000
controller.quorum.election.timeout.ms=1000
controller.quorum.fetch.timeout.ms=2000
leader.imbalance.check.interval.seconds=20
log.retention.check.interval.ms=1000
log.cleaner.backoff.ms=500
log.initial.task.delay.ms=1000
"""


def cache() -> pathlib.Path:
    """Where deploy/local/stack keeps the jars of servers."""
    home = pathlib.Path("/var/cache") if os.geteuid() == 0 else pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    return pathlib.Path(os.environ.get("FOLDLINE_CACHE", home / "foldline"))


def jars() -> List[pathlib.Path]:
    return sorted(cache().glob("kafka-*"))


def fetch_jars() -> None:
    if not jars():
        Stack().run("up", "kafka")
        Stack().run("down", "kafka")


class Broker:
    def __init__(self, node: int, place: Place, disk_mb: int = 0):
        self.node = node
        self.place = place
        self._disk_mb = disk_mb
        self._disk: Optional[subprocess.Popen] = None  # holds the mount namespace, so that the disk outlives the broker
        self.ports = {name: free_port() for name in ("direct", "worker", "controller")}
        self.proxy = Proxy(("127.0.0.1", self.ports["worker"]))
        self.data = place.directory(f"data-{node}")
        self.server: Server

    def java(self, heap: str, level: str, *arguments: str) -> List[str]:
        options = ["-XX:+UseSerialGC", "-Djava.awt.headless=true", f"-Dlog4j2.configurationFile={self.place.path}/log4j2.properties"]
        return ["java", f"-Xms{heap}", "-Xmx512m", *options, f"-Dfoldline.log.level={level}", "-cp", f"{jars()[-1]}/*", *arguments]

    def prepare(self, properties: str, cluster_id: str) -> None:
        file = self.place.file(f"server-{self.node}.properties", properties)
        if self._disk_mb:
            self._mount()
        form = self.java("64m", "WARN", "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(file))
        command = self.java("256m", "INFO", "kafka.Kafka", str(file))
        log = self.place.path / f"broker-{self.node}.log"
        if self._disk is None:
            run_as_server_user(form, self.place.path)
            self.server = Server(command, log, self.place.path)
        else:
            subprocess.run([*self._within(), *form], check=True, capture_output=True, timeout=60)
            self.server = Server([*self._within(), *command], log, self.place.path, drop=False)

    # A small disk: a tmpfs that only this broker sees

    def _mount(self) -> None:
        script = f"mount -t tmpfs -o size={self._disk_mb}m,mode=0777 foldline-chaos {self.data} && echo mounted && exec sleep infinity"
        self._disk = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self._disk.stdout is not None and self._disk.stdout.readline() == "mounted\n", "the small disk can't be mounted"

    def _within(self) -> List[str]:
        drop = ["setpriv", f"--reuid={SERVER_USER}", f"--regid={server_group()}", "--clear-groups"] if os.geteuid() == 0 else []
        return ["nsenter", "-m", "-t", str(self._disk.pid), *drop]

    def fill_disk(self) -> None:
        with open(f"/proc/{self._disk.pid}/root{self.data}/filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"\0" * 4096)
            except OSError:
                pass

    def empty_disk(self) -> None:
        pathlib.Path(f"/proc/{self._disk.pid}/root{self.data}/filler").unlink(missing_ok=True)

    def down(self) -> None:
        self.server.kill()
        if self._disk is not None:
            self._disk.kill()
            self._disk.wait()
        self.proxy.close()

    def start(self) -> None:
        if not self.server.running:
            self.started = self.server.log().count("Kafka Server started")
            self.server.start()

    def wait_started(self) -> None:
        def started():
            return self.server.assert_running() and self.server.log().count("Kafka Server started") > self.started

        wait_until(started, START_TIMEOUT_S, f"broker {self.node} has started")


class KafkaCluster:
    def __init__(self, brokers: int = 3, small_disk: int = 0):
        """`small_disk`: the number of the broker whose disk is a small one."""
        fetch_jars()
        self.place = Place("kafka")
        self.place.file("log4j2.properties", (CONFIGURATION / "log4j2.properties").read_text())
        self.brokers = [Broker(node, self.place, SMALL_DISK_MB if node == small_disk else 0) for node in range(1, brokers + 1)]
        cluster_id = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=").replace("-", "A")
        for broker in self.brokers:
            broker.prepare(self._properties(broker), cluster_id)
        self.start()
        self.client = self.new_client()

    def _properties(self, broker: Broker) -> str:
        voters = ",".join(f"{other.node}@127.0.0.1:{other.ports['controller']}" for other in self.brokers)
        replicas = len(self.brokers)
        values: Dict[str, object] = dict(node=broker.node, voters=voters, proxy=broker.proxy.port, data=broker.data, **broker.ports)
        return PROPERTIES.format(replicas=replicas, in_step=max(1, replicas - 1), **values)

    @property
    def direct(self) -> str:
        return ",".join(f"127.0.0.1:{broker.ports['direct']}" for broker in self.brokers)

    @property
    def for_workers(self) -> str:
        return ",".join(f"127.0.0.1:{broker.proxy.port}" for broker in self.brokers)

    def new_client(self) -> Kafka:
        return Kafka(self.direct, replicas=len(self.brokers))

    def start(self) -> None:
        for broker in self.brokers:
            broker.start()
        for broker in self.brokers:
            broker.wait_started()

    def kill_all(self) -> None:
        for broker in self.brokers:
            broker.server.kill()

    def stop_all(self) -> None:
        for broker in self.brokers:
            broker.server.signal(signal.SIGTERM)
        for broker in self.brokers:
            broker.server.stop()

    def leader(self, topic: str, partition: int) -> Broker:
        leader = self.client._admin.list_topics(topic, timeout=20).topics[topic].partitions[partition].leader
        return self.brokers[leader - 1]

    def coordinator(self, group: str) -> Broker:
        """Kafka's own rule: the leader of the offsets topic's partition that the group's name hashes to (String.hashCode)."""
        number = 0
        for character in group:
            number = (31 * number + ord(character)) & 0xFFFFFFFF
        return self.leader("__consumer_offsets", (number & 0x7FFFFFFF) % 4)

    def flow(self) -> None:
        for broker in self.brokers:
            broker.proxy.flow()

    def down(self) -> None:
        for broker in self.brokers:
            broker.down()
        self.place.remove()
