"""The demo's counters in Redis: config/examples/orders-cache.yaml."""

import os
import subprocess

from .common import Failed


def redis(*commands):
    """The answers to several commands, each a list of lines; redis-cli takes a command a line."""
    text = "".join(" ".join(command) + "\n" for command in commands)
    done = subprocess.run(["redis-cli", "--no-auth-warning", "-u", os.environ["REDIS_URL"]], input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0 or "\nERR " in "\n" + done.stdout:
        raise Failed(f"redis-cli: {done.stderr.strip() or done.stdout[:300]}")
    return done.stdout.splitlines()


def wipe():
    redis(["FLUSHDB"])


def per_day(expected):
    """day → (orders, cents), over all currencies."""
    out = {}
    for row in expected["per_day"]:
        orders, cents = out.get(row["day"], (0, 0))
        out[row["day"]] = (orders + row["orders"], cents + row["revenue_cents"])
    return out


def counters(days):
    """day → (orders, cents) as the two counters of each day say; 0 where there is none."""
    keys = [f"orders:{day}:{what}" for day in days for what in ("count", "revenue")]
    values = [int(line or 0) for line in redis(["MGET", *keys])]
    return {day: (values[2 * i], values[2 * i + 1]) for i, day in enumerate(days)}


def show():
    print("\nThe last three days' counters in Redis:\n")
    days = sorted(line.split(":")[1] for line in redis(["KEYS", "orders:*:count"]) if line)[-3:]
    for day, (orders, cents) in counters(days).items():
        print(f"  orders:{day}:count {orders:>8,}    orders:{day}:revenue {cents:>12,}")


def compare(comparison, expected):
    comparison.title("Redis")
    wanted = per_day(expected)
    found = counters(sorted(wanted))
    comparison.row("orders:DAY:count, all days", expected["orders_placed"], sum(orders for orders, _ in found.values()))
    comparison.row("orders:DAY:revenue, all days", expected["revenue_cents"], sum(cents for _, cents in found.values()))
    comparison.row("days that agree", len(wanted), sum(found[day] == value for day, value in wanted.items()))


def hints():
    return [f"redis-cli -u '{os.environ['REDIS_URL']}' --scan --pattern 'orders:*:revenue' | head"]
