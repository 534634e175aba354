"""The speed goals: each a ratio of Foldline and of a bare program, measured in one run, by turns.

    bench/run                                    all cases, 1,000,000 events each, three runs
    bench/run --case postgres-new --events 200000 --runs 1
    bench/run --list

Prints a table, writes JSON (build/reports/bench.json) and, when all cases ran, docs/performance.md. A case that fails says why, and the others
go on; the exit code is 1 then. A goal that is missed is no failure.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import report  # noqa: E402
from cases import CATCH_UP  # noqa: E402
from catch_up import run_case  # noqa: E402
from programs import Failure  # noqa: E402
from servers import ROOT, Servers  # noqa: E402
from special import SPECIAL  # noqa: E402

RUNNERS = {case.name: (case.title, lambda bench, case=case: run_case(case, bench)) for case in CATCH_UP} | SPECIAL

HURRY_AFTER = 0.75  # of the time


class Bench:
    """What every case gets."""

    def __init__(self, options, servers, directory):
        self.events, self.runs = options.events, options.runs
        self.began, self.limit_s = time.monotonic(), 60 * options.limit_minutes
        self.growth_millions = options.growth_millions
        self.binary = os.environ.get("FOLDLINE_BIN", str(ROOT / "build" / "foldline"))
        self.servers = servers
        self.directory = directory
        self.tune_documents = max(5_000, min(50_000, options.events // 10))
        self.broker_is_warm = False
        self.bulk = None  # how the search store takes documents fastest

    def hurry(self):
        """Late, one run has to do; too late, none."""
        spent = (time.monotonic() - self.began) / self.limit_s
        if spent > 1:
            raise Failure("not run: no time left (--limit-minutes)")
        if spent > HURRY_AFTER and self.runs > 1:
            self.runs = 1
            self.say("time runs out: one run each from here on")

    def say(self, text):
        print(text, flush=True)


def run_one(name, bench):
    title, runner = RUNNERS[name]
    bench.say(f"{name}: {title}")
    began = time.monotonic()
    try:
        bench.hurry()
        said = runner(bench)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also the harness's assertions and exits: the other cases go on
        bench.say(f"  FAILED: {error}")
        if not isinstance(error, Exception) or os.environ.get("BENCH_TRACE"):
            traceback.print_exc()
        said = [{"case": name, "title": title, "kind": "failed", "error": str(error).splitlines()[0] if str(error) else repr(error)}]
    rows = said if isinstance(said, list) else [said]
    for row in rows:
        row["case_seconds"] = time.monotonic() - began
        bench.say("  " + report.line(row))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", help="one or several of --list; default: all")
    parser.add_argument("--list", action="store_true", help="the cases")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--limit-minutes", type=float, default=25, help="cases that come later run once, or not at all")
    parser.add_argument("--growth-millions", type=int, default=10, help="rounds of --events rows in `growth`: millions of rows, at the default")
    parser.add_argument("--json", default=str(ROOT / "build" / "reports" / "bench.json"))
    parser.add_argument("--page", help="write the results into this page, whatever ran", default=None)
    options = parser.parse_args()
    if options.list:
        for name, (title, _) in RUNNERS.items():
            print(f"{name:<20}{title}")
        return 0
    names = [name for given in options.case or RUNNERS for name in given.split(",")] if options.case else list(RUNNERS)
    unknown = [name for name in names if name not in RUNNERS]
    if unknown:
        parser.error(f"no case {', '.join(unknown)}; there are: {', '.join(RUNNERS)}")
    if options.events < 1000 or options.runs < 1:
        parser.error("--events is at least 1,000, --runs at least 1")

    began = time.monotonic()
    servers = Servers()
    rows = []
    with tempfile.TemporaryDirectory() as place:
        bench = Bench(options, servers, pathlib.Path(place))
        try:
            for name in names:
                rows += run_one(name, bench)
        finally:
            servers.down()
    result = report.result(rows, options, time.monotonic() - began)
    print("\n" + report.table(result))
    pathlib.Path(options.json).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(options.json).write_text(json.dumps(result, indent=2) + "\n")
    page = options.page or (str(ROOT / "docs" / "performance.md") if names == list(RUNNERS) else None)
    if page:
        report.write_page(result, pathlib.Path(page))
        print(f"written: {page}")
    return 1 if any(row["kind"] == "failed" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
