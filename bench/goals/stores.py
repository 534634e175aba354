"""Each store as a benchmark sees it: a fresh place for a run, and whether the rows there are what the events add up to."""

import os
import urllib.error

import redis

import programs
from harness.postgres import Database
from harness.redis_server import Cache
from harness.search import Search
from harness.waiting import wait_until

REWRITE_LIMIT_S = 60


class Place:
    """One run's place in the store. `totals` are those of the events, as fill_topic says them."""

    server = ""

    def __init__(self, servers, name):
        self.name = name
        self.env = servers.environment(self.server)

    def settle(self):
        """Writes out what earlier runs left to do, so that no run pays for another: here the topic's pages, which a commit's fsync would else
        have to wait for."""
        os.sync()

    def expect(self, what, found, wanted):
        if [int(value) for value in found] != [int(value) for value in wanted]:
            raise programs.Failure(f"WRONG RESULT: {what} are {list(map(int, found))}, wanted {list(map(int, wanted))}")

    def drop(self):
        pass


class PostgresPlace(Place):
    server = "postgres"

    def __init__(self, servers, name):
        super().__init__(servers, name)
        self.database = Database(servers.url("postgres"), name)
        self.env["POSTGRES_URL"] = self.database.url

    def store(self):
        return '{postgres: {url: "${POSTGRES_URL}", schema: analytics}}'

    def settle(self):
        self.database.execute("CHECKPOINT")
        super().settle()

    def check_orders(self, totals):
        found = self.database.rows("SELECT count(*), sum(total_cents), sum(item_count) FROM analytics.orders")[0]
        self.expect("orders, cents and items", found, (totals["placed"], totals["total_cents"], totals["item_count"]))
        if totals["shipped"]:
            self.expect("shipped orders", self.database.rows("SELECT count(shipped_at) FROM analytics.orders")[0], (totals["shipped"],))

    def check_customers(self, totals):
        found = self.database.rows("SELECT sum(orders), sum(total_cents) FROM analytics.customers")[0]
        self.expect("orders and cents of customers", found, (totals["placed"], totals["total_cents"]))

    def drop(self):
        self.database.drop()


def rewriting(client):
    state = client.info("persistence")
    return bool(state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"])


class RedisPlace(Place):
    server = "redis"

    def __init__(self, servers, name):
        super().__init__(servers, name)
        self.cache = Cache(servers.url("redis"), name)
        with self.cache.client() as client:
            # As most people run it; `always` would give the limit program a disk to wait for after each pipeline.
            client.config_set("appendfsync", "everysec")
            # Redis rewrites its file whenever it has doubled: of two runs in a row one would pay for it, with a core of the two. See settle().
            client.config_set("auto-aof-rewrite-percentage", 0)

    def store(self):
        return '{redis: {url: "${REDIS_URL}"}}'

    def settle(self):
        with self.cache.client() as client:
            wait_until(lambda: not rewriting(client), REWRITE_LIMIT_S, "Redis has ended the rewrite of its file under way")
            client.bgrewriteaof()
            wait_until(lambda: not rewriting(client), REWRITE_LIMIT_S, "Redis has rewritten its file")
        super().settle()

    def check_customers(self, totals):
        with redis.Redis.from_url(self.cache.url, decode_responses=True) as client:
            keys = list(client.scan_iter(match=f"{self.name}:customers:*", count=10_000))
            found = sum(int(value) for first in range(0, len(keys), 10_000) for value in client.mget(keys[first : first + 10_000]))
        self.expect("orders of customers", (found,), (totals["placed"],))

    def drop(self):
        self.cache.drop()


class SearchPlace(Place):
    server = "opensearch"

    def __init__(self, servers, name):
        super().__init__(servers, name)
        self.search = Search(servers.url("opensearch"), name)
        # The local server's collector waits until the heap is full; its circuit breaker, made for one that doesn't, counts the garbage as
        # in use and refuses requests.
        self.search.ask("PUT", "/_cluster/settings", {"transient": {"indices.breaker.total.limit": "100%"}})

    def store(self):
        return '{opensearch: {url: "${SEARCH_URL}"}}'

    def settle(self):
        self.search.ask("POST", "/_flush?ignore_unavailable=true")
        super().settle()

    def check_orders(self, totals):
        self.search.ask("POST", f"/{self.name}-orders/_refresh")
        body = {"size": 0, "track_total_hits": True, "aggs": {n: {"sum": {"field": n}} for n in ("total_cents", "item_count")}}
        answer = self.search.ask("POST", f"/{self.name}-orders/_search", body)
        sums = answer["aggregations"]
        found = (answer["hits"]["total"]["value"], sums["total_cents"]["value"], sums["item_count"]["value"])
        self.expect("documents, cents and items", found, (totals["placed"], totals["total_cents"], totals["item_count"]))

    def drop(self):
        try:
            self.search.drop()
        except (AssertionError, urllib.error.URLError):
            pass  # another failure is under way, or nothing was made


PLACES = {place.server: place for place in (PostgresPlace, RedisPlace, SearchPlace)}
