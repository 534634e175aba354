"""deploy/local/stack: whatever is killed, the next command mends it; and no stack touches another."""

import os
import pathlib
import shlex
import signal
import socket
import subprocess
import threading
import time

import pytest

STACK = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "local" / "stack"
TIMEOUT_S = 120


class Stack:
    def __init__(self, directory):
        self.directory = directory

    def start(self, *arguments):
        return subprocess.Popen(
            [str(STACK), *arguments], env={**os.environ, "STACK_DIR": str(self.directory)},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )

    def run(self, *arguments, code=0):
        process = self.start(*arguments)
        out, _ = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == code, out
        return out

    def status(self, server):
        """(state, pid) as the table has it."""
        row = next(line.split() for line in self.run("status").splitlines() if line.startswith(server))
        return row[1], int(row[2]) if row[2] != "-" else None

    def port(self, name):
        url = dict(word.split("=", 1) for word in shlex.split(self.run("env", name)) if "=" in word)
        return int(next(iter(url.values())).rsplit(":", 1)[1].split("/")[0])

    def sql(self, text):
        return self.run("tool", "postgres", "-XAtc", text).strip()


@pytest.fixture
def stack(tmp_path):
    stack = Stack(tmp_path / "stack")
    yield stack
    stack.run("wipe")


def test_up_twice_starts_once(stack):
    stack.run("up", "postgres")
    first = stack.status("postgres")
    assert first[0] == "up"
    assert stack.run("up", "postgres") == ""
    assert stack.status("postgres") == first


def test_two_commands_at_once_start_one_server(stack):
    both = [stack.start("up", "postgres") for _ in range(2)]
    for process in both:
        out, _ = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0, out
    assert stack.status("postgres")[0] == "up"


def test_killed_servers_keep_data_and_port(stack):
    stack.run("up", "postgres")
    port = stack.port("postgres")
    stack.sql("create table kept as select 42 as answer")
    stack.run("kill", "postgres")
    assert stack.status("postgres") == ("down", None)
    stack.run("start", "postgres")
    assert stack.port("postgres") == port
    assert stack.sql("select answer from kept") == "42"


def test_a_killed_postmaster_with_a_busy_worker_left_behind_can_be_started(stack):
    stack.run("up", "postgres")
    busy = stack.start("tool", "postgres", "-c", "select count(*) from generate_series(1, 100000000000)")
    deadline = time.monotonic() + 20
    while stack.sql("select count(*) from pg_stat_activity where query like '%generate_series%' and pid <> pg_backend_pid()") != "1":
        assert time.monotonic() < deadline
    os.kill(stack.status("postgres")[1], signal.SIGKILL)
    stack.run("start", "postgres")
    assert stack.sql("select 1") == "1"
    busy.communicate(timeout=TIMEOUT_S)


def test_a_taken_port_is_changed(stack):
    stack.run("up", "postgres")
    port = stack.port("postgres")
    stack.run("down")
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", port))
        thief.listen()
        stack.run("up", "postgres")
        assert stack.port("postgres") != port
        assert stack.sql("select 1") == "1"


def test_stacks_side_by_side_do_not_touch_each_other(stack, tmp_path):
    other = Stack(tmp_path / "other")
    try:
        stack.run("up", "postgres")
        other.run("up", "postgres")
        assert stack.port("postgres") != other.port("postgres")
        stack.sql("create table mine ()")
        assert other.sql("select to_regclass('mine') is null") == "t"
        other.run("down")
        assert stack.status("postgres")[0] == "up"
    finally:
        other.run("wipe")


def test_servers_do_not_run_as_root(stack):
    stack.run("up", "postgres")
    assert os.stat(f"/proc/{stack.status('postgres')[1]}").st_uid != 0


def test_a_half_made_data_directory_is_made_anew(stack):
    stack.run("up", "postgres")
    stack.run("wipe", "postgres")
    half = stack.directory / "postgres"
    stack.run("up", "postgres")
    stack.run("down")
    data = next(path for path in half.iterdir() if path.name.startswith("data-"))
    data.rename(f"{data}.new")  # what a killed initdb leaves
    stack.run("up", "postgres")
    assert stack.sql("select 1") == "1"


def test_kafka_comes_back_after_kill(stack):
    stack.run("up", "kafka")
    port = stack.port("kafka")
    os.kill(stack.status("kafka")[1], signal.SIGKILL)
    stack.run("up", "kafka")
    assert stack.port("kafka") == port
    assert stack.status("kafka")[0] == "up"


def test_a_port_that_is_about_to_become_free_is_waited_for(stack):
    """As that of a server which was just killed: the kernel closes its sockets after it has left the list of processes."""
    stack.run("up", "redis")
    port = stack.port("redis")
    stack.run("kill", "redis")
    with socket.socket() as dying:
        dying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        dying.bind(("127.0.0.1", port))
        dying.listen()
        closing = threading.Timer(0.7, dying.close)
        closing.start()
        stack.run("start", "redis")
        closing.join()
    assert stack.port("redis") == port


def test_mistakes_are_named(stack):
    assert "unknown server 'mysql'; known: elasticsearch7 elasticsearch8 kafka opensearch postgres redis" in stack.run("up", "mysql", code=1)
    assert "kill which server?" in stack.run("kill", code=1)
    assert "unknown command 'launch'" in stack.run("launch", code=2)
    assert "was never started" in stack.run("env", code=1)


def test_redis_is_killed_and_comes_back_with_what_it_had(stack):
    stack.run("up", "redis")
    assert stack.run("tool", "redis", "set", "kept", "yes").strip() == "OK"
    assert stack.run("tool", "redis", "config", "get", "maxmemory-policy").split() == ["maxmemory-policy", "noeviction"]
    stack.run("kill", "redis")
    assert stack.status("redis") == ("down", None)
    stack.run("start", "redis")
    assert stack.run("tool", "redis", "get", "kept").strip() == "yes"
    assert stack.run("up", "redis") == ""
