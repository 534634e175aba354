"""Servers as processes of ours: run as a user who owns nothing else, killed with all their children, found again in no pid file."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
from typing import Dict, List, Optional

from harness.waiting import wait_until

SERVER_USER = os.environ.get("STACK_USER", "nobody")
STOP_TIMEOUT_S = 40


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def make_own(directory: pathlib.Path) -> pathlib.Path:
    """A new directory of the servers' user."""
    directory.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(directory, SERVER_USER, server_group())
    return directory


class Place:
    """A directory for servers' data. Root's temporary files may lie where no other user may read, so root's place lies elsewhere."""

    def __init__(self, name: str):
        root = pathlib.Path("/var/lib/foldline") if os.geteuid() == 0 else None
        if root is not None:
            root.mkdir(parents=True, exist_ok=True)
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=f"chaos-{name}-", dir=root))
        self.path.chmod(0o711)

    def directory(self, name: str) -> pathlib.Path:
        return make_own(self.path / name)

    def file(self, name: str, text: str) -> pathlib.Path:
        made = self.path / name
        made.write_text(text)
        made.chmod(0o644)
        return made

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def server_group() -> str:
    return subprocess.run(["id", "-gn", SERVER_USER], check=True, capture_output=True, text=True).stdout.strip()


def as_server_user() -> Dict[str, object]:
    """For subprocess: who runs it."""
    return {"user": SERVER_USER, "group": server_group(), "extra_groups": []} if os.geteuid() == 0 else {}


def run_as_server_user(command: List[str], directory: pathlib.Path, timeout_s: float = 60) -> str:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=timeout_s, check=False, **as_server_user())
    assert done.returncode == 0, f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


class Server:
    def __init__(self, command: List[str], log: pathlib.Path, directory: pathlib.Path, drop: bool = True):
        """`drop`: runs as the servers' user; False where the command does that itself."""
        self._command = command
        self._log = log
        self._directory = directory
        self._drop = drop
        self._process: Optional[subprocess.Popen] = None

    def start(self) -> None:
        assert not self.running
        with open(self._log, "ab") as log:
            user = as_server_user() if self._drop else {}
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=self._directory, start_new_session=True, **user
            )

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def assert_running(self) -> bool:
        assert self.running, f"{self._command[0]} ended\n{self.log()[-3000:]}"
        return True

    def kill(self) -> None:
        """kill -9, of its children too."""
        if self._process is None:
            return
        family = descendants(self._process.pid) if self.running else []
        for pid in [self._process.pid, *family]:
            _signal(pid, signal.SIGKILL)
        self._process.wait()
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in family), STOP_TIMEOUT_S, f"the children of {self._command[0]} are gone")

    def stop(self, how: int = signal.SIGTERM) -> None:
        if not self.running:
            return
        self.signal(how)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def signal(self, number: int) -> None:
        _signal(self.pid, number)


def descendants(pid: int) -> List[int]:
    out: List[int] = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return out
    for task in tasks:
        try:
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as children:
                found = [int(word) for word in children.read().split()]
        except OSError:
            continue
        for child in found:
            out += [child, *descendants(child)]
    return out


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
