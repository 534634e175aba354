"""One `foldline run` process: started, watched, frozen and killed."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from typing import Dict, List, Optional, Tuple

from .metrics import Metrics
from .waiting import wait_until

LOG_TAIL_LINES = 60
HTTP_TIMEOUT_S = 5.0
COUNTED_TIMEOUT_S = 10.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Worker:
    def __init__(self, binary: str, file: pathlib.Path, log: pathlib.Path, env: Dict[str, str], arguments: Tuple[str, ...] = ()):
        self.file = file
        self.log_path = log
        self._binary = binary
        self._arguments = arguments
        self._env = {**os.environ, **env}
        self._process: Optional[subprocess.Popen] = None
        self.port = 0

    def start(self) -> "Worker":
        assert not self.running, "the worker runs already"
        self.port = free_port()
        command = [self._binary, "run", str(self.file), "--http", f"127.0.0.1:{self.port}", *self._arguments]
        with open(self.log_path, "ab") as log:
            log.write(f"--- {' '.join(command)}\n".encode())
            log.flush()
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=self._env)
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> Optional[int]:
        return self._process.poll() if self._process is not None else None

    # Signals

    def kill(self) -> None:
        """kill -9, at whatever instruction it is."""
        if self._process is not None:
            if self.running:
                self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def stop(self, timeout_s: float = 30) -> int:
        """SIGTERM; the exit code."""
        self.terminate()
        return self.wait_exit(timeout_s)

    def wait_exit(self, timeout_s: float = 30) -> int:
        assert self._process is not None
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the worker has not ended within {timeout_s} s\n{self.log_tail()}") from None

    # What it says

    def get(self, path: str) -> Tuple[int, str]:
        """Status and body; (0, reason) when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=HTTP_TIMEOUT_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        except OSError as error:
            return 0, str(error)

    @property
    def ready(self) -> bool:
        return self.get("/readyz")[0] == 200

    @property
    def alive(self) -> bool:
        return self.get("/healthz")[0] == 200

    def wait_ready(self, timeout_s: float = 30) -> "Worker":
        def ready():
            assert self.running, f"the worker ended with {self.exit_code}\n{self.log_tail()}"
            status, body = self.get("/readyz")
            assert status == 200, f"/readyz {status}: {body.strip()}"
            return True

        wait_until(ready, timeout_s, f"worker {self.log_path.name} is ready")
        return self

    def metrics(self) -> Metrics:
        status, body = self.get("/metrics")
        assert status == 200, f"/metrics: {status} {body}"
        return Metrics(body)

    def wait_counted(self, count: float, name: str, **labels: str) -> None:
        """A commit is counted after the store has it: whoever saw it in the store may be there first."""

        def counted():
            assert self.metrics().sum(name, **labels) == count
            return True

        wait_until(counted, COUNTED_TIMEOUT_S, f"{name} {labels or ''} is {count:g}")

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self) -> str:
        lines = self.log().splitlines()[-LOG_TAIL_LINES:]
        return "\n".join([f"--- the end of {self.log_path.name}:", *lines])


def wait_exit_of_all(workers: List[Worker], timeout_s: float) -> List[int]:
    deadline = time.monotonic() + timeout_s
    return [worker.wait_exit(max(0.1, deadline - time.monotonic())) for worker in workers]


def run_once(
    binary: str, arguments: List[str], env: Dict[str, str], timeout_s: float = 60, answer: str = ""
) -> subprocess.CompletedProcess:
    """Any other subcommand, to its end; `answer` is what it reads."""
    return subprocess.run(
        [binary, *arguments], env={**os.environ, **env}, input=answer, capture_output=True, text=True, timeout=timeout_s, check=False
    )


def letters_of(records) -> List[dict]:
    """The letters of a dead-letter topic's records, each letterId once (G28); the marks that tools leave there are none."""
    found = {}
    for record in records:
        if any(name == "foldline-marker" for name, _ in record.headers):
            continue
        letter = json.loads(record.value)
        found.setdefault(letter["letterId"], letter)
    return list(found.values())
