"""What every part of the demo needs: its place on the disk, how it tells of progress, how it gives up."""

import os
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
PLACE = pathlib.Path(os.environ.get("DEMO_DIR", ROOT / ".local" / "demo"))
BINARY = ROOT / "build" / "foldline"
TOPIC, LETTERS, PARTITIONS = "orders.events", "orders.events.dlq", 4


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


class Comparison:
    """Totals beside what the generator knows."""

    def __init__(self):
        self.wrong = 0

    def title(self, text):
        print(f"\n  {text:<30}{'generated':>16}{'read model':>16}")

    def row(self, what, known, found):
        self.wrong += known != found
        print(f"  {what:<30}{known:>16,}{found:>16,}  {'equal' if known == found else f'DIFFERS by {found - known:+,}'}")


def log_tail(name, lines=15):
    try:
        return "\n".join((PLACE / name).read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
