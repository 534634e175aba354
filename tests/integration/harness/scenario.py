"""One test's world: a topic, a database, a projection file, and the workers that keep it."""

import json
import os
import pathlib
import secrets
import subprocess
from typing import Dict, List, Optional, Sequence, Tuple

from oracle import compare, orders

from . import projection
from .kafka import Kafka
from .postgres import Database
from .waiting import wait_until
from .worker import Worker, letters_of, run_once


def unique_name() -> str:
    return "it" + secrets.token_hex(5)


def pick_seed() -> int:
    """A new seed for each run, printed; FOLDLINE_SEED repeats one."""
    seed = int(os.environ.get("FOLDLINE_SEED", secrets.randbelow(2**31)))
    print(f"seed: FOLDLINE_SEED={seed}")
    return seed


def placed(order: str, event_id: str = "", **data: object) -> bytes:
    """An order.placed event."""
    payload = {"order_id": order, "customer_id": "cust_1", "items": [{"sku": "A", "quantity": 1, "unit_price_cents": 100}]}
    payload.update({"total_cents": 100, "currency": "EUR", **data})
    event = {"event_type": "order.placed", "event_id": event_id or f"evt_{order}", "occurred_at": "2026-04-03T09:15:00Z", "payload": payload}
    return json.dumps(event).encode()


class Scenario:
    def __init__(self, name: str, binary: str, kafka: Kafka, database: Database, directory: pathlib.Path):
        self.name = name
        self.binary = binary
        self.kafka = kafka
        self.database = database
        self.directory = directory
        self.topic = f"{name}.orders"
        self.workers: List[Worker] = []
        self._text: Dict[str, object] = {}

    # Before a worker runs

    @property
    def env(self) -> Dict[str, str]:
        return {"KAFKA_BROKERS": self.kafka.brokers, "POSTGRES_URL": self.database.url}

    @property
    def letter_topic(self) -> str:
        return f"{self.topic}.dlq"

    @property
    def replay_topic(self) -> str:
        return f"{self.name}.replay"

    @property
    def group(self) -> str:
        return f"{self.name}-consumer"

    @property
    def file(self) -> pathlib.Path:
        return self.directory / "projection.yaml"

    def make_topic(self, partitions: int = 4, **config: str) -> "Scenario":
        self.kafka.create_topic(self.topic, partitions, config)
        return self

    def write_file(self, **changes: object) -> pathlib.Path:
        """The order projection; `changes` are those of projection.orders_text and are kept for the next call."""
        self._text.update(changes)
        given = {"name": self.name, "topics": [self.topic], **self._text}
        return projection.write(self.file, projection.orders_text(**given))

    def generate(self, events: int, seed: int = 42, **options: object) -> dict:
        """`foldline generate orders` into the topic; its expected totals."""
        expect = self.directory / f"expected-{seed}.json"
        self._generator(events, seed, expect, options)
        return json.loads(expect.read_text())

    def generate_slowly(self, events: int, per_second: int, seed: int = 42, **options: object) -> subprocess.Popen:
        arguments = self._arguments(events, seed, {"rate": per_second, **options})
        return subprocess.Popen([self.binary, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def _arguments(self, events: int, seed: int, options: Dict[str, object]) -> List[str]:
        arguments = ["generate", "orders", "--brokers", self.kafka.brokers, "--topic", self.topic, "--events", str(events), "--seed", str(seed)]
        for option, value in options.items():
            arguments += [f"--{option.replace('_', '-')}", str(value)]
        return arguments

    def _generator(self, events: int, seed: int, expect: pathlib.Path, options: Dict[str, object]) -> None:
        done = run_once(self.binary, self._arguments(events, seed, {"expect": expect, **options}), {})
        assert done.returncode == 0, done.stdout + done.stderr

    def place(self, order: str, event_id: str = "", key: Optional[bytes] = None, partition: int = -1, **data: object) -> None:
        """Queues one order.placed; `data` replaces parts of its payload. kafka.flush() makes it durable."""
        self.kafka.produce(self.topic, placed(order, event_id, **data), order.encode() if key is None else key, partition=partition)

    # Workers

    def worker(self, *arguments: str, file: Optional[pathlib.Path] = None, env: Dict[str, str] = {}) -> Worker:
        if file is None and not self.file.exists():
            self.write_file()
        number = len(self.workers) + 1
        log = self.directory / f"worker-{number}.log"
        worker = Worker(self.binary, file or self.file, log, {**self.env, **env}, arguments)
        self.workers.append(worker)
        return worker

    def start_worker(self, *arguments: str, **more) -> Worker:
        return self.worker(*arguments, **more).start()

    def dlq(self, subcommand: str, *arguments: str, code: int = 0, answer: str = "") -> subprocess.CompletedProcess:
        """`foldline dlq SUBCOMMAND FILE …`, which must end with `code`."""
        done = run_once(self.binary, ["dlq", subcommand, str(self.file), *arguments], self.env, 120, answer)
        assert done.returncode == code, f"dlq {subcommand}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def log_tails(self) -> str:
        return "\n".join(worker.log_tail() for worker in self.workers)

    # What came out

    def checkpoints(self) -> Dict[Tuple[str, int], int]:
        """Of the live generation: a retired one keeps its own."""
        if not self.database.exists("foldline.checkpoint"):
            return {}
        return {
            (topic, partition): offset
            for topic, partition, offset in self.database.rows(
                "SELECT topic, partition, coalesce(next_offset, 0) FROM foldline.checkpoint c WHERE projection = %s AND (SELECT state FROM "
                "foldline.generation g WHERE g.projection = c.projection AND g.generation = c.generation) = 'live'",
                (self.name,),
            )
        }

    def caught_up(self, topic: str = "") -> bool:
        """Every partition's checkpoint stands at the topic's end."""
        topic = topic or self.topic
        ends = self.kafka.end_offsets(topic)
        checkpoints = self.checkpoints()
        behind = {part: (checkpoints.get((topic, part), 0), end) for part, end in ends.items() if checkpoints.get((topic, part), 0) < end}
        assert not behind, f"partition: (checkpoint, end): {behind}"
        return True

    def wait_caught_up(self, timeout_s: float = 60, topic: str = "") -> None:
        wait_until(lambda: self.caught_up(topic), timeout_s, f"{self.name} has caught up")

    def fact_orders(self) -> Dict[str, dict]:
        return self.database.table("analytics.fact_orders", ["order_id"], projection.FACT_COLUMNS)

    def daily_revenue(self) -> Dict[tuple, dict]:
        return self.database.table("analytics.daily_revenue", ["day", "currency"], projection.DAILY_COLUMNS)

    def letters(self) -> List[dict]:
        return letters_of(self.kafka.read_all(self.letter_topic))

    def expected(self, newest_by_time: Optional[bool] = None, **more) -> orders.Expected:
        guarded = bool(self._text.get("newest_by_time")) if newest_by_time is None else newest_by_time
        return orders.fold(self.kafka.read(self.topic), newest_by_time=guarded, **more)

    def check(self, expected: Optional[orders.Expected] = None) -> orders.Expected:
        """The store and the letters hold what the oracle expects, row by row."""
        expected = expected or self.expected()
        found = compare.differences(expected, self.fact_orders(), self.daily_revenue(), self.letters())
        assert not found, "the store differs from the fold of the topic:\n" + "\n".join(found)
        return expected

    def tear_down(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.database.drop()
        self.kafka.delete_topics_starting_with(self.name)
