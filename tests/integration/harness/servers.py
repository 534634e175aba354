"""The servers: those that the environment names, else the local stack; and a PostgreSQL that a test may stop and kill."""

import os
import pathlib
import shlex
import subprocess
from typing import Dict, Optional

ROOT = pathlib.Path(__file__).resolve().parents[3]
DATA = ROOT / "tests" / "data"
STACK = ROOT / "deploy" / "local" / "stack"
STACK_TIMEOUT_S = 400


class Stack:
    """One `deploy/local/stack`; every STACK_DIR is a stack of its own."""

    def __init__(self, directory: Optional[pathlib.Path] = None):
        self._env = dict(os.environ)
        if directory is not None:
            self._env["STACK_DIR"] = str(directory)

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(STACK), *arguments], env=self._env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=STACK_TIMEOUT_S, check=False
        )
        assert done.returncode == 0, f"stack {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def environment(self, *servers: str) -> Dict[str, str]:
        out = {}
        for line in self.run("env", *servers).splitlines():
            for word in shlex.split(line):
                name, equals, value = word.partition("=")
                if equals:
                    out[name] = value
        return out


class OutagePostgres:
    """A PostgreSQL beside the shared one, so that its outages hurt no other test."""

    def __init__(self, directory: pathlib.Path):
        self._stack = Stack(directory)
        self._stack.run("up", "postgres")
        self.url = self._stack.environment("postgres")["POSTGRES_URL"]

    def stop(self) -> None:
        self._stack.run("stop", "postgres")

    def start(self) -> None:
        self._stack.run("start", "postgres")

    def kill(self) -> None:
        """kill -9 of the server and its backends."""
        self._stack.run("kill", "postgres")

    def down(self) -> None:
        self._stack.run("wipe", "postgres")


def shared_servers() -> Dict[str, str]:
    """KAFKA_BROKERS, POSTGRES_URL and REDIS_URL."""
    names = {"KAFKA_BROKERS": "kafka", "POSTGRES_URL": "postgres", "REDIS_URL": "redis"}
    found = {name: os.environ[name] for name in names if os.environ.get(name)}
    missing = [server for name, server in names.items() if name not in found]
    if missing:
        stack = Stack()
        stack.run("up", *missing)
        found.update({name: value for name, value in stack.environment(*missing).items() if name in names})
    return found


def search_url() -> str:
    """SEARCH_URL, else the local stack's OpenSearch, which is started."""
    if os.environ.get("SEARCH_URL"):
        return os.environ["SEARCH_URL"]
    stack = Stack()
    stack.run("up", "opensearch")
    return stack.environment("opensearch")["SEARCH_URL"]
