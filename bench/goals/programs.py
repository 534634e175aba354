"""The programs that a benchmark starts: the worker under measurement, the topic's writer, and the limit programs."""

import http.client
import json
import os
import pathlib
import re
import subprocess
import time

from servers import ROOT, cpu_seconds, memory_bytes, peak_memory_bytes, thread_cpu_seconds

from harness.waiting import wait_until
from harness.worker import Worker

BUILD = ROOT / "build"
POLL_INTERVAL_S = 0.04  # each look takes about half a millisecond of the worker's time
CLOSE_POLL_INTERVAL_S = 0.002  # ... while it has nothing to do, or is about to be done
STALLED_AFTER_S = 60
LIMIT_TIMEOUT_S = 900
RECORDS = re.compile(r"^foldline_records_total(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
WAITING = re.compile(r"^foldline_queue_records(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


class Failure(Exception):
    """A case can't go on; the others can."""


def run_limit(program, arguments, env):
    """A limit program's line of JSON, with the processor time that it took."""
    path = BUILD / "bench" / program
    done = subprocess.run([str(path), *map(str, arguments)], env={**os.environ, **env}, capture_output=True, text=True, timeout=LIMIT_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise Failure(f"{program} {' '.join(map(str, arguments))}: exit {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])


class Fill:
    """Events that stand written in the topic and become visible with commit()."""

    def __init__(self, servers, topic, workload, events, **options):
        command = [str(BUILD / "bench" / "fill_topic"), "--brokers", servers.url("kafka"), "--topic", topic]
        command += ["--workload", workload, "--events", str(events)]
        for name, value in options.items():
            command += ["--" + name, str(value)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self._process.stdout.readline()
        if not line:
            raise Failure(f"fill_topic: {self._process.communicate()[1].strip()}")
        self.totals = json.loads(line)

    def commit(self):
        """The time at which the broker had committed."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        now = time.monotonic()
        if answer.strip() != "committed":
            raise Failure(f"fill_topic: {self._process.communicate()[1].strip()}")
        self._process.communicate()
        return now


def wait_committed(workers, wanted):
    """The time at which so many records were committed."""
    return _watch(workers, wanted)[1]


def wait_arrival(workers, done):
    """The time of the last look at which nothing behind `done` had arrived: no later than the first records."""
    return _watch(workers, done + 1, and_waiting=True)[0]


def _watch(workers, wanted, and_waiting=False):
    """When the last look began that saw too few records, and when the first one had ended that saw enough."""
    last, last_change = -1, time.monotonic()
    too_early = last_change
    first = None  # records, and when
    while True:
        began = time.monotonic()
        seen = sum(worker.records(and_waiting) for worker in workers)
        now = time.monotonic()
        if seen >= wanted:
            return too_early, now
        too_early = began
        first = first or (seen, now)
        if seen != last:
            last, last_change = seen, now
        for worker in workers:
            if not worker.worker.running or now - last_change > STALLED_AFTER_S:
                raise Failure(f"{seen} of {wanted} records, and no more\n{worker.worker.log_tail()}")
        time.sleep(CLOSE_POLL_INTERVAL_S if and_waiting else until_next_look_s(seen - first[0], now - first[1], wanted - seen))


def until_next_look_s(done, took_s, left):
    """Seldom while there is much to do, often towards the end: half of the time that what is left will take, within bounds."""
    left_s = left * took_s / done if done > 0 else POLL_INTERVAL_S
    return min(POLL_INTERVAL_S, max(CLOSE_POLL_INTERVAL_S, left_s / 2))


class MeasuredWorker:
    """One `foldline run`, watched through /metrics over one connection."""

    def __init__(self, servers, binary, file, env, arguments=()):
        self._servers = servers
        log = pathlib.Path(file).with_suffix(".log")
        self.worker = Worker(binary, pathlib.Path(file), log, env, tuple(arguments))
        self.began = time.monotonic()
        self.worker.start()
        self.worker.wait_ready(60)
        self.ready_s = time.monotonic() - self.began
        self._connection = http.client.HTTPConnection("127.0.0.1", self.worker.port, timeout=30)

    @property
    def pid(self):
        return self.worker.pid

    def wait_assigned(self, partitions):
        wait_until(lambda: self.assigned() == partitions, 60, f"the worker has {partitions} partitions")
        return self

    def assigned(self):
        return len(self.worker.metrics().all("foldline_committed_offset"))

    def metrics_text(self):
        for attempt in (1, 2):
            try:
                self._connection.request("GET", "/metrics")
                return self._connection.getresponse().read().decode()
            except (http.client.HTTPException, OSError):
                self._connection.close()  # the worker closes idle connections; another is made
                if attempt == 2:
                    raise
        raise AssertionError("not reached")

    def records(self, and_waiting=False):
        """Records in committed batches since the worker's start; `and_waiting`: and those that have arrived."""
        text = self.metrics_text()
        return int(sum(float(value) for pattern in (RECORDS, WAITING)[: 1 + and_waiting] for value in pattern.findall(text)))

    def cpu_seconds(self):
        return cpu_seconds(self.pid)

    def thread_cpu_seconds(self):
        return thread_cpu_seconds(self.pid)

    def memory_bytes(self):
        return memory_bytes(self.pid)

    def peak_memory_bytes(self):
        return peak_memory_bytes(self.pid)

    def metric(self, name):
        return self.worker.metrics().sum(name)

    def stop(self):
        self._connection.close()
        code = self.worker.stop()
        if code != 0:
            raise Failure(f"the worker's exit code is {code}\n{self.worker.log_tail()}")

    def kill(self):
        self.worker.kill()
