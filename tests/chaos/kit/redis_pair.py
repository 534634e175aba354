"""A Redis behind a proxy, with a replica when it is asked for. Workers and tests meet it at the proxy's address, which follows a failover."""

import shutil
import subprocess
from typing import Optional

import redis

from harness.proxy import Proxy
from harness.redis_server import copy_append_only_files
from harness.waiting import wait_until

from .processes import Place, Server, free_port

PASSWORD = "chaos-secret"
CONFIGURATION = """\
bind 127.0.0.1
port {port}
dir {data}
requirepass {password}
masterauth {password}
maxmemory-policy noeviction
appendonly yes
appendfsync always
save ""
repl-diskless-sync-delay 0
daemonize no
logfile ""
"""


class RedisNode:
    def __init__(self, place: Place, name: str):
        self.port = free_port()
        self.data = place.directory(name)
        configuration = place.file(f"{name}.conf", CONFIGURATION.format(port=self.port, data=self.data, password=PASSWORD))
        self.server = Server(["redis-server", str(configuration)], place.path / f"{name}.log", place.path)

    def client(self) -> redis.Redis:
        return redis.Redis(host="127.0.0.1", port=self.port, password=PASSWORD, decode_responses=True, socket_timeout=10)

    def start(self) -> None:
        if self.server.running:
            return
        self.server.start()
        wait_until(self.answers, 60, f"Redis at {self.port} answers")

    def answers(self) -> bool:
        self.server.assert_running()
        try:
            with self.client() as client:
                return client.ping()
        except redis.RedisError as error:
            raise AssertionError(str(error)) from None


class RedisPair:
    def __init__(self):
        self.place = Place("redis")
        self.master = RedisNode(self.place, "node-0")
        self.master.start()
        self.replica: Optional[RedisNode] = None
        self.stream: Optional[Proxy] = None
        self._made = 1
        self.proxy = Proxy(("127.0.0.1", self.master.port))

    @property
    def url(self) -> str:
        return f"redis://default:{PASSWORD}@127.0.0.1:{self.proxy.port}/0"

    def start(self) -> None:
        self.master.start()
        self.proxy.flow()

    def stop(self) -> None:
        self.master.server.stop()

    def kill(self) -> None:
        self.master.server.kill()

    def remember(self) -> None:
        """What has reached the disk by now."""
        with self.master.client() as client:
            copy_append_only_files(client, self.master.data / "appendonlydir", self.place.path / "remembered")

    def fall_back(self) -> None:
        """kill -9, and back with what was remembered: the writes since then are lost."""
        self.kill()
        shutil.rmtree(self.master.data / "appendonlydir")
        subprocess.run(["cp", "-a", str(self.place.path / "remembered"), str(self.master.data / "appendonlydir")], check=True)
        self.master.start()

    def make_replica(self) -> None:
        self.stream = Proxy(("127.0.0.1", self.master.port))
        self.replica = RedisNode(self.place, f"node-{self._made}")
        self._made += 1
        self.replica.start()
        with self.replica.client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", self.stream.port)
            wait_until(lambda: client.info("replication").get("master_link_status") == "up", 30, "the replica streams")

    def leave_the_replica_behind(self) -> None:
        self.stream.refuse()

    def fail_over(self) -> None:
        """The master dies, the replica is promoted, and answers at the same address."""
        self.master.server.kill()
        replica, self.replica = self.replica, None
        with replica.client() as client:
            client.execute_command("REPLICAOF", "NO", "ONE")
        self.master = replica
        self.proxy.point_at(("127.0.0.1", replica.port))
        self.stream.close()

    def down(self) -> None:
        self.master.server.kill()
        if self.replica is not None:
            self.replica.server.kill()
        self.proxy.close()
        self.place.remove()
