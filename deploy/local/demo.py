"""The second half of deploy/local/demo: topics, worker, events, and every total beside what the generator knows.

Reads KAFKA_BROKERS and POSTGRES_URL. Ends only the worker that an earlier run started: its pid stands in DEMO_DIR/worker.pid.
DEMO_DIR is .local/demo unless set.
"""

import base64
import collections
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLACE = pathlib.Path(os.environ.get("DEMO_DIR", ROOT / ".local" / "demo"))
BINARY = ROOT / "build" / "foldline"
PROJECTION = "config/examples/orders-analytics.yaml"
TOPIC, LETTERS, PARTITIONS = "orders.events", "orders.events.dlq", 4
EVENTS, SEED = 200_000, 42
STOP_TIMEOUT_S, START_TIMEOUT_S, FOLD_TIMEOUT_S, KAFKA_TIMEOUT_S = 20, 30, 240, 20


class Failed(Exception):
    """The demo can't go on; the text says why and what to do."""


class Steps:
    def __init__(self, began):
        self.began = began
        self.live = sys.stdout.isatty()
        self.printed_at = 0.0

    def say(self, text):
        print(f"[{int(time.time() - self.began):4d} s] {text}", flush=True)

    def progress(self, text, last=False):
        """One line that changes in place on a terminal; elsewhere a line every two seconds."""
        line = f"[{int(time.time() - self.began):4d} s]   {text}"
        if self.live:
            print(f"\r{line}\033[K", end="\n" if last else "", flush=True)
        elif last or time.monotonic() - self.printed_at > 2:
            self.printed_at = time.monotonic()
            print(line, flush=True)


# The worker

def running_worker():
    """The pid of the worker that an earlier run left, or None: the pid may be another program's by now."""
    try:
        pid = int((PLACE / "worker.pid").read_text())
        arguments = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if str(BINARY).encode() in arguments and PROJECTION.encode() in arguments else None


def stop_worker():
    pid = running_worker()
    if pid is None:
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while running_worker() == pid:
        if time.monotonic() > deadline:
            print(f"demo: the worker (pid {pid}) did not stop within {STOP_TIMEOUT_S} s: killing it", file=sys.stderr)
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    (PLACE / "worker.pid").unlink(missing_ok=True)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""


