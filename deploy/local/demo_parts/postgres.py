"""The demo's facts in PostgreSQL: config/examples/orders-analytics.yaml."""

import os
import subprocess

from .common import Failed
from .workers import metric

FACTS, DAILY = "analytics.fact_orders", "analytics.daily_revenue"


def sql(text, *options):
    """Rows as lists of strings."""
    command = ["psql", os.environ["POSTGRES_URL"], "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", *options, "-c", text]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"psql: {done.stderr.strip()}\nin: {text}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def wipe():
    sql("drop schema if exists analytics, foldline cascade", "-c", "set client_min_messages = warning")


def show():
    print(f"\nThe ten best days, from {FACTS} in PostgreSQL:\n")
    print(f"  {'day':<12}{'currency':<10}{'orders':>8}{'revenue':>16}")
    rows = sql(
        f"select (placed_at at time zone 'UTC')::date, currency, count(*), sum(total_cents) from {FACTS}"
        " where placed_at is not null group by 1, 2 order by 4 desc limit 10"
    )
    for day, currency, orders, cents in rows:
        print(f"  {day:<12}{currency:<10}{int(orders):>8,}{int(cents) / 100:>16,.2f}")


def compare(comparison, expected, metrics):
    comparison.title("PostgreSQL")
    totals = [
        ("records in the topic", expected["records"], "select sum(next_offset) from foldline.checkpoint"),
        ("orders", expected["orders"], f"select count(*) from {FACTS}"),
        ("orders placed", expected["orders_placed"], f"select count(placed_at) from {FACTS}"),
        ("orders shipped", expected["orders_shipped"], f"select count(shipped_at) from {FACTS}"),
        ("revenue in cents", expected["revenue_cents"], f"select sum(total_cents) from {FACTS}"),
        ("items", expected["items"], f"select sum(item_count) from {FACTS}"),
        ("orders, day by day", expected["orders_placed"], f"select sum(orders) from {DAILY}"),
        ("revenue, day by day", expected["revenue_cents"], f"select sum(revenue_cents) from {DAILY}"),
    ]
    for status, count in sorted(expected["per_status"].items()):
        totals.append((f"orders now {status}", count, f"select count(*) from {FACTS} where status = '{status}'"))
    for what, known, query in totals:
        comparison.row(what, known, int(sql(query)[0][0] or 0))
    comparison.row("duplicates left out", expected["duplicates"], metric(metrics, "foldline_events_total", 'outcome="duplicate"'))
    found = {(day, currency): (int(orders), int(cents)) for day, currency, orders, cents in sql(f"select day, currency, orders, revenue_cents from {DAILY}")}
    wanted = {(row["day"], row["currency"]): (row["orders"], row["revenue_cents"]) for row in expected["per_day"]}
    same = sum(found.get(key) == value for key, value in wanted.items()) - len(found.keys() - wanted.keys())
    comparison.row("days and currencies that agree", len(wanted), same)


def hints():
    url = os.environ["POSTGRES_URL"]
    return [f"psql '{url}' -c 'table {DAILY} limit 5'", f"psql '{url}' -c 'select status, count(*) from {FACTS} group by 1'"]
