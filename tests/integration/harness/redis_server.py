"""A look into Redis, and a Redis that a test may stop, kill and set back."""

import json
import pathlib
import shutil
import subprocess
from typing import Any, Dict, Iterator, List, Tuple

import redis

from .servers import Stack
from .waiting import wait_until

TIMEOUT_S = 10.0
DROP_BATCH = 1000


def copy_append_only_files(client: redis.Redis, files: pathlib.Path, place: pathlib.Path) -> None:
    """What has reached the disk by now. Owners are kept: the server reads it again. No rewrite may go on meanwhile, nor begin before the server
    starts anew: it replaces the files that the manifest names, one by one (redis.io, "Backing up AOF persistence")."""
    shutil.rmtree(place, ignore_errors=True)
    client.config_set("auto-aof-rewrite-percentage", 0)
    wait_until(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0, TIMEOUT_S, "no rewrite goes on")
    subprocess.run(["cp", "-a", str(files), str(place)], check=True)


class OutageRedis:
    """A Redis beside the shared one, so that its outages hurt no other test."""

    def __init__(self, directory: pathlib.Path):
        self._directory = directory
        self._stack = Stack(directory)
        self._stack.run("up", "redis")
        self.url = self._stack.environment("redis")["REDIS_URL"]

    @property
    def _data(self) -> pathlib.Path:
        return self._directory.resolve() / "redis" / "data" / "appendonlydir"

    def stop(self) -> None:
        self._stack.run("stop", "redis")

    def start(self) -> None:
        self._stack.run("start", "redis")

    def kill(self) -> None:
        """kill -9."""
        self._stack.run("kill", "redis")

    def down(self) -> None:
        self._stack.run("wipe", "redis")

    def remember(self, place: pathlib.Path) -> None:
        with redis.Redis.from_url(self.url, decode_responses=True, socket_timeout=TIMEOUT_S) as client:
            copy_append_only_files(client, self._data, place)

    def fall_back(self, place: pathlib.Path) -> None:
        """kill -9, and come back with what was remembered: the writes since then are lost."""
        self.kill()
        shutil.rmtree(self._data)
        subprocess.run(["cp", "-a", str(place), str(self._data)], check=True)
        self.start()


class Cache:
    """Keys of one projection; all begin with its name or stand in Foldline's own."""

    def __init__(self, url: str, name: str):
        self.url = url
        self.name = name

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, decode_responses=True, socket_timeout=TIMEOUT_S)

    def drop(self) -> None:
        with self.client() as client:
            patterns = (f"{self.name}:*", f"foldline:{{{self.name}:*", f"foldline:{{{self.name}}}:*")
            for pattern in patterns:
                keys = list(client.scan_iter(match=pattern, count=1000))
                for first in range(0, len(keys), DROP_BATCH):  # each call is an fsync
                    client.unlink(*keys[first : first + DROP_BATCH])
            for key in client.hkeys("foldline:views"):
                if key.startswith(self.name + ":"):
                    client.hdel("foldline:views", key)

    def generations(self) -> Dict[int, str]:
        """All but those that were dropped."""
        with self.client() as client:
            states = client.hgetall(f"foldline:{{{self.name}}}:generations")
        return {int(number): state for number, state in states.items() if state != "dropped"}

    def checkpoints(self, generation: int = 0) -> Dict[Tuple[str, int], int]:
        """Of the live generation unless another is named."""
        if generation == 0:
            generation = next((number for number, state in self.generations().items() if state == "live"), 1)
        prefix = f"foldline:{{{self.name}:g{generation}:b0}}:"
        out = {}
        with self.client() as client:
            for place in client.smembers(prefix + "partitions"):
                partition, topic = place.split(":", 1)
                offset = client.hget(f"{prefix}checkpoint:{place}", "next_offset")
                out[topic, int(partition)] = int(offset or 0)
        return out

    def clients(self) -> List[redis.Redis]:
        """Of each key space."""
        return [self.client()]

    def keys_at(self, client: redis.Redis, view: str) -> Iterator[Tuple[str, str]]:
        """(what stands behind the view's prefix, key)"""
        prefix = f"{self.name}:{view}:"
        for key in client.scan_iter(match=prefix + "*", count=1000):
            yield key[len(prefix) :], key

    def rows(self, view: str) -> Dict[str, Any]:
        """Counters as numbers, JSON as objects, sorted sets as member → score; hidden fields left out."""
        out = {}
        for client in self.clients():
            with client:
                self._read_rows(client, list(self.keys_at(client, view)), out)
        return out

    @staticmethod
    def _read_rows(client: redis.Redis, pairs: List[Tuple[str, str]], out: Dict[str, Any]) -> None:
        types = client.pipeline(transaction=False)
        for _, key in pairs:
            types.type(key)
        kinds = types.execute()
        reads = client.pipeline(transaction=False)
        for (_, key), kind in zip(pairs, kinds):
            {
                "string": lambda k: reads.get(k),
                "hash": lambda k: reads.hgetall(k),
                "set": lambda k: reads.smembers(k),
                "zset": lambda k: reads.zrange(k, 0, -1, withscores=True),
            }[kind](key)
        for (part, _), kind, value in zip(pairs, kinds, reads.execute()):
            if kind == "string":
                value = json.loads(value)
            elif kind == "zset":
                value = {member: int(score) for member, score in value}
            if isinstance(value, dict):
                value = {name: text for name, text in value.items() if not name.startswith("_newest")}
            out[part] = value

    def expire_times_ms(self, view: str) -> Dict[str, int]:
        out: Dict[str, int] = {}
        for client in self.clients():
            with client:
                pairs = list(self.keys_at(client, view))
                pipeline = client.pipeline(transaction=False)
                for _, key in pairs:
                    pipeline.execute_command("PEXPIRETIME", key)
                out.update(zip((part for part, _ in pairs), pipeline.execute()))
        return out
