"""A PostgreSQL behind a proxy, with a streaming replica when it is asked for, on a disk that can be full. Workers and tests meet it at the
proxy's address, which follows a failover."""

import os
import pathlib
import signal
from typing import List, Optional

import psycopg2

from harness.proxy import Proxy
from harness.waiting import wait_until

from .processes import SERVER_USER, Place, Server, free_port, run_as_server_user, server_group

USER = "chaos"
READY_TIMEOUT_S = 60
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "40",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "wal_level": "replica",
    "hot_standby": "on",
    "max_wal_senders": "4",
    "wal_keep_size": "512MB",
    "fsync": "on",
}


def program(name: str) -> str:
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    assert found, "PostgreSQL is missing: run 'deploy/local/install servers'"
    return str(found[-1])


class Node:
    """One server process over one data directory."""

    def __init__(self, place: Place, name: str, disk_mb: int = 0):
        self.place = place
        self.port = free_port()
        self.data = place.directory(name)
        self.disk_mb = disk_mb
        settings = [word for key, value in {**SETTINGS, "port": str(self.port)}.items() for word in ("-c", f"{key}={value}")]
        command = [program("postgres"), "-D", str(self.data / "db"), *settings]
        if disk_mb:
            command = self._on_small_disk(command)
        self.server = Server(command, place.path / f"{name}.log", place.path, drop=not disk_mb)

    def _on_small_disk(self, command: List[str]) -> List[str]:
        """A tmpfs in a mount namespace of the server's own: nobody else sees it, and it goes with the server. The WAL lies elsewhere, as it
        should: on a full disk of its own the server does not die, it answers 53100."""
        wal = self.place.directory(f"{self.data.name}-wal")
        drop = f"setpriv --reuid={SERVER_USER} --regid={server_group()} --clear-groups" if os.geteuid() == 0 else ""
        script = (
            f"mount -t tmpfs -o size={self.disk_mb}m,mode=0777 foldline-chaos {self.data} && "
            f"{drop} {program('initdb')} -D {self.data}/db --username={USER} --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync "
            f"--wal-segsize=1 --waldir={wal} && exec {drop} \"$@\""
        )
        return ["unshare", "-m", "sh", "-c", script, "sh", *command, "-c", "min_wal_size=4MB", "-c", "max_wal_size=12MB", "-c", "wal_keep_size=0"]

    def make(self) -> None:
        if self.disk_mb:
            return
        options = [f"--username={USER}", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        run_as_server_user([program("initdb"), "-D", str(self.data / "db"), *options], self.place.path)

    def start(self) -> None:
        if self.server.running:
            return
        if not self.disk_mb:
            (self.data / "db" / "postmaster.pid").unlink(missing_ok=True)
        self.server.start()
        wait_until(self.answers, READY_TIMEOUT_S, f"PostgreSQL at {self.port} answers")

    def answers(self) -> bool:
        self.server.assert_running()
        try:
            psycopg2.connect(self.url, connect_timeout=2).close()
            return True
        except psycopg2.OperationalError as error:
            raise AssertionError(str(error)) from None

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def disk(self) -> pathlib.Path:
        """The data directory as the server sees it."""
        return pathlib.Path(f"/proc/{self.server.pid}/root{self.data}") if self.disk_mb else self.data

    def execute(self, statement: str) -> list:
        connection = psycopg2.connect(self.url, connect_timeout=5)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


class PostgresPair:
    def __init__(self, disk_mb: int = 0):
        self.place = Place("postgres")
        self.disk_mb = disk_mb
        self.primary = Node(self.place, "node-0", disk_mb)
        self.primary.make()
        self.primary.start()
        self.replica: Optional[Node] = None
        self._made = 1
        self.stream: Optional[Proxy] = None  # between replica and primary
        self.proxy = Proxy(("127.0.0.1", self.primary.port))

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.proxy.port}/postgres"

    def start(self) -> None:
        self.primary.start()
        self.proxy.flow()

    def stop(self) -> None:
        """In good order ("fast"): open sessions end."""
        self.primary.server.stop(signal.SIGINT)

    def kill(self) -> None:
        self.primary.server.kill()

    # A replica

    def make_replica(self) -> None:
        self.stream = Proxy(("127.0.0.1", self.primary.port))
        replica = Node(self.place, f"node-{self._made}")
        self._made += 1
        source = f"host=127.0.0.1 port={self.stream.port} user={USER}"
        run_as_server_user([program("pg_basebackup"), "-d", source, "-D", str(replica.data / "db"), "-X", "stream", "-R", "-c", "fast"], self.place.path)
        replica.start()
        wait_until(lambda: self.primary.execute("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"), 30, "the replica streams")
        self.replica = replica

    def leave_the_replica_behind(self) -> None:
        """It hears nothing more from the primary."""
        self.stream.refuse()

    def fail_over(self) -> None:
        """The primary dies, the replica is promoted, and answers at the same address."""
        self.primary.server.kill()
        replica, self.replica = self.replica, None
        replica.execute("SELECT pg_promote(true, 30)")
        self.primary = replica
        self.proxy.point_at(("127.0.0.1", replica.port))
        self.stream.close()

    # A disk

    def fill_disk(self) -> None:
        with open(self.primary.disk() / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"\0" * 65536)
            except OSError:
                pass

    def empty_disk(self) -> None:
        (self.primary.disk() / "filler").unlink(missing_ok=True)

    def down(self) -> None:
        self.primary.server.kill()
        if self.replica is not None:
            self.replica.server.kill()
        self.proxy.close()
        self.place.remove()
