"""deploy/checks/rooms: which include is an offence."""

import importlib.machinery
import importlib.util
import pathlib

import pytest

PATH = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "checks" / "rooms"
LOADER = importlib.machinery.SourceFileLoader("rooms", str(PATH))
rooms = importlib.util.module_from_spec(importlib.util.spec_from_loader("rooms", LOADER))
LOADER.exec_module(rooms)


@pytest.mark.parametrize(
    "room, name, included",
    [
        ("common", "common/value.h", "common/decimal.h"),
        ("config", "config/file.cpp", "common/error.h"),
        ("sinks", "sinks/postgres/copy.cpp", "sinks/sink.h"),
        ("sinks", "sinks/postgres/copy.cpp", "sinks/dead_letter/letter.h"),
        ("engine", "engine/lane.cpp", "sinks/sink.h"),
        ("engine", "engine/lane.cpp", "projectors/projector.h"),
        ("cmd", "cmd/foldline/run.cpp", "projectors/declarative/compiled.h"),
    ],
)
def test_along_the_arrows(room, name, included):
    assert rooms.offence(room, name, included) is None


@pytest.mark.parametrize(
    "room, name, included, reason",
    [
        ("common", "common/value.h", "config/diagnostics.h", "common may not use config"),
        ("config", "config/file.cpp", "projectors/projector.h", "config may not use projectors"),
        ("projectors", "projectors/x.cpp", "sinks/sink.h", "projectors may not use sinks"),
        ("sinks", "sinks/memory/x.cpp", "engine/clock.h", "sinks may not use engine"),
        ("engine", "engine/lane.cpp", "projectors/declarative/compiled.h", "interfaces only"),
        ("common", "common/value.h", "decimal.h", "from the repository's root"),
        ("common", "common/value.h", "common/no_such_file.h", "no such file"),
    ],
)
def test_against_the_arrows(room, name, included, reason):
    assert reason in rooms.offence(room, name, included)


@pytest.mark.parametrize(
    "name, line, offends",
    [
        ("engine/fold.h", "    if (x) __builtin_prefetch(&slots_[0], 1);", True),
        ("sinks/redis/encode.cpp", "  _mm_prefetch(row, _MM_HINT_T0);", True),
        ("common/prefetch.h", "  __builtin_prefetch(address, 0);", False),
        ("engine/fold.h", "    prefetch_write(&slots_[0]);", False),
        ("engine/lane_read.cpp", "  window.prefetch(entry.id);", False),
    ],
)
def test_a_prefetch_that_the_compiler_may_leave_out(name, line, offends):
    assert rooms.may_be_left_out(name, line) == offends
