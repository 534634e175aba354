"""The demo's documents in OpenSearch: config/examples/orders-search.yaml."""

import json
import os
import urllib.error
import urllib.request

from .common import Failed

INDEX = "orders"
TIMEOUT_S = 60


def ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(os.environ["SEARCH_URL"] + path, data, {"content-type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        if error.code == 404 and method == "DELETE":
            return {}
        raise Failed(f"OpenSearch: {method} {path}: {error.code} {error.read()[:300]!r}") from error


def wipe():
    names = [row["index"] for row in ask("GET", f"/_cat/indices/{INDEX}-g*,foldline-*?format=json&expand_wildcards=all")]
    for name in names:
        ask("DELETE", "/" + name)


def show():
    ask("POST", f"/{INDEX}/_refresh")
    newest = {"size": 1, "query": {"exists": {"field": "summary"}}, "sort": [{"placed_at": "desc"}]}
    words = ask("POST", f"/{INDEX}/_search", newest)["hits"]["hits"][0]["_source"]["skus"][0]
    found = ask("POST", f"/{INDEX}/_search", {"size": 3, "track_total_hits": True, "query": {"match": {"summary": {"query": words, "operator": "and"}}}})
    print(f"\nA full-text search in OpenSearch for `{words}` finds {found['hits']['total']['value']:,} orders:\n")
    for hit in found["hits"]["hits"]:
        order = hit["_source"]
        print(f"  {hit['_score']:6.2f}  {order['summary'][:62]:<64}{order['status']:<10}{int(order['total_cents']) / 100:>10,.2f} {order['currency']}")


def compare(comparison, expected):
    comparison.title("OpenSearch")
    totals = {
        "placed": {"value_count": {"field": "placed_at"}},
        "shipped": {"value_count": {"field": "shipped_at"}},
        "items": {"sum": {"field": "item_count"}},
        "status": {"terms": {"field": "status"}},
    }
    found = ask("POST", f"/{INDEX}/_search", {"size": 0, "track_total_hits": True, "aggs": totals})
    of = found["aggregations"]
    comparison.row("orders", expected["orders"], found["hits"]["total"]["value"])
    comparison.row("orders placed", expected["orders_placed"], of["placed"]["value"])
    comparison.row("orders shipped", expected["orders_shipped"], of["shipped"]["value"])
    comparison.row("items", expected["items"], int(of["items"]["value"]))
    per_status = {bucket["key"]: bucket["doc_count"] for bucket in of["status"]["buckets"]}
    for status, count in sorted(expected["per_status"].items()):
        comparison.row(f"orders now {status}", count, per_status.get(status, 0))
    comparison.row("revenue in cents", expected["revenue_cents"], revenue_cents())


def revenue_cents():
    """Added up here, document by document: an aggregation would add doubles."""
    total, after = 0, None
    while True:
        body = {"size": 10_000, "_source": ["total_cents"], "query": {"exists": {"field": "total_cents"}}, "sort": ["order_id"]}
        if after is not None:
            body["search_after"] = after
        hits = ask("POST", f"/{INDEX}/_search", body)["hits"]["hits"]
        if not hits:
            return total
        total += sum(int(hit["_source"]["total_cents"]) for hit in hits)
        after = hits[-1]["sort"]


def hints():
    return [f"curl '{os.environ['SEARCH_URL']}/{INDEX}/_search?q=status:shipped&size=2&pretty'"]