def log_tail(name, lines=15):
    try:
        return "\n".join((PLACE / name).read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def start_worker():
    port = free_port()
    with open(PLACE / "worker.log", "wb") as log:
        worker = subprocess.Popen(
            [str(BINARY), "run", PROJECTION, "--http", f"127.0.0.1:{port}"],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )
    (PLACE / "worker.pid").write_text(f"{worker.pid}\n")
    deadline = time.monotonic() + START_TIMEOUT_S
    while get(port, "/readyz")[0] != 200:
        check_alive(worker)
        if time.monotonic() > deadline:
            raise Failed(f"the worker is not ready after {START_TIMEOUT_S} s; the end of {PLACE / 'worker.log'}:\n{log_tail('worker.log')}")
        time.sleep(0.05)
    return worker, port


def check_alive(worker):
    if worker.poll() is not None:
        raise Failed(f"the worker ended with code {worker.returncode}; the end of {PLACE / 'worker.log'}:\n{log_tail('worker.log')}")


def metric(text, name, label=""):
    """The sum over all series of a name that have this label; 0 while there is none."""
    total = 0.0
    for line in text.splitlines():
        if line.startswith((name + "{", name + " ")) and label in line:
            total += max(0.0, float(line.rsplit(" ", 1)[1]))  # an offset that is not known yet is -1
    return int(total)


# Kafka

def fresh_topics(brokers):
    import confluent_kafka.admin

    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": brokers, "log_level": 3})
    names = [TOPIC, LETTERS]

    def present():
        return [name for name in admin.list_topics(timeout=KAFKA_TIMEOUT_S).topics if name in names]

    old = present()
    if old:
        for future in admin.delete_topics(old, operation_timeout=KAFKA_TIMEOUT_S).values():
            future.result()
    deadline = time.monotonic() + KAFKA_TIMEOUT_S
    while present():
        if time.monotonic() > deadline:
            raise Failed(f"Kafka still has {present()} {KAFKA_TIMEOUT_S} s after their deletion")
        time.sleep(0.05)
    new = [confluent_kafka.admin.NewTopic(name, PARTITIONS, 1) for name in names]
    for future in admin.create_topics(new, operation_timeout=KAFKA_TIMEOUT_S).values():
        future.result()


def read_letters(brokers):
    """Every letter in the topic, one for each letterId: a letter may have been written twice, it counts once (G28)."""
    import confluent_kafka

    consumer = confluent_kafka.Consumer({"bootstrap.servers": brokers, "group.id": "foldline-demo", "enable.auto.commit": False})
    letters = {}
    for partition in range(PARTITIONS):
        place = confluent_kafka.TopicPartition(LETTERS, partition, 0)
        low, high = consumer.get_watermark_offsets(place, timeout=KAFKA_TIMEOUT_S)
        if low == high:
            continue
        consumer.assign([place])
        deadline = time.monotonic() + KAFKA_TIMEOUT_S
        offset = low
        while offset < high:
            message = consumer.poll(1.0)
            if time.monotonic() > deadline:
                raise Failed(f"{LETTERS}[{partition}] could not be read up to {high} within {KAFKA_TIMEOUT_S} s")
            if message is None:
                continue
            if message.error():
                raise Failed(f"{LETTERS}: {message.error()}")
            letter = json.loads(message.value())
            letters[letter["letterId"]] = letter
            offset = message.offset() + 1
    consumer.close()
    return list(letters.values())


def kind_of(letter):
    """What is wrong with a letter's original, by the generator's names; looked up in the original, not in what the worker says of it."""
    if letter["encoding"] == "base64":
        return "truncated" if base64.b64decode(letter["originalEvent"]).startswith(b"{") else "not_json"
    event = letter["originalEvent"]
    payload = event.get("payload", {})
    if "event_type" not in event:
        return "unknown_shape"
    if not event["occurred_at"][:4].isdigit():
        return "unreadable_time"
    if "order_id" not in payload:
        return "missing_order_id"
    return "total_too_large" if isinstance(payload["total_cents"], int) else "total_not_a_number"


# PostgreSQL

def sql(text, *options):
    """Rows as lists of strings."""
    command = ["psql", os.environ["POSTGRES_URL"], "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", *options, "-c", text]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"psql: {done.stderr.strip()}\nin: {text}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def print_best_days():
    print("\nThe ten best days, from analytics.fact_orders:\n")
    print(f"  {'day':<12}{'currency':<10}{'orders':>8}{'revenue':>16}")
    rows = sql(
        "select (placed_at at time zone 'UTC')::date, currency, count(*), sum(total_cents) from analytics.fact_orders"
        " where placed_at is not null group by 1, 2 order by 4 desc limit 10"
    )
    for day, currency, orders, cents in rows:
        print(f"  {day:<12}{currency:<10}{int(orders):>8,}{int(cents) / 100:>16,.2f}")


def print_letters(letters):
    print(f"\nDead letters in {LETTERS}, by reason:\n")
    reasons = collections.Counter((letter["stage"], letter["reason"]) for letter in letters)
    for (stage, reason), count in reasons.most_common(12):
        print(f"  {count:>6}  {stage:<12}{reason[:110]}")
    if len(reasons) > 12:
        print(f"          and {len(reasons) - 12} more reasons")


def print_comparison(expected, letters, metrics):
    facts, daily = "analytics.fact_orders", "analytics.daily_revenue"
    comparison = [
        ("records in the topic", expected["records"], "select sum(next_offset) from foldline.checkpoint"),
        ("orders", expected["orders"], f"select count(*) from {facts}"),
        ("orders placed", expected["orders_placed"], f"select count(placed_at) from {facts}"),
        ("orders shipped", expected["orders_shipped"], f"select count(shipped_at) from {facts}"),
        ("revenue in cents", expected["revenue_cents"], f"select sum(total_cents) from {facts}"),
        ("items", expected["items"], f"select sum(item_count) from {facts}"),
        ("orders, day by day", expected["orders_placed"], f"select sum(orders) from {daily}"),
        ("revenue, day by day", expected["revenue_cents"], f"select sum(revenue_cents) from {daily}"),
    ]
    for status, count in sorted(expected["per_status"].items()):
        comparison.append((f"orders now {status}", count, f"select count(*) from {facts} where status = '{status}'"))
    rows = [(what, known, int(sql(query)[0][0] or 0)) for what, known, query in comparison]
    rows.append(("duplicates left out", expected["duplicates"], metric(metrics, "foldline_events_total", 'outcome="duplicate"')))
    rows.append(("dead letters", expected["malformed"], len(letters)))
    kinds = collections.Counter(kind_of(letter) for letter in letters)
    rows += [(f"  {kind.replace('_', ' ')}", count, kinds[kind]) for kind, count in sorted(expected["malformed_by_kind"].items())]
    found = {(day, currency): (int(orders), int(cents)) for day, currency, orders, cents in sql(f"select day, currency, orders, revenue_cents from {daily}")}
    wanted = {(row["day"], row["currency"]): (row["orders"], row["revenue_cents"]) for row in expected["per_day"]}
    same = sum(found.get(key) == value for key, value in wanted.items()) - len(found.keys() - wanted.keys())
    rows.append(("days that agree", len(wanted), same))

    print(f"\n  {'total':<24}{'generated':>16}{'read model':>16}")
    wrong = 0
    for what, known, is_ in rows:
        wrong += known != is_
        print(f"  {what:<24}{known:>16,}{is_:>16,}  {'equal' if known == is_ else f'DIFFERS by {is_ - known:+,}'}")
    return wrong


def fold_everything(steps, worker, port):
    """Writes the events while the worker folds them, until it has caught up. Returns the generator's totals and the last metrics."""
    expect = PLACE / "expected.json"
    expect.unlink(missing_ok=True)
    with open(PLACE / "generate.log", "wb") as log:
        generator = subprocess.Popen(
            [str(BINARY), "generate", "orders", "--brokers", os.environ["KAFKA_BROKERS"], "--topic", TOPIC, "--events", str(EVENTS),
             "--duplicates", "0.01", "--out-of-order", "0.01", "--malformed", "0.001", "--seed", str(SEED), "--expect", str(expect)],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )
    began = time.monotonic()
    try:
        while True:
            check_alive(worker)
            if generator.poll() not in (None, 0):
                raise Failed(f"the generator failed:\n{log_tail('generate.log')}")
            metrics = get(port, "/metrics")[1]
            seen, lag = metric(metrics, "foldline_committed_offset"), metric(metrics, "foldline_lag")
            elapsed = max(time.monotonic() - began, 0.001)
            done = generator.poll() == 0 and seen >= EVENTS and lag == 0
            steps.progress(f"{seen:>9,} of {EVENTS:,} records, {int(seen / elapsed):>9,} a second, lag {lag:,}", last=done)
            if done:
                return json.loads(expect.read_text()), metrics
            if elapsed > FOLD_TIMEOUT_S:
                raise Failed(f"not done after {FOLD_TIMEOUT_S} s; the end of {PLACE / 'worker.log'}:\n{log_tail('worker.log')}")
            time.sleep(0.1)
    finally:
        if generator.poll() is None:
            generator.kill()


def run(began):
    steps = Steps(began)
    brokers, url = os.environ["KAFKA_BROKERS"], os.environ["POSTGRES_URL"]
    PLACE.mkdir(parents=True, exist_ok=True)
    stop_worker()
    steps.say(f"a fresh start: topics {TOPIC} and {LETTERS}, schemas analytics and foldline")
    fresh_topics(brokers)
    sql("drop schema if exists analytics, foldline cascade", "-c", "set client_min_messages = warning")
    steps.say(f"worker: foldline run {PROJECTION}")
    worker, port = start_worker()
    steps.say(f"{EVENTS:,} records: 1% duplicates, 1% out of order, 0.1% malformed")
    expected, metrics = fold_everything(steps, worker, port)
    letters = read_letters(brokers)
    print_best_days()
    print_letters(letters)
    wrong = print_comparison(expected, letters, metrics)
    print()
    if wrong:
        raise Failed(f"{wrong} totals differ; the worker's log is {PLACE / 'worker.log'}")
    steps.say("every total agrees. All is left running:")
    print(f"""
  psql '{url}' -c 'table analytics.daily_revenue limit 5'
  psql '{url}' -c 'select status, count(*) from analytics.fact_orders group by 1'
  curl http://127.0.0.1:{port}/metrics          # the worker, pid {worker.pid}, log {PLACE / 'worker.log'}
  make demo-stop                                 # ends the worker and the servers (or: kill {worker.pid}; deploy/local/stack down)
""")


def main(arguments):
    try:
        if arguments == ["stop"]:
            stop_worker()
        else:
            run(float(arguments[1]))
    except Failed as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
