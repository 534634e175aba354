"""The chaos suite: real servers of its own, hurt in every way that production hurts them, and every row compared with the fold of the topics.

    tests/chaos/run                          # everything; writes the table of docs/reliability.md
    tests/chaos/run short                    # a selection of a few minutes
    SEED=7 tests/chaos/run -k combined       # one seed again
"""

import os
import pathlib
import secrets
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "integration")]

from harness.servers import ROOT  # noqa: E402
from kit.kafka_cluster import KafkaCluster  # noqa: E402
from kit.ledger import Entry  # noqa: E402
from kit.postgres_pair import PostgresPair  # noqa: E402
from kit.redis_many import ClusterStore, SentinelStore  # noqa: E402
from kit.redis_pair import RedisPair  # noqa: E402
from kit.search_cluster import SearchCluster  # noqa: E402
from kit.search_server import SearchServer  # noqa: E402
from kit.world import make_world  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "short: in the selection of a few minutes")
    config.addinivalue_line("markers", "soak: runs for SOAK_S seconds")


@pytest.fixture(scope="session")
def binary():
    path = pathlib.Path(os.environ.get("FOLDLINE_BIN", ROOT / "build" / "foldline")).resolve()
    if not path.exists():
        pytest.exit(f"{path} is not there: build it first (make), or name it in FOLDLINE_BIN", returncode=2)
    return str(path)


@pytest.fixture
def seed():
    found = int(os.environ.get("SEED") or secrets.randbelow(2**31))
    print(f"seed: SEED={found}")
    return found


class Pool:
    """The servers, each started when the first scenario asks for it."""

    def __init__(self, directory: pathlib.Path):
        self._directory = directory
        self._made = {}

    def _get(self, name, make):
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def cluster(self, brokers: int = 1, small_disk: int = 0) -> KafkaCluster:
        return self._get(f"kafka-{brokers}-{small_disk}", lambda: KafkaCluster(brokers, small_disk))

    def store(self, kind: str):
        made = {
            "postgres": PostgresPair,
            "small disk": lambda: PostgresPair(disk_mb=160),
            "redis": RedisPair,
            "redis cluster": ClusterStore,
            "redis sentinel": SentinelStore,
            "search cluster": SearchCluster,
            "search": lambda: SearchServer(self._directory / "search"),
        }
        return self._get(kind, made[kind])

    def down(self):
        for server in self._made.values():
            server.down()


@pytest.fixture(scope="session")
def pool(tmp_path_factory):
    servers = Pool(tmp_path_factory.mktemp("chaos"))
    yield servers
    servers.down()


@pytest.fixture
def open_world(binary, pool, tmp_path, seed, request):
    """open_world("postgres") → a world; the workers' logs are shown when the test fails."""
    made = []

    def make(kind, brokers=1, store="", small_disk=0):
        server = pool.store(store or kind)
        server.start()
        cluster = pool.cluster(brokers, small_disk)
        cluster.start()
        cluster.flow()
        directory = tmp_path / f"world-{len(made)}"
        directory.mkdir()
        made.append(make_world(kind, binary, server, cluster, directory, seed))
        return made[-1]

    yield make
    report = getattr(request.node, "report_of_call", None)
    for world in made:
        if report is not None and report.failed:
            print(world.scenario.log_tails())
        world.store.start()
        world.cluster.start()
        world.cluster.flow()
        world.tear_down()


@pytest.fixture
def book(request, seed):
    """The scenario's line in the table, written whatever happens."""
    entries = []

    def begin(area, fault, store):
        entries.append(Entry(area, fault, store, seed=seed))
        return entries[-1]

    yield begin
    report = getattr(request.node, "report_of_call", None)
    for entry in entries:
        if report is not None and report.failed:
            entry.result = "failed"
        entry.write()


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.report_of_call = report
        if report.failed:
            print(f"FAILED {item.name}: {str(call.excinfo.value)[:1500]}", file=sys.__stderr__, flush=True)
