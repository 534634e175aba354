"""The demo's workers, one for each read model. Ends only those that an earlier run started: their pids stand in DEMO_DIR/NAME.pid."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from .common import BINARY, PLACE, ROOT, Failed, log_tail

STOP_TIMEOUT_S, START_TIMEOUT_S = 20, 30


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def metric(text, name, label=""):
    """The sum over all series of a name that have this label; 0 while there is none."""
    total = 0.0
    for line in text.splitlines():
        if line.startswith((name + "{", name + " ")) and label in line:
            total += max(0.0, float(line.rsplit(" ", 1)[1]))  # an offset that is not known yet is -1
    return int(total)


class Worker:
    def __init__(self, projection, store, file):
        self.projection, self.store, self.file = projection, store, file
        self.process, self.port = None, 0

    @property
    def log(self):
        return PLACE / f"{self.projection}.log"

    @property
    def pid_file(self):
        return PLACE / f"{self.projection}.pid"

    def running_pid(self):
        """Of the worker that an earlier run left, or None: the pid may be another program's by now."""
        try:
            pid = int(self.pid_file.read_text())
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                arguments = file.read().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if str(BINARY).encode() in arguments and self.file.encode() in arguments else None

    def stop(self):
        pid = self.running_pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while self.running_pid() == pid:
            if time.monotonic() > deadline:
                print(f"demo: the worker {self.projection} (pid {pid}) did not stop within {STOP_TIMEOUT_S} s: killing it", file=sys.stderr)
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        self.pid_file.unlink(missing_ok=True)

    def start(self):
        self.port = free_port()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(BINARY), "run", self.file, "--http", f"127.0.0.1:{self.port}"],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )
        self.pid_file.write_text(f"{self.process.pid}\n")

    def wait_ready(self):
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.get("/readyz")[0] != 200:
            self.check_alive()
            if time.monotonic() > deadline:
                raise Failed(f"the worker {self.projection} is not ready after {START_TIMEOUT_S} s; the end of {self.log}:\n{log_tail(self.log.name)}")
            time.sleep(0.05)

    def check_alive(self):
        if self.process.poll() is not None:
            raise Failed(f"the worker {self.projection} ended with code {self.process.returncode}; the end of {self.log}:\n{log_tail(self.log.name)}")

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return 0, ""

    def progress(self):
        """(records behind the checkpoints, lag, the metrics)"""
        metrics = self.get("/metrics")[1]
        return metric(metrics, "foldline_committed_offset"), metric(metrics, "foldline_lag"), metrics
