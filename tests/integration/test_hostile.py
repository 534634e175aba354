"""Values can never become commands, and secrets never become text.

Every field and key of an event holds what would be something else in SQL, RESP, NDJSON, a shell, a log or a terminal; the stores must hold it
as it is. Passwords and values that a source redacts are planted and looked for in everything that a worker says.
"""

import json
import re

import pytest

from harness.scenario import placed
from harness.waiting import wait_until

TEXTS = [
    "'; DROP TABLE analytics.fact_orders; --",
    '"; DROP SCHEMA analytics CASCADE; --',
    "$1 $$ || chr(0) \\' \\x27 %s %n {0} ${POSTGRES_URL}",
    "\\.\n\\N\t\\N",  # COPY's own words
    "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n",
    "x\r\nFLUSHALL\r\n",
    "{a}:{b}:*?[x]",
    'x"}\n{"delete":{"_id":"o1"}}\n{"index":{}}\n{"n":1',
    "../../_all/_delete_by_query?q=*",
    "<script>alert(1)</script>",
    "\x1b[2J\x1b]0;title\x07 \x7f",
    "line\nline 2026-01-01T00:00:00Z error forged\r\n",
    "\u202egnirts\u202c \ufeff \u2028 \U0001f4a5 e\u0301",
    "`id`; $(id) | id & > /tmp/x",
    "a" * 400,
    " ",
    "-1",
    "null",
    "NaN",
    "\\",
    "%25%3A%00",
    "#*/ /* --",
]


def test_no_value_becomes_a_command(any_store):
    world = any_store
    world.make_topic(2)
    for number, text in enumerate(TEXTS):
        event = json.loads(placed(text, event_id=f"{text}|{number}", customer_id=text, currency=text[:40]))
        event["producer"] = text
        event["payload"]["items"] = [{"sku": text, "quantity": 1, "unit_price_cents": 1, text: text}]
        world.kafka.produce(world.topic, json.dumps(event).encode(), text.encode())
    world.kafka.flush()
    worker = world.start_worker()
    world.wait_caught_up()
    world.check()
    assert world.letters() == []
    assert len(world.fact_orders() if world.store != "redis" else world.cache.rows("state")) == len(TEXTS)
    # The same again, as events that fail: in letters and in the log they are text, too.
    for number, text in enumerate(TEXTS):
        event = json.loads(placed(text, event_id=f"bad {text}|{number}", total_cents=text + "!"))
        world.kafka.produce(world.topic, json.dumps(event).encode(), text.encode())
    world.kafka.flush()
    world.wait_caught_up()
    assert len(world.letters()) == len(TEXTS)
    world.check()
    lines = worker.log().rstrip("\n").split("\n")
    assert all(re.match(r"^(\d{4}-\d\d-\d\dT[\d:.]+Z \w+ |---)", line) for line in lines), "an event has forged a line of the log"
    assert "\x1b" not in worker.log() and "\x07" not in worker.log()
    assert worker.running and worker.stop() == 0


SECRET = "pl4nted-s3cret"


def said(world, worker):
    """Everything that leaves the worker: log, probes, metrics, letters."""
    out = [worker.log()]
    if worker.running:
        out += [worker.get(path)[1] for path in ("/healthz", "/readyz", "/metrics")]
    return out


def assert_kept(world, worker):
    for text in said(world, worker):
        assert SECRET not in text, text[max(0, text.find(SECRET) - 300) : text.find(SECRET) + 100]


@pytest.mark.parametrize("broken", ["login", "address"])
def test_a_stores_password_is_in_nothing_that_is_said(any_store, broken):
    world = any_store
    world.make_topic(1)
    host = "127.0.0.1:1" if broken == "address" else None
    name = {"postgres": "POSTGRES_URL", "redis": "REDIS_URL", "search": "SEARCH_URL"}[world.store]
    scheme, rest = world.env[name].split("://", 1)
    tail = rest.split("@", 1)[-1]
    if host:
        tail = host + ("/" + tail.split("/", 1)[1] if "/" in tail else "")
    worker = world.start_worker(env={name: f"{scheme}://someone:{SECRET}@{tail}"})
    wait_until(lambda: not worker.running or worker.get("/readyz")[0] == 503, 20, "it says that it waits, or ends")
    wait_until(lambda: not worker.running or len(worker.log().splitlines()) > 2, 20, "it says why")
    assert_kept(world, worker)


def test_a_kafka_password_is_in_nothing_that_is_said(scenario):
    scenario.make_topic(1).write_file(
        options={"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "someone", "sasl.password": SECRET}
    )
    worker = scenario.start_worker()
    wait_until(lambda: not worker.running or worker.get("/readyz")[0] == 503, 20, "it says that it waits")
    wait_until(lambda: not worker.running or "kafka" in worker.log().lower(), 20, "it says why")
    assert_kept(scenario, worker)


def test_what_a_source_redacts_is_in_no_letter_and_no_line(scenario):
    scenario.make_topic(1).write_file(redact="data.customer_id")
    scenario.place("o1", customer_id=SECRET, total_cents="many")
    scenario.place("o2", customer_id=SECRET, currency=None)
    scenario.place("o3", customer_id=SECRET + "\u0000")
    scenario.kafka.flush()
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    letters = scenario.letters()
    assert len(letters) >= 2
    assert SECRET not in json.dumps(letters)
    assert_kept(scenario, worker)


def test_the_http_port_takes_no_more_than_it_should(scenario):
    """Bounded in size, and in time: a client that sends half a request holds nobody else up."""
    import socket

    scenario.make_topic(1)
    worker = scenario.start_worker().wait_ready()
    slow = []
    for _ in range(30):
        client = socket.create_connection(("127.0.0.1", worker.port), timeout=10)
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Half")
        slow.append(client)
    # The probe has its answer while they hang.
    wait_until(lambda: worker.alive, 20, "the probe is answered")
    for client in slow:
        client.close()
    large = socket.create_connection(("127.0.0.1", worker.port), timeout=10)
    large.settimeout(10)
    try:
        large.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Large: " + b"a" * 10_000_000 + b"\r\n\r\n")
        answer = large.recv(100)
        assert not answer.startswith(b"HTTP/1.1 200")
    except OSError:
        pass  # cut off: as good
    large.close()
    assert worker.alive and worker.metrics().sum("process_resident_memory_bytes") < 300e6
    for method in ("POST", "PUT", "DELETE"):
        client = socket.create_connection(("127.0.0.1", worker.port), timeout=10)
        client.sendall(f"{method} /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc".encode())
        assert client.recv(100).split()[1] in (b"404", b"405")
        client.close()
