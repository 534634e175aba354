"""The worker's clock steps by a day, forth and back, while it runs (libfaketime). Only the calendar's clock steps, as on a real machine: the
monotonic one goes on."""

import os
import pathlib
import time

from kit.fault import Fault
from kit.world import World

STORES = ("postgres", "redis", "search")
FILE = pathlib.Path("/tmp") / f"foldline-chaos-clock-{os.getpid()}"


def library() -> str:
    found = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return str(found[0]) if found else ""


def no_library() -> str:
    return "" if library() else "libfaketime is not installed"


def set_clock(offset: str) -> None:
    new = FILE.with_suffix(".new")
    new.write_text(offset + "\n")
    new.replace(FILE)


def step(offset: str):
    def strike(_: World) -> None:
        set_clock(offset)
        time.sleep(3)

    return strike


back = step("+0")
ENVIRONMENT = (
    ("LD_PRELOAD", library()),
    ("FAKETIME_TIMESTAMP_FILE", str(FILE)),
    ("FAKETIME_NO_CACHE", "1"),
    ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ("FAKETIME_DONT_RESET", "1"),
)


def faults():
    options = dict(untold="nothing that Foldline decides hangs on the calendar", stores=STORES, worker_env=ENVIRONMENT, needs=no_library, progress_goes_on=True, hold_s=(3, 6))
    return [
        Fault("clock one day ahead, and back", step("+1d"), back, **options),
        Fault("clock one day back, and ahead", step("-1d"), back, **options),
    ]


FAULTS = faults()
