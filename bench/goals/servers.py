"""The servers of a benchmark: those of the environment, else a stack of its own; and what processor time they have used."""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "integration")]

from harness.kafka import Kafka  # noqa: E402
from harness.servers import Stack  # noqa: E402

VARIABLES = {"kafka": "KAFKA_BROKERS", "postgres": "POSTGRES_URL", "redis": "REDIS_URL", "opensearch": "SEARCH_URL"}
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def process_table():
    """pid → (parent, CPU seconds of itself and of its children that have ended)."""
    out = {}
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (place / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has ended
        out[int(place.name)] = (int(fields[1]), sum(int(fields[i]) for i in (11, 12, 13, 14)) / TICKS_PER_S)
    return out


def cpu_seconds(pid):
    """Of the process and all below it."""
    table = process_table()
    family, before = {pid}, 0
    while len(family) > before:
        before = len(family)
        family |= {child for child, (parent, _) in table.items() if parent in family}
    return sum(table[member][1] for member in family if member in table)


# The worker's threads by what they do, from their names.
THREADS = (("commit", "-commit"), ("lane", "lane-"), ("kafka_client", "rdk:"))


def thread_cpu_seconds(pid):
    """What each kind of thread has used; nanosecond clocks of the scheduler."""
    out = {kind: 0.0 for kind, _ in THREADS} | {"rest": 0.0}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text()
            seconds = int((task / "schedstat").read_text().split()[0]) / 1e9
        except OSError:
            continue  # it has ended
        out[next((kind for kind, mark in THREADS if mark in name), "rest")] += seconds
    return out


def peak_memory_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def memory_bytes(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Servers:
    """Started when a case first asks for one."""

    def __init__(self):
        self._stack = Stack()
        self._urls = {}
        self._pids = {}
        self._kafka = None

    def url(self, server):
        if server not in self._urls:
            given = os.environ.get(VARIABLES[server])
            if given:
                self._urls[server] = given
            else:
                self._start(server)
                self._urls[server] = self._stack.environment(server)[VARIABLES[server]]
                line = next(line for line in self._stack.run("status", server).splitlines() if line.startswith(server))
                self._pids[server] = int(line.split()[2])
        return self._urls[server]

    def _start(self, server):
        try:
            self._stack.run("up", server)
        except AssertionError:
            self._stack.run("up", server)  # a busy machine: it goes on waiting for the one that was started

    @property
    def kafka(self):
        if self._kafka is None:
            self._kafka = Kafka(self.url("kafka"))
        return self._kafka

    def cpu_seconds(self, server):
        """None for a server that is not ours."""
        self.url(server)
        return cpu_seconds(self._pids[server]) if server in self._pids else None

    def environment(self, *servers):
        return {VARIABLES[server]: self.url(server) for server in ("kafka", *servers)}

    def down(self):
        self._kafka = None  # its clients would complain that the broker goes
        if self._pids:
            self._stack.run("down", *self._pids)
