"""Fixtures of the integration tests. They need the built worker (FOLDLINE_BIN, default build/foldline), Kafka, PostgreSQL and Redis: those that
KAFKA_BROKERS, POSTGRES_URL and REDIS_URL name, else the local stack, which is started.

    /usr/bin/python3 -m pytest tests/integration            # all
    /usr/bin/python3 -m pytest tests/integration -m 'not slow'
"""

import os
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1]), str(pathlib.Path(__file__).resolve().parent)]

from harness.cache import CacheScenario  # noqa: E402
from harness.kafka import Kafka  # noqa: E402
from harness.postgres import Database  # noqa: E402
from harness.redis_cluster import ClusterCache, RedisCluster, SentinelCache, SentinelSet  # noqa: E402
from harness.redis_server import Cache, OutageRedis  # noqa: E402
from harness.scenario import Scenario, unique_name  # noqa: E402
from harness.search import OutageSearch, Search, SearchScenario  # noqa: E402
from harness.waiting import wait_until  # noqa: E402
from harness.servers import ROOT, OutagePostgres, search_url, shared_servers  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than about ten seconds")


@pytest.fixture(scope="session")
def servers():
    return shared_servers()


@pytest.fixture(scope="session")
def kafka(servers):
    return Kafka(servers["KAFKA_BROKERS"])


@pytest.fixture(scope="session")
def binary():
    path = pathlib.Path(os.environ.get("FOLDLINE_BIN", ROOT / "build" / "foldline")).resolve()
    if not path.exists():
        pytest.exit(f"{path} is not there: build it first (make), or name it in FOLDLINE_BIN", returncode=2)
    return str(path)


@pytest.fixture(scope="session")
def outage_postgres(tmp_path_factory):
    """One for the session; a test that stops it starts it again."""
    server = OutagePostgres(tmp_path_factory.mktemp("outage") / "stack")
    yield server
    server.down()


def _make_scenario(binary, kafka, server_url, directory):
    name = unique_name()
    return Scenario(name, binary, kafka, Database(server_url, name), directory)


@pytest.fixture
def scenario(binary, kafka, servers, tmp_path, request):
    world = _make_scenario(binary, kafka, servers["POSTGRES_URL"], tmp_path)
    yield from _run(world, request)


@pytest.fixture
def outage(binary, kafka, outage_postgres, tmp_path, request):
    """A scenario whose database stands in outage_postgres; `outage.server` stops and kills it."""
    outage_postgres.start()
    world = _make_scenario(binary, kafka, outage_postgres.url, tmp_path)
    world.server = outage_postgres
    try:
        yield from _run(world, request)
    finally:
        outage_postgres.start()


@pytest.fixture(scope="session")
def outage_redis(tmp_path_factory):
    server = OutageRedis(tmp_path_factory.mktemp("outage-redis") / "stack")
    yield server
    server.down()


@pytest.fixture
def cache(binary, kafka, servers, tmp_path, request):
    """A scenario whose store is Redis."""
    name = unique_name()
    yield from _run(CacheScenario(name, binary, kafka, Cache(servers["REDIS_URL"], name), tmp_path), request)


@pytest.fixture
def cache_outage(binary, kafka, outage_redis, tmp_path, request):
    """The same in a Redis of its own; `cache_outage.server` stops, kills it and sets it back."""
    outage_redis.start()
    name = unique_name()
    world = CacheScenario(name, binary, kafka, Cache(outage_redis.url, name), tmp_path)
    world.server = outage_redis
    yield from _run(world, request)


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory):
    """One for the session: three masters, a replica of each."""
    cluster = RedisCluster(tmp_path_factory.mktemp("redis-cluster") / "nodes")
    yield cluster
    cluster.down()


@pytest.fixture
def cluster_cache(binary, kafka, redis_cluster, tmp_path, request):
    """A scenario in the cluster; `cluster_cache.cluster` kills, freezes and moves."""
    redis_cluster.start()
    wait_until(redis_cluster.whole, 60, "the cluster is up")
    name = unique_name()
    world = CacheScenario(name, binary, kafka, ClusterCache(redis_cluster, name), tmp_path)
    world.cluster = redis_cluster
    yield from _run(world, request)


@pytest.fixture
def sentinel_cache(binary, kafka, tmp_path, request):
    """A scenario in a Redis that three sentinels watch; `sentinel_cache.sentinels` has the servers."""
    name = unique_name()
    sentinels = SentinelSet(tmp_path / "sentinels")
    world = CacheScenario(name, binary, kafka, SentinelCache(sentinels, name), tmp_path)
    world.sentinels = sentinels
    try:
        yield from _run(world, request)
    finally:
        sentinels.down()


@pytest.fixture
def search_scenario(binary, kafka, tmp_path, request):
    """A scenario in the search store that SEARCH_URL names, else in the local stack's."""
    name = unique_name()
    yield from _run(SearchScenario(name, binary, kafka, Search(search_url(), name), tmp_path), request)


@pytest.fixture(scope="session")
def outage_search_server(tmp_path_factory):
    """One for the session; SEARCH_SERVER names another than OpenSearch."""
    server = OutageSearch(tmp_path_factory.mktemp("outage") / "stack", os.environ.get("SEARCH_SERVER", "opensearch"))
    yield server
    server.down()


@pytest.fixture
def search_outage(binary, kafka, outage_search_server, tmp_path, request):
    """The same in a server of its own; `search_outage.server` stops and kills it."""
    outage_search_server.start()
    name = unique_name()
    world = SearchScenario(name, binary, kafka, Search(outage_search_server.url, name), tmp_path)
    world.server = outage_search_server
    try:
        yield from _run(world, request)
    finally:
        outage_search_server.start()


@pytest.fixture(params=("postgres", "redis", "search"))
def any_store(request):
    """A scenario in each store, with what a test asks of all of them: `store`, and check() against the oracle."""
    world = request.getfixturevalue({"postgres": "scenario", "redis": "cache", "search": "search_scenario"}[request.param])
    world.store = request.param
    if request.param == "redis":
        world.check = world.check_cache
    return world


def _run(world, request):
    yield world
    report = getattr(request.node, "report_of_call", None)
    if report is not None and report.failed:
        print(world.log_tails())
    try:
        if hasattr(world, "server"):
            world.server.start()
    finally:
        world.tear_down()  # workers first: none outlives its test, also where its server does not come up


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Keeps the call's outcome, so that the fixture can print the workers' logs after a failure."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.report_of_call = report
