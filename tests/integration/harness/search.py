"""A scenario in a search store: the indices of one projection, read as a user would read them."""

import datetime
import json
import pathlib
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Dict, List, Optional, Tuple

from . import projection
from .scenario import Scenario
from .servers import Stack
from .waiting import wait_until

TIMEOUT_S = 30.0
PAGE = 5_000
UTC = datetime.timezone.utc


class Search:
    def __init__(self, url: str, prefix: str = ""):
        self.url = url
        self.prefix = prefix

    def ask(self, method: str, path: str, body: Optional[dict] = None, missing: bool = False) -> Optional[dict]:
        """The answer's JSON; None for a 404 that the caller can use."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404 and missing:
                return None
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')[:500]}") from None

    @property
    def family(self) -> str:
        return self.ask("GET", "/")["version"].get("distribution", "elasticsearch")

    def hits(self, index: str, query: dict, sort: str) -> List[dict]:
        """Every hit, page by page."""
        if self.ask("POST", f"/{index}/_refresh", missing=True) is None:
            return []
        out: List[dict] = []
        body: Dict[str, Any] = {"size": PAGE, "query": query, "sort": [{sort: "asc"}]}
        while True:
            page = self.ask("POST", f"/{index}/_search", body)
            assert page["_shards"]["failed"] == 0, page["_shards"]
            out += page["hits"]["hits"]
            if len(page["hits"]["hits"]) < PAGE:
                return out
            body["search_after"] = page["hits"]["hits"][-1]["sort"]

    def drop(self) -> None:
        self.ask("DELETE", f"/{self.prefix}*?allow_no_indices=true")


def parse_time(text: Optional[str]) -> Optional[datetime.datetime]:
    if text is None:
        return None
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if "." in text else "%Y-%m-%dT%H:%M:%SZ"
    return datetime.datetime.strptime(text, form).replace(tzinfo=UTC)


def address_names(count: int) -> List[str]:
    return ["SEARCH_URL", *(f"SEARCH_URL_{number}" for number in range(2, count + 1))]


class SearchScenario(Scenario):
    """The order projection of the other tests, kept as two indices."""

    def __init__(self, name, binary, kafka, search: Search, directory: pathlib.Path):
        super().__init__(name, binary, kafka, search, directory)  # what has to be dropped in the end
        self.search = search
        self.replicas = 0
        self.addresses = 1  # SEARCH_URL, SEARCH_URL_2, ...

    @property
    def env(self) -> Dict[str, str]:
        return {"KAFKA_BROKERS": self.kafka.brokers, "SEARCH_URL": self.search.url}

    def write_file(self, **changes: object) -> pathlib.Path:
        path = super().write_file(**changes)
        lines = path.read_text().splitlines()
        for i, line in enumerate(lines):
            if line.startswith("store:"):
                urls = ", ".join(f'"${{{name}}}"' for name in address_names(self.addresses))
                lines[i] = f"store: {{{self.search.family}: {{url: [{urls}]}}}}"
            if line in ("  fact_orders:", "  daily_revenue:"):
                view = line.strip(" :")
                lines[i] += f"\n    name: {self.name}-{view}\n    options: {{shards: 2, replicas: {self.replicas}}}"
        return projection.write(path, "\n".join(lines) + "\n")

    def live_generation(self) -> int:
        """That of the documents that readers have; 1 while there are none."""
        rows = self.search.ask("GET", f"/_cat/aliases/{self.name}-fact_orders?h=index&format=json")
        return max((int(row["index"].rpartition("-g")[2]) for row in rows), default=1)

    def checkpoints(self) -> Dict[Tuple[str, int], int]:
        """Of the live generation: a retired one keeps its own."""
        of_it = [{"term": {"projection": self.name}}, {"term": {"generation": self.live_generation()}}]
        hits = self.search.hits("foldline-checkpoints", {"bool": {"filter": of_it}}, "partition")
        return {(hit["_source"]["topic"], hit["_source"]["partition"]): hit["_source"].get("next_offset", 0) for hit in hits}

    def fact_orders(self) -> Dict[str, dict]:
        out = {}
        for hit in self.search.hits(f"{self.name}-fact_orders", {"match_all": {}}, "order_id.keyword"):
            source = hit["_source"]
            row = {column: source.get(column) for column in projection.FACT_COLUMNS}
            row["placed_at"], row["shipped_at"] = parse_time(row["placed_at"]), parse_time(row["shipped_at"])
            assert urllib.parse.unquote(hit["_id"]) == source["order_id"]  # `:` and `%` are escaped in an _id
            out[source["order_id"]] = row
        return out

    def daily_revenue(self) -> Dict[tuple, dict]:
        out = {}
        for hit in self.search.hits(f"{self.name}-daily_revenue", {"match_all": {}}, "day"):
            source = hit["_source"]
            assert [urllib.parse.unquote(part) for part in hit["_id"].split(":")] == [source["day"], source["currency"]]
            out[datetime.date.fromisoformat(source["day"]), source["currency"]] = {column: source[column] for column in projection.DAILY_COLUMNS}
        return out

    def wait_green(self) -> None:
        wait_until(lambda: self.search.ask("GET", "/_cluster/health?wait_for_status=yellow&timeout=20s")["status"] != "red", 60, "the shards are there")


class OutageSearch:
    """A search server beside the shared one, so that its outages hurt no other test."""

    def __init__(self, directory: pathlib.Path, server: str):
        self._server = server
        self._stack = Stack(directory)
        self._stack.run("up", server)
        self.url = self._stack.environment(server)["SEARCH_URL"]

    def start(self) -> None:
        self._stack.run("start", self._server)

    def stop(self) -> None:
        self._stack.run("stop", self._server)

    def kill(self) -> None:
        self._stack.run("kill", self._server)

    def down(self) -> None:
        self._stack.run("wipe", self._server)
