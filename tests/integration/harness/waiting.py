"""Waiting for a condition with a deadline: no test sleeps blindly."""

import time
from typing import Any, Callable

POLL_INTERVAL_S = 0.05


def wait_until(condition: Callable[[], Any], timeout_s: float, what: str) -> Any:
    """The condition's first true answer. A failed AssertionError inside it counts as false, and its text is shown when time is up."""
    deadline = time.monotonic() + timeout_s
    last = None
    while True:
        try:
            answer = condition()
            last = answer
        except AssertionError as error:
            answer, last = None, error
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what}; the last answer was: {last!r}")
        time.sleep(POLL_INTERVAL_S)


def stays_true(condition: Callable[[], Any], for_s: float, what: str) -> None:
    """For things that must not happen: looked at again and again for a while."""
    deadline = time.monotonic() + for_s
    while time.monotonic() < deadline:
        answer = condition()
        assert answer, f"{what}: {answer!r}"
        time.sleep(POLL_INTERVAL_S)
