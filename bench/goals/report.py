"""What a run says: a line for each case, a table, and the page."""

import os
import pathlib
import platform
import subprocess
import sys
import time

BEGIN = "<!-- results: written by bench/run -->"
END = "<!-- end of results -->"


def value_text(row):
    if row["kind"] == "failed":
        return "failed"
    if row["kind"] == "ratio":
        return f"{row['value']:.2f}"
    return f"{row['value']:{row.get('form', ',.1f')}} {row.get('unit', '')}".strip()


def goal_text(row):
    if row["kind"] == "failed" or row.get("goal") is None:
        return "-"
    if row["kind"] == "ratio":
        return f">= {row['goal']:g}"
    return f"{row.get('relation', '<=')} {row['goal']:,} {row.get('unit', '')}".strip()


def met_text(row):
    if row["kind"] == "failed" or row.get("met") is None:
        return "-"
    return "yes" if row["met"] else "NO"


def line(row):
    if row["kind"] == "failed":
        return f"{row['case']}: failed: {row['error']}"
    beside = f": Foldline {row['events_per_s']:,.0f}/s, limit {row['limit_per_s']:,.0f}/s" if "limit_per_s" in row else f": {row['title']}"
    return f"=> {row['case']}{beside}: {value_text(row)} (goal {goal_text(row)}: {met_text(row)})"


def turns_text(row):
    """The turns' own ratios, from the least to the most."""
    ratios = row.get("ratios", ())
    return f"{min(ratios):.2f} to {max(ratios):.2f} ({len(ratios)})" if len(ratios) > 1 else "-"


def cell(row, name, form):
    return form.format(row[name]) if row.get(name) is not None else "-"


COLUMNS = (
    ("case", lambda r: r["case"]),
    ("Foldline, events/s", lambda r: cell(r, "events_per_s", "{:,.0f}")),
    ("limit, /s", lambda r: cell(r, "limit_per_s", "{:,.0f}")),
    ("value", value_text),
    ("turns", turns_text),
    ("goal", goal_text),
    ("met", met_text),
    ("CPU worker, µs/event", lambda r: cell(r, "worker_cpu_us_per_event", "{:.2f}")),
    ("store", lambda r: cell(r, "store_cpu_us_per_event", "{:.2f}")),
    ("Kafka", lambda r: cell(r, "kafka_cpu_us_per_event", "{:.2f}")),
    ("peak MB", lambda r: cell(r, "peak_memory_mb", "{:,.0f}")),
)


# Where a microsecond of the worker goes: its threads, and what stands beside it.
THREAD_COLUMNS = (
    ("case", lambda r: r["case"]),
    ("event to event, µs", lambda r: f"{1e6 / r['events_per_s']:.2f}"),
    ("lane thread", lambda r: cell(r, "thread_lane_cpu_us_per_event", "{:.2f}")),
    ("commit thread", lambda r: cell(r, "thread_commit_cpu_us_per_event", "{:.2f}")),
    ("Kafka client", lambda r: cell(r, "thread_kafka_client_cpu_us_per_event", "{:.2f}")),
    ("rest of the worker", lambda r: cell(r, "thread_rest_cpu_us_per_event", "{:.2f}")),
    ("store", lambda r: cell(r, "store_cpu_us_per_event", "{:.2f}")),
    ("broker", lambda r: cell(r, "kafka_cpu_us_per_event", "{:.2f}")),
    ("records a commit", lambda r: cell(r, "records_per_commit", "{:,.0f}")),
    ("value if no core idled", lambda r: "-" if busy_value(r) is None else f"{busy_value(r):.2f}"),
)


def busy_value(row):
    """The ratio that the processor time alone would allow: worker, store and broker share the cores, the limit leaves none of them to a
    worker. None: there is no limit, or the server is not ours to measure."""
    spent = [row.get(part + "_cpu_us_per_event") for part in ("worker", "store", "kafka")]
    if "limit_per_s" not in row or None in spent:
        return None
    return os.cpu_count() * 1e6 / sum(spent) / row["limit_per_s"]


def markdown_table(columns, rows):
    return [
        "| " + " | ".join(title for title, _ in columns) + " |",
        "| --- |" + " ---: |" * (len(columns) - 1),
        *("| " + " | ".join(show(row) for _, show in columns) + " |" for row in rows),
    ]


def table(result):
    lines = [[title for title, _ in COLUMNS]] + [[show(row) for _, show in COLUMNS] for row in result["cases"]]
    widths = [max(len(cells[i]) for cells in lines) for i in range(len(COLUMNS))]
    return "\n".join("  ".join(text.ljust(width) if i == 0 else text.rjust(width) for i, (text, width) in enumerate(zip(cells, widths))) for cells in lines)


def machine():
    model = next((l.split(":", 1)[1].strip() for l in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if l.startswith("model name")), "unknown")
    memory_kb = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    return {"processor": model, "cores": os.cpu_count(), "memory_gb": round(memory_kb / 1e6), "system": distribution(), "kernel": platform.release()}


def distribution():
    try:
        words = dict(l.split("=", 1) for l in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in l)
        return words["PRETTY_NAME"].strip('"')
    except (OSError, KeyError):
        return platform.system()


def version():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def result(rows, options, seconds):
    return {
        "command": " ".join(["bench/run", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": version(),
        "machine": machine(),
        "load_average": os.getloadavg(),
        "events": options.events,
        "runs": options.runs,
        "seconds": seconds,
        "cases": rows,
    }


def markdown(result):
    m = result["machine"]
    rows = result["cases"]
    runs = "one run each" if result["runs"] == 1 else f"{result['runs']} runs each, medians"
    out = [
        f"`{result['command']}`, {result['date']}, commit `{result['commit']}`: {result['events']:,} events a case, {runs}; {result['seconds'] / 60:.0f} minutes.",
        f"{m['processor']}, {m['cores']} cores, {m['memory_gb']} GB, {m['system']}, Linux {m['kernel']}. Worker, Kafka and store share these cores.",
        "",
        *markdown_table(COLUMNS, rows),
    ]
    about = (
        ("case", lambda r: r["case"]),
        ("what it is", lambda r: r["title"]),
        ("limit", lambda r: r.get("limit_title", "-")),
        ("events", lambda r: cell(r, "events", "{:,}")),
    )
    out += ["", *markdown_table(about, rows)]
    with_threads = [row for row in rows if "thread_lane_cpu_us_per_event" in row]
    if with_threads:
        out += ["", "Where a microsecond goes: processor time an event, µs; and what that time alone would allow.", "", *markdown_table(THREAD_COLUMNS, with_threads)]
    for row in rows:
        if row.get("notes"):
            out += ["", f"**{row['case']}**", "", *row["notes"]]
    failed = [row for row in rows if row["kind"] == "failed"]
    if failed:
        out += ["", "Failed in this run: " + "; ".join(f"{row['case']}: {row['error']}" for row in failed)]
    return "\n".join(out)


def write_page(result, page):
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    page.write_text(f"{before}{BEGIN}\n{markdown(result)}\n{END}{after}", encoding="utf-8")
