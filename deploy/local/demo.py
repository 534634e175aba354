"""The second half of deploy/local/demo: topics, workers, events, and every total beside what the generator knows.

Reads KAFKA_BROKERS, POSTGRES_URL, REDIS_URL and SEARCH_URL. DEMO_DIR is .local/demo unless set.
"""

import datetime
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from demo_parts import kafka, postgres, redis, search  # noqa: E402
from demo_parts.common import BINARY, PLACE, ROOT, TOPIC, Comparison, Failed, Steps, log_tail  # noqa: E402
from demo_parts.workers import Worker  # noqa: E402

EVENTS, SEED = 200_000, 42
DAYS = 28  # up to yesterday: what the examples let expire is not over yet
FOLD_TIMEOUT_S = 300
WORKERS = (
    Worker("analytics", "PostgreSQL", "config/examples/orders-analytics.yaml"),
    Worker("order_search", "OpenSearch", "config/examples/orders-search.yaml"),
    Worker("cache", "Redis", "config/examples/orders-cache.yaml"),
)


def start_generator(expect):
    expect.unlink(missing_ok=True)
    with open(PLACE / "generate.log", "wb") as log:
        return subprocess.Popen(
            [str(BINARY), "generate", "orders", "--brokers", os.environ["KAFKA_BROKERS"], "--topic", TOPIC, "--events", str(EVENTS),
             "--start-day", str(datetime.date.today() - datetime.timedelta(days=DAYS)), "--days", str(DAYS),
             "--duplicates", "0.01", "--out-of-order", "0.01", "--malformed", "0.001", "--seed", str(SEED), "--expect", str(expect)],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )


def fold_everything(steps):
    """Writes the events while the workers fold them, until all have caught up. Returns the generator's totals."""
    expect = PLACE / "expected.json"
    generator = start_generator(expect)
    began = time.monotonic()
    try:
        while True:
            if generator.poll() not in (None, 0):
                raise Failed(f"the generator failed:\n{log_tail('generate.log')}")
            for worker in WORKERS:
                worker.check_alive()
            at = [worker.progress() for worker in WORKERS]
            elapsed = max(time.monotonic() - began, 0.001)
            done = generator.poll() == 0 and all(seen >= EVENTS and lag == 0 for seen, lag, _ in at)
            shares = ", ".join(f"{worker.store} {100 * seen // EVENTS:>3}% (lag {lag:,})" for worker, (seen, lag, _) in zip(WORKERS, at))
            rate = int(sum(seen for seen, _, _ in at) / elapsed)
            steps.progress(f"{shares}; {rate:,} events/s in all", last=done)
            if done:
                return json.loads(expect.read_text())
            if elapsed > FOLD_TIMEOUT_S:
                raise Failed(f"not done after {FOLD_TIMEOUT_S} s; the workers' logs are in {PLACE}")
            time.sleep(0.1)
    finally:
        if generator.poll() is None:
            generator.kill()


def show_and_compare(expected):
    letters = kafka.read_letters()
    postgres.show()
    redis.show()
    search.show()
    kafka.print_letters(letters)
    comparison = Comparison()
    postgres.compare(comparison, expected, WORKERS[0].get("/metrics")[1])
    redis.compare(comparison, expected)
    search.compare(comparison, expected)
    kafka.compare_letters(comparison, expected, letters, [worker.projection for worker in WORKERS])
    print()
    return comparison.wrong


def run(began):
    steps = Steps(began)
    PLACE.mkdir(parents=True, exist_ok=True)
    for worker in WORKERS:
        worker.stop()
    steps.say(f"a fresh start: topic {TOPIC} and its dead letters, and nothing in the three stores")
    kafka.fresh_topics()
    for store in (postgres, redis, search):
        store.wipe()
    for worker in WORKERS:
        steps.say(f"worker for {worker.store}: foldline run {worker.file}")
        worker.start()
    for worker in WORKERS:
        worker.wait_ready()
    steps.say(f"{EVENTS:,} records: 1% duplicates, 1% out of order, 0.1% malformed")
    wrong = show_and_compare(fold_everything(steps))
    if wrong:
        raise Failed(f"{wrong} totals differ; the workers' logs are in {PLACE}")
    steps.say("three stores, every total agrees. All is left running:")
    print()
    for hint in (*postgres.hints(), *redis.hints(), *search.hints()):
        print("  " + hint)
    for worker in WORKERS:
        print(f"  curl http://127.0.0.1:{worker.port}/metrics   # {worker.projection}, pid {worker.process.pid}, log {worker.log}")
    print("  kill -9 a worker, start it again as above: nothing is lost, nothing doubled")
    print("  make demo-stop   # ends the workers and the servers\n")


def main(arguments):
    try:
        if arguments == ["stop"]:
            for worker in WORKERS:
                worker.stop()
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
