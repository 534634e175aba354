"""`foldline dlq` with Redis and the search store behind the projection: letters are listed, shown, replayed and discarded as they are with
PostgreSQL (test_dlq.py), and a replay that is stopped anywhere and run again loses nothing and doubles nothing (G14)."""

import json
import signal
import subprocess

import pytest

from harness import projection
from harness.cache import VIEWS, _shown
from harness.redis_server import Cache
from harness.waiting import wait_until
from oracle import compare
from test_dlq import BROKEN, MALFORMED, MENDED, QUICK, letters_in_json, rows_are_as_if_events_had_been_good, shipped, wait_replayed

RECEIPT = "order.placed | OrderPlaced: {copy: [customer_id, currency, total_cents, items]}"


@pytest.fixture(params=["cache", "search_scenario"])
def world(request):
    return request.getfixturevalue(request.param)


def is_cache(world):
    return isinstance(world.database, Cache)


def write_broken(world):
    """Orders of the channel `app` can't be projected."""
    if not is_cache(world):
        return world.write_file(**BROKEN)
    path = world.write_file(options=QUICK)
    rejecting = RECEIPT.replace("{copy", '{reject: {"the channel app is not known": data.channel == "app"}, copy')
    assert RECEIPT in path.read_text()
    return projection.write(path, path.read_text().replace(RECEIPT, rejecting))


def write_mended(world):
    return world.write_file() if is_cache(world) else world.write_file(**MENDED)


def rows_are_right(world):
    """The oracle does not know of channels: to it those events were good all along."""
    if not is_cache(world):
        return rows_are_as_if_events_had_been_good(world)
    expected = world.expected_cache()
    found = []
    for view in VIEWS:
        found += compare.table_differences(view, _shown(getattr(expected, view)), _shown(world.cache.rows(view)), {})
    assert not found, "\n".join(found)
    return expected


def letters_of_orders(world, orders, malformed=()):
    """A caught-up worker; half of the orders came from `app`."""
    world.make_topic(2)
    write_broken(world)
    for number in range(orders):
        order = f"o{number}"
        world.place(order, channel="app" if number % 2 else "web", customer_id=f"c{number % 50}")
        if number % 4 == 1:
            world.kafka.produce(world.topic, shipped(order), order.encode())
    for line in malformed:
        world.kafka.produce(world.topic, line, b"bad")
    world.kafka.flush()
    worker = world.start_worker()
    world.wait_caught_up()
    assert len(world.letters()) == orders // 2 + len(malformed)
    return worker


def mend(world, worker):
    assert worker.stop() == 0
    write_mended(world)
    return worker.start().wait_ready()


def test_letters_are_listed_shown_replayed_and_discarded(world):
    worker = letters_of_orders(world, 40, MALFORMED)
    before = letters_in_json(world)
    assert (before["open"], before["replayed"], before["discarded"]) == (20 + len(MALFORMED), 0, 0)
    one = next(letter["letterId"] for letter in before["letters"] if "channel" in letter["reason"])
    shown = world.dlq("show", one).stdout
    assert "open, retries 0" in shown and '"channel": "app"' in shown, shown
    worker = mend(world, worker)
    assert f"of {20 + len(MALFORMED)} letters 20 would pass now" in world.dlq("replay", "--dry-run").stdout
    assert "replayed 20 letters" in world.dlq("replay", "--reason", "*channel*", "--yes").stdout
    wait_replayed(world, 20)
    rows_are_right(world)
    assert f"discarded {len(MALFORMED)} letters" in world.dlq("discard", "--key", "bad", "--because", "probes", "--yes").stdout
    after = letters_in_json(world, "--all")
    assert (after["open"], after["replayed"], after["discarded"]) == (0, 20, len(MALFORMED))
    assert "replayed by" in world.dlq("show", one).stdout
    assert worker.stop() == 0


@pytest.mark.slow
def test_a_replay_that_is_interrupted_and_killed_loses_nothing_and_doubles_nothing(world):
    orders = 8_000
    worker = letters_of_orders(world, orders)
    mend(world, worker)
    command = [world.binary, "dlq", "replay", str(world.file), "--yes", "--accept-late-order"]
    written = lambda: sum(world.kafka.end_offsets(world.replay_topic).values())  # noqa: E731

    def stop_after(records, how):
        process = subprocess.Popen(command, env=world.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: process.poll() is not None or written() >= records, 60, f"{records} records")
        process.send_signal(how)
        out, err = process.communicate(timeout=60)
        return process.returncode, out + err

    code, said = stop_after(1, signal.SIGINT)
    assert code == 1 and "interrupted" in said and "run the same command again" in said, said
    left = letters_in_json(world)["open"]
    replayed = orders // 2 - left
    assert 0 < left < orders // 2
    assert f"{replayed:,} of {orders // 2:,} letters are replayed and {left} left" in said.replace(f"{replayed} of", f"{replayed:,} of"), said
    killed = [stop_after(written() + 300, signal.SIGKILL)[0] for _ in range(2)]
    assert -signal.SIGKILL in killed, "none was killed on its way"
    left = letters_in_json(world)["open"]  # none, where the last one was killed with its work done
    assert 0 <= left < orders // 2
    last = world.dlq("replay", "--yes", "--accept-late-order").stdout
    assert left == 0 or f"replayed {left:,} letter" in last
    assert written() >= orders // 2
    wait_replayed(world, written())
    rows_are_right(world)
    after = letters_in_json(world, "--all")
    assert (after["open"], after["replayed"]) == (0, orders // 2)
    status = json.loads(subprocess.run([world.binary, "status", "--json", "--letters", str(world.file)], env=world.env, capture_output=True, check=True).stdout)
    assert status["letters"] == {"open": 0, "replayed": orders // 2, "discarded": 0}
    print(f"{written() - orders // 2} records written twice")
