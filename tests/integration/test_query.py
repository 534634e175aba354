"""`foldline query` and `foldline status` on the three stores: they show what the fold of the topic is, change nothing, and leave nothing behind
wherever they are stopped."""

import datetime
import json
import os
import pathlib
import signal
import subprocess

import pytest

from harness import projection
from harness.redis_server import Cache
from harness.scenario import placed
from harness.waiting import stays_true, wait_until
from harness.worker import free_port, run_once

ORDERS = 3_000  # more than a pipe takes in: the reader has to wait in the middle of the scan


def ask(world, *arguments, code=0):
    done = run_once(world.binary, ["query", str(world.file), *arguments], world.env)
    assert done.returncode == code, f"query {arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def rows(world, *arguments):
    return [json.loads(line) for line in ask(world, "--json", "--limit", "0", *arguments).stdout.splitlines()]


def status(world):
    done = run_once(world.binary, ["status", str(world.file), "--json", "--letters"], world.env)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def time_text(time):
    """RFC 3339, without a fraction where there is none."""
    return time and time.strftime("%Y-%m-%dT%H:%M:%S.%fZ").replace(".000000Z", "Z")


def by_key(found, *key):
    found = list(found)
    out = {tuple(row[name] for name in key): row for row in found}
    assert len(out) == len(found), "a row came twice"
    return out


def caught_up(world, events=ORDERS, **file):
    world.make_topic(2).write_file(**file)
    world.generate(events, duplicates=0.02, malformed=0.002)
    worker = world.start_worker()
    world.wait_caught_up()
    return worker


@pytest.fixture(params=["scenario", "search_scenario"])
def orders_world(request):
    """PostgreSQL, and the search store."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["scenario", "cache", "search_scenario"])
def world(request):
    return request.getfixturevalue(request.param)


def some_view(world):
    return ("receipts" if isinstance(world.database, Cache) else "fact_orders"), "order_id"


# What it shows


def test_rows_are_the_fold_of_the_topic(orders_world):
    world = orders_world
    caught_up(world)
    expected = world.expected()
    want = {
        (order,): {"order_id": order, **row, "placed_at": time_text(row["placed_at"]), "shipped_at": time_text(row["shipped_at"])}
        for order, row in expected.fact_orders.items()
    }
    assert by_key(rows(world, "fact_orders"), "order_id") == want
    days = {(str(day), currency): {"day": str(day), "currency": currency, **row} for (day, currency), row in expected.daily_revenue.items()}
    assert by_key(rows(world, "daily_revenue"), "day", "currency") == days

    (day, currency), row = next(iter(days.items()))
    assert rows(world, "daily_revenue", day, currency) == [row]
    of_the_day = {key: value for key, value in days.items() if key[0] == day}
    assert by_key(rows(world, "daily_revenue", day), "day", "currency") == of_the_day
    narrowed = ask(world, "daily_revenue", "--where", f'day == date(timestamp("{day}T00:00:00Z")) && revenue_cents > 0', "--json")
    assert f"{len(of_the_day)} rows read" in narrowed.stderr.replace("1 row read", "1 rows read"), narrowed.stderr
    assert by_key(map(json.loads, narrowed.stdout.splitlines()), "day", "currency") == of_the_day

    dear = {key for key, row in want.items() if row["currency"] == "EUR" and (row["total_cents"] or 0) > 20_000 and row["status"] == "shipped"}
    assert dear and set(by_key(rows(world, "fact_orders", "--where", 'currency == "EUR"', "--where", "total_cents > 20000 && status == shipped"), "order_id")) == dear


def test_every_kind_of_key_in_redis(cache):
    caught_up(cache)
    expected = cache.expected_cache()
    for view in ("count", "revenue"):
        assert {row["day"]: row["value"] for row in rows(cache, view)} == dict(getattr(expected, view))
    day, count = next(iter(expected.count.items()))
    assert [row["value"] for row in rows(cache, "count", day)] == [count]
    found = by_key(rows(cache, "customers"), "customer_id")
    assert {key[0]: {**row, "last": row["last"]} for key, row in found.items()}.keys() == expected.customers.keys()
    for customer, row in expected.customers.items():
        assert found[customer,]["cents"] == int(row["cents"]) and found[customer,]["orders"] == int(row["orders"])
    assert {row["order_id"]: row["status"] for row in rows(cache, "state")} == {order: row.get("status") for order, row in expected.state.items()}
    leaders = {}
    for row in rows(cache, "leaders"):
        leaders.setdefault(row["week"], {})[row["member"]] = row["score"]
    assert leaders == {week: dict(members) for week, members in expected.leaders.items()}
    week, members = next(iter(expected.leaders.items()))
    scores = [row["score"] for row in rows(cache, "leaders", week)]
    assert scores == sorted(members.values(), reverse=True), "the greatest first"
    member = next(iter(members))
    assert rows(cache, "leaders", week, member) == [{"week": week, "member": member, "score": members[member]}]
    buyers = {}
    for row in rows(cache, "buyers"):
        buyers.setdefault(row["day"], set()).add(row["member"])
    assert buyers == dict(expected.buyers)
    assert {(row["day"], row["member"]) for row in rows(cache, "buyers", day)} == {(day, member) for member in expected.buyers[day]}
    assert len(rows(cache, "buyers", day, next(iter(expected.buyers[day])))) == 1 and rows(cache, "buyers", day, "nobody") == []
    receipts = by_key(rows(cache, "receipts"), "order_id")
    assert {key[0] for key in receipts} == set(expected.receipts)
    assert all(receipts[order,]["total_cents"] == row.get("total_cents") for order, row in expected.receipts.items())


TYPES = """\
projection: {name}
group: {name}-consumer
kafka: {{brokers: "${{KAFKA_BROKERS}}"}}
source: {{topics: {topic}, partition_key: data.k, envelope: {{type: t, id: i, time: at, data: d}}}}
store: {store}
views:
  every:
    kind: {kind}
{view_name}\
    key: {{n: "numeric(8,2)", k: text, moment: timestamptz}}
    fields: {{b: bool, i: int, l: bigint, m: "numeric(12,2)", any: numeric, f: double, t: text, w: keyword, u: uuid, day: date, at: timestamptz, span: interval, j: json, raw: bytes, ip: inet, tags: list(text), days: list(date)}}
    cross_partition: never
    on_event: {{a: {{copy: [b, i, l, m, any, f, t, w, u, day, at, span, j, ip, tags, days], set: {{raw: "data.t == null ? null : bytes(data.t)"}}}}}}
"""

TYPED = [
    {
        "n": "-12.5", "k": "a:b%*[x]", "moment": "2026-04-03T09:15:00.123456Z", "b": True, "i": -2147483648, "l": 9007199254740993, "m": "9999999999.99",
        "any": "12345678901234567890.123456789", "f": 0.1, "t": "ä\x1b[31m\n'\"\\", "w": "", "u": "123e4567-e89b-12d3-a456-426614174000", "day": "1999-12-31",
        "at": "2026-01-01T00:00:00Z", "span": "1h30m", "j": {"a": [1, 2.5, None], "b": "ü"}, "ip": "10.0.0.1", "tags": ["x", "y,z"], "days": ["2026-02-28"],
    },
    {"n": "0", "k": "", "moment": "1970-01-01T00:00:00Z", **{name: None for name in "b i l m any f t w u day at span j ip tags days".split()}},
    {
        "n": "999999.99", "k": "ключ", "moment": "2200-01-01T00:00:00Z", "b": False, "i": 0, "l": -9223372036854775808, "m": "-0.01", "any": "0.000", "f": 1e300,
        "t": "", "w": "w", "u": "00000000-0000-0000-0000-000000000000", "day": "0001-01-01", "at": "2262-01-01T00:00:00.000001Z", "span": "-1.5s", "j": [],
        "ip": "2001:db8::1", "tags": [], "days": [],
    },
]  # fmt: skip


def test_every_type_is_shown_the_same_by_every_store(scenario, cache, search_scenario):
    shown = {}
    for world, kind, store in (
        (scenario, "table", '{postgres: {url: "${POSTGRES_URL}", schema: typed}}'),
        (cache, "json", '{redis: {url: "${REDIS_URL}"}}'),
        (search_scenario, "index", '{FAMILY: {url: "${SEARCH_URL}"}}'.replace("FAMILY", search_scenario.search.family)),
    ):
        world.make_topic(1)
        view_name = f"    name: {world.name}-every\n" if kind == "index" else ""
        projection.write(world.file, TYPES.format(name=world.name, topic=world.topic, store=store, kind=kind, view_name=view_name))
        for number, data in enumerate(TYPED):
            event = {"t": "a", "i": f"e{number}", "at": "2026-04-03T09:15:00Z", "d": data}
            world.kafka.produce(world.topic, json.dumps(event).encode(), b"k")
        world.kafka.flush()
        world.start_worker()
        world.wait_caught_up()
        assert world.letters() == [], f"{kind}: {world.letters()}"
        lines = ask(world, "every", "--json").stdout.splitlines()
        shown[kind] = sorted(line.replace('{"a": [1, 2.5, null], "b": "ü"}', "J").replace('{"a": [1, 2.5, null], "b": "\\u00fc"}', "J") for line in lines)
        for data in TYPED:  # and each is found by its key
            one = rows(world, "every", "--", data["n"], data["k"], data["moment"])
            assert len(one) == 1 and one[0]["k"] == data["k"], f"{kind}: {data['k']!r}: {one}"
        assert "\x1b" not in ask(world, "every").stdout
    assert shown["table"] == shown["json"] == shown["index"], "\n".join(f"{kind}: {lines}" for kind, lines in shown.items())
    text = "\n".join(shown["table"])
    for exact in ('"l":9007199254740993', '"m":9999999999.99', '"any":12345678901234567890.123456789', '"span":"PT1H30M"', '"n":-12.50', '"u":null'):
        assert exact in text, f"{exact} is not in\n{text}"


def test_a_deleted_document_is_not_shown(search_scenario):
    """G25: what is left of it is a tombstone."""
    world = search_scenario
    world.make_topic(1).write_file()
    projection.write(world.file, world.file.read_text().replace("order.cancelled: {set: {status: cancelled}}", "order.cancelled: {delete: true}"))
    for order in ("kept", "gone"):
        world.place(order)
    event = {"event_type": "order.cancelled", "event_id": "c", "occurred_at": "2026-04-04T00:00:00Z", "payload": {"order_id": "gone"}}
    world.kafka.produce(world.topic, json.dumps(event).encode(), b"gone")
    world.kafka.flush()
    world.start_worker()
    world.wait_caught_up()
    assert [row["order_id"] for row in rows(world, "fact_orders")] == ["kept"]
    assert rows(world, "fact_orders", "gone") == []


def test_limits_say_that_more_exist(world):
    caught_up(world, 400)
    view, key = some_view(world)
    every = by_key(rows(world, view), key)
    some = ask(world, view, "--limit", "5", "--json")
    assert len(some.stdout.splitlines()) == 5 and "5 rows; " in some.stderr and "--limit N shows more" in some.stderr, some.stderr
    exact = ask(world, view, "--limit", str(len(every)), "--json")
    assert len(exact.stdout.splitlines()) == len(every) and "--limit N" not in exact.stderr, exact.stderr
    filtered = ask(world, view, "--where", "total_cents >= 0", "--limit", "5", "--json")
    assert len(filtered.stdout.splitlines()) == 5 and "there may be more" in filtered.stderr, filtered.stderr
    narrow = ask(world, view, "--columns", f"total_cents,{key}", "--limit", "1").stdout.splitlines()
    assert narrow[0].split() == ["total_cents", key] and len(narrow) == 2


def test_nothing_that_is_stored_steers_the_terminal(world):
    world.make_topic(1).write_file()
    world.place("o\x1b[2J1", customer_id="\x1b]0;title\x07 \u202ered\n")
    world.kafka.flush()
    world.start_worker()
    world.wait_caught_up()
    view, key = some_view(world)
    table = ask(world, view).stdout
    assert "\\x1b]0;title\\x07 \\u202ered\\n" in table and len(table.splitlines()) == 2, table
    assert not [c for c in table if c < " " and c != "\n"]
    line = ask(world, view, "o\x1b[2J1", "--json").stdout
    assert json.loads(line)["customer_id"] == "\x1b]0;title\x07 \u202ered\n" and "\x1b" not in line


def test_keys_of_other_programs_are_not_rows(cache):
    cache.make_topic(1).write_file()
    cache.place("o1")
    cache.kafka.flush()
    cache.start_worker()
    cache.wait_caught_up()
    with cache.cache.client() as client:
        client.set(f"{cache.name}:customers:text", "not a hash")
        client.set(f"{cache.name}:count:not-a-day", "1")
    found = ask(cache, "customers", "--json")
    assert len(found.stdout.splitlines()) == 1 and "1 keys of the same form are none of this view's" in found.stderr, found.stderr
    assert "1 keys of the same form" in ask(cache, "count").stderr
    refused = ask(cache, "customers", "text", code=1).stderr
    assert "WRONGTYPE" in refused and "another program keeps something else there than a hash" in refused, refused


# What it waits for


def test_one_reads_what_one_wrote(world):
    world.make_topic(2).write_file()
    world.place("first", partition=0)
    world.kafka.flush()
    view, key = some_view(world)
    worker = world.start_worker()
    world.wait_caught_up()
    assert worker.stop() == 0
    world.place("mine", partition=0)
    world.kafka.flush()
    late = ask(world, view, "mine", "--wait-for", f"{world.topic}:0:1", "--timeout", "0.3", code=1)
    assert "not reached in time" in late.stderr and "stands at 1 and offset 1 is waited for" in late.stderr and "is a worker running?" in late.stderr
    command = [world.binary, "query", str(world.file), view, "mine", "--json", "--wait-for", f"{world.topic}:0:1"]
    process = subprocess.Popen(command, env=world.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    stays_true(lambda: process.poll() is None, 0.5, "it waits")
    world.start_worker()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and json.loads(out)[key] == "mine", out + err
    assert f"holds the events below {world.topic} 0:2" in err, err


# What it leaves behind


def store_traces(world):
    """Connections, transactions, cursors, scrolls and points in time that a reader holds."""
    if world.env.get("POSTGRES_URL"):
        with world.database.cursor() as cursor:
            cursor.execute(
                "SELECT pid, state, xact_start, backend_xmin::text FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND application_name LIKE 'foldline%%'"
            )
            backends = cursor.fetchall()
            cursor.execute("SELECT count(*) FROM pg_prepared_xacts")
            assert cursor.fetchone() == (0,)
        assert all(start is None and xmin is None for _, state, start, xmin in backends if state != "active"), backends
        return [backend[0] for backend in backends]
    if world.env.get("REDIS_URL"):
        with world.cache.client() as client:
            # Of this test's own readers: other tests' workers come and go on the same server.
            return [each["id"] for each in client.client_list() if int(each["addr"].rsplit(":", 1)[1]) in world.reader_ports]
    stats = world.search.ask("GET", f"/{world.name}*/_stats/search")
    assert stats["_all"]["total"]["search"]["open_contexts"] == 0, "a scroll or a point in time is open"
    return []


def ports_of(process):
    """Its own ends of its TCP connections."""
    inodes = set()
    for descriptor in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            inodes.add(os.readlink(descriptor))
        except OSError:
            pass  # closed meanwhile
    lines = [line.split() for line in pathlib.Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines()[1:]]
    return {int(line[1].split(":")[1], 16) for line in lines if f"socket:[{line[9]}]" in inodes}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_stopped_in_the_middle_of_a_long_scan_it_leaves_nothing_behind(world, how):
    worker = caught_up(world)
    assert worker.stop() == 0
    view, _ = some_view(world)
    world.reader_ports = set()
    before = store_traces(world)
    process = subprocess.Popen(
        [world.binary, "query", str(world.file), view, "--json", "--limit", "0"], env=world.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    first = json.loads(process.stdout.readline())  # it has begun; nobody reads on, so it waits with more rows to come
    assert first
    world.reader_ports = ports_of(process)
    # Between pages nothing is open, however long it waits.
    stays_true(lambda: process.poll() is None and store_traces(world) is not None, 0.5, "it waits for its reader")
    process.send_signal(how)
    assert process.wait(10) == -how
    process.stdout.close()
    process.stderr.close()
    wait_until(lambda: set(store_traces(world)) <= set(before), 15, "its connection is gone")
    assert len(rows(world, view)) > 500


def test_status_stopped_in_the_middle_leaves_nothing_behind(world):
    worker = caught_up(world, 300)
    assert worker.stop() == 0
    world.reader_ports = set()
    before = store_traces(world)
    # A log that never answers: it is stopped while it waits for Kafka, the store already asked.
    env = {**world.env, "KAFKA_BROKERS": f"127.0.0.1:{free_port()}"}
    for how in (signal.SIGINT, signal.SIGKILL):
        process = subprocess.Popen([world.binary, "status", str(world.file)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stays_true(lambda: process.poll() is None, 1.0, "it waits for Kafka")
        world.reader_ports |= ports_of(process)
        process.send_signal(how)
        assert process.wait(10) == -how
    wait_until(lambda: set(store_traces(world)) <= set(before), 15, "its connection is gone")


def test_asking_makes_nothing(world):
    """Before any worker has run: an error that says so, and the store as empty as it was."""
    world.make_topic(1).write_file()
    view, _ = some_view(world)
    redis_store = isinstance(world.database, Cache)
    for arguments in ((view,), (view, "o1")):
        said = ask(world, *arguments, code=0 if redis_store else 1).stderr
        assert ("0 rows" if redis_store else "a worker makes it when it first starts") in said, said
    found = status(world)
    assert [part["checkpoint"] for part in found["partitions"]] == [None] and found["partitions"][0]["owner"] is None
    if world.env.get("POSTGRES_URL"):
        assert world.database.rows("SELECT nspname FROM pg_namespace WHERE nspname IN ('foldline', 'analytics')") == []
    elif redis_store:
        with world.cache.client() as client:
            assert list(client.scan_iter(match=f"*{world.name}*", count=1000)) == []
    else:
        assert world.search.ask("GET", f"/_cat/indices/{world.name}*?format=json") == []


def test_it_reads_with_a_role_that_may_only_read(scenario):
    caught_up(scenario, 200)
    role, password = f"{scenario.name}_reader", "only-reads"
    scenario.database.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
    try:
        scenario.database.execute(f"GRANT USAGE ON SCHEMA analytics, foldline TO {role}")
        scenario.database.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA analytics, foldline TO {role}")
        host = scenario.database.url.split("@")[1]
        env = {**scenario.env, "POSTGRES_URL": f"postgresql://{role}:{password}@{host}"}
        done = run_once(scenario.binary, ["query", str(scenario.file), "fact_orders", "--json", "--limit", "0"], env)
        assert done.returncode == 0 and len(done.stdout.splitlines()) == len(scenario.expected().fact_orders), done.stderr
    finally:
        scenario.database.execute(f"DROP OWNED BY {role}")
        scenario.database.execute(f"DROP ROLE {role}")


# What it says when it can't


def test_a_store_that_is_away_is_named_with_a_hint_and_exit_code_1(world):
    world.make_topic(1).write_file()
    port = free_port()
    away = {"POSTGRES_URL": f"postgresql://u:s3cret@127.0.0.1:{port}/d", "REDIS_URL": f"redis://u:s3cret@127.0.0.1:{port}/0", "SEARCH_URL": f"http://127.0.0.1:{port}"}
    env = {**world.env, **{name: url for name, url in away.items() if name in world.env}}
    for command in (["query", str(world.file), some_view(world)[0]], ["status", str(world.file)]):
        done = run_once(world.binary, command, env)
        assert done.returncode == 1 and done.stdout == "", done.stdout
        assert str(port) in done.stderr and "help: " in done.stderr and "s3cret" not in done.stderr, done.stderr


def test_slips_of_the_command_line_are_exit_code_2(scenario):
    scenario.write_file()
    for arguments, said in (
        (["fact_order"], "did you mean fact_orders?"),
        (["daily_revenue", "tomorrow"], 'KEY 1 (day): "tomorrow" is not a date'),
        (["fact_orders", "--where", "total_cent > 1"], "did you mean total_cents"),
        (["fact_orders", "--columns", "status,total"], "has no total"),
        (["fact_orders", "--wait-for", "nowhere"], "write TOPIC:PARTITION:OFFSET"),
        (["fact_orders", "--limit", "many"], "--limit"),
    ):
        assert said in ask(scenario, *arguments, code=2).stderr
    listed = ask(scenario).stdout
    assert "fact_orders\n  table   analytics.fact_orders\n  key     order_id text\n  fields  customer_id text" in listed, listed


# status


def test_status_tells_an_operator_what_he_asks(world):
    worker = caught_up(world, 500)
    found = status(world)
    assert found["projection"] == world.name and found["generation"] == 1 and {"number": 1, "state": "live"} in found["generations"]
    assert found["store"] in ("postgres", "redis", "opensearch", "elasticsearch") and found["lag"] == 0
    ends = world.kafka.end_offsets(world.topic)
    for part in found["partitions"]:
        assert (part["checkpoint"], part["end"], part["lag"]) == (ends[part["partition"]], ends[part["partition"]], 0)
        assert len(part["owner"]) == 36
        assert datetime.datetime.strptime(part["newestEvent"][:19], "%Y-%m-%dT%H:%M:%S").year >= 2025
    assert found["letters"] == {"open": len(world.letters()), "replayed": 0, "discarded": 0} and found["letters"]["open"] > 0
    assert worker.stop() == 0
    for number in range(5):
        world.kafka.produce(world.topic, placed(f"late{number}"), b"k", partition=1)
    world.kafka.flush()
    assert status(world)["lag"] == 5
    table = run_once(world.binary, ["status", str(world.file)], world.env).stdout
    assert "2 partitions, lag 5, generation 1" in table and "NEWEST EVENT" in table, table
