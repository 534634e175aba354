"""foldline rebuild in a search store: a new generation beside the live one, then in its place; killed, stopped, resumed, dropped. The documents are
compared one by one with the fold of the topic, written apart from the worker (tests/oracle)."""

import http.server
import os
import random
import signal
import subprocess
import threading
import urllib.error
import urllib.request

import pytest

from harness.scenario import pick_seed
from harness.waiting import wait_until
from harness.worker import run_once

VIEWS = ("fact_orders", "daily_revenue")
REBUILD_TIMEOUT_S = 120


def rebuild(world, *arguments, env=None):
    return run_once(world.binary, ["rebuild", str(world.file), *arguments], {**world.env, **(env or {})}, REBUILD_TIMEOUT_S)


def done(world, *arguments):
    ended = rebuild(world, *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def start_rebuild(world, *arguments, env=None):
    command = [world.binary, "rebuild", str(world.file), *arguments]
    return subprocess.Popen(command, env={**os.environ, **world.env, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def generations(world):
    """As the owner sees them."""
    lines = done(world, "--list").splitlines()[1:]
    return {int(number): state for number, state in (line.split() for line in lines)}


def indices(world):
    return sorted(row["index"] for row in world.search.ask("GET", f"/_cat/indices/{world.name}-*?h=index&format=json"))


def indices_of(*generations_):
    return lambda world: sorted(f"{world.name}-{view}-g{number}" for view in VIEWS for number in generations_)


def read_generation(world):
    """The generation that readers have; all views have the same one, whenever it is looked at."""
    rows = world.search.ask("GET", "/_alias/" + ",".join(f"{world.name}-{view}" for view in VIEWS))
    found = {index.rpartition("-g")[2] for index in rows}
    assert len(found) == 1 and len(rows) == len(VIEWS), rows
    return int(found.pop())


def checkpoints_of(world, generation):
    query = {"bool": {"filter": [{"term": {"projection": world.name}}, {"term": {"generation": generation}}]}}
    hits = world.search.hits("foldline-checkpoints", query, "partition")
    return {hit["_source"]["partition"]: hit["_source"].get("next_offset", 0) for hit in hits}


def caught_up(world, generation):
    ends, at = world.kafka.end_offsets(world.topic), checkpoints_of(world, generation)
    assert at == ends, f"{at} of {ends}"
    return True


def left_behind(world, generation):
    """System documents of a generation."""
    query = {"bool": {"filter": [{"term": {"projection": world.name}}, {"term": {"generation": generation}}]}}
    return [hit["_id"] for index in ("foldline-checkpoints", "foldline-ids") for hit in world.search.hits(index, query, "partition")]


def test_a_rebuild_takes_the_live_ones_place_while_events_flow(search_scenario):
    world = search_scenario.make_topic(3)
    world.write_file(newest_by_time=True)
    world.generate(10_000, duplicates=0.03)
    worker = world.start_worker()
    world.wait_caught_up()
    generator = world.generate_slowly(6_000, per_second=1_000, seed=7, duplicates=0.05)
    said = done(world)
    assert "generation 2 is live" in said and "--drop-old" in said
    assert read_generation(world) == 2
    # The worker of the old generation finds itself fenced, writes nothing more, and ends; started again it keeps the new one.
    wait_until(lambda: not worker.running, 40, "the old generation's worker ends")
    assert worker.exit_code == 1 and "generation 1" in worker.log()
    assert generations(world) == {1: "retired", 2: "live"}
    again = world.start_worker()
    assert generator.wait(60) == 0
    wait_until(lambda: caught_up(world, 2), 60, "the new generation has caught up")
    expected = world.check()
    assert expected.duplicates > 100
    assert indices(world) == indices_of(1, 2)(world)
    assert "dropped generation 1" in done(world, "--drop-old")
    assert indices(world) == indices_of(2)(world)
    assert left_behind(world, 1) == []
    assert generations(world) == {2: "live"}
    assert again.stop() == 0
    world.check()


def test_an_abandoned_generation_leaves_nothing_behind(search_scenario):
    world = search_scenario.make_topic(1)
    world.write_file(extra_top="dead_letter: {policy: stop}\n")
    for i in range(50):
        world.place(f"o{i}")
    world.place("bad", total_cents="many")
    world.kafka.flush()
    stopped = rebuild(world)
    assert stopped.returncode == 1 and "offset 50" in stopped.stderr, stopped.stderr
    assert generations(world) == {2: "building"}
    assert indices(world) == indices_of(2)(world)
    assert "dropped generation 2" in done(world, "--abandon")
    assert indices(world) == [] and left_behind(world, 2) == [] and generations(world) == {}
    assert "there is no generation that is building" in done(world, "--abandon")
    world.write_file(extra_top="")
    assert "generation 3 is live" in done(world), "a number never comes again: letters name it"
    world.check()


def test_from_the_middle_duplicates_of_what_stands_before_are_known(search_scenario):
    """G14, G15: the second copy is a duplicate, whether or not the first one is in the generation."""
    world = search_scenario.make_topic(1)
    world.write_file()
    for event in ("a", "b", "c", "b", "d", "d"):
        world.place("o-" + event, "evt-" + event)
    world.kafka.flush()
    done(world, "--from", f"{world.topic}:0:2")
    assert set(world.fact_orders()) == {"o-c", "o-d"}
    assert [row["orders"] for row in world.daily_revenue().values()] == [2]


def test_a_rebuild_follows_a_change_that_the_index_cannot(search_scenario):
    """Another number of shards is refused in place; the advice works."""
    world = search_scenario.make_topic(2)
    world.write_file()
    world.generate(2_000)
    worker = world.start_worker()
    world.wait_caught_up()
    assert worker.stop() == 0
    world.file.write_text(world.file.read_text().replace("shards: 2", "shards: 3"))
    refused = world.start_worker()
    assert refused.wait_exit() == 1 and "foldline rebuild" in refused.log()
    done(world)
    settings = world.search.ask("GET", f"/{world.name}-fact_orders/_settings")
    assert [index["settings"]["index"]["number_of_shards"] for index in settings.values()] == ["3"]
    world.check()


class Guillotine:
    """In front of the search store: kills a process before the server sees, or after it has answered, its n-th request that fits."""

    def __init__(self, url):
        outer = self
        self.process, self.fits, self.before, self.struck = None, lambda method, path: False, True, False

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                strikes = outer.process is not None and outer.process.returncode is None and outer.fits(self.command, self.path)
                if strikes and outer.before:
                    return outer.strike()
                request = urllib.request.Request(url + self.path, data=body or None, method=self.command)
                request.add_header("Content-Type", self.headers.get("Content-Type", "application/json"))
                try:
                    with urllib.request.urlopen(request, timeout=60) as answer:
                        status, text = answer.status, answer.read()
                except urllib.error.HTTPError as error:
                    status, text = error.code, error.read()
                if strikes:
                    return outer.strike()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = serve

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def wait_for(self, process, fits):
        """Until `process` is dead at the request that fits."""
        self.struck, self.fits, self.process = False, fits, process
        wait_until(lambda: self.struck, 60, "the process is killed")
        assert process.returncode == -signal.SIGKILL

    def strike(self):
        self.process.kill()
        self.process.wait()
        self.struck = True

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def guillotine(search_scenario):
    blade = Guillotine(search_scenario.search.url)
    yield blade
    blade.close()


@pytest.mark.slow
def test_a_rebuild_killed_again_and_again_while_it_fills_goes_on(search_scenario, guillotine):
    """At a random bulk each time, before the server sees it or after it has carried it out. A batch is four of them, the last one its checkpoint; one
    or two come before the first batch. So the first kills may leave no checkpoint at all, the last one leaves one."""
    world = search_scenario.make_topic(2)
    world.write_file(newest_by_time=True)
    world.generate(40_000, duplicates=0.02)
    live = world.start_worker()
    world.wait_caught_up()
    before = world.fact_orders()
    rng = random.Random(pick_seed())
    for arguments, bulk in ([], rng.randint(3, 10)), (["--resume"], rng.randint(3, 10)), (["--resume"], rng.randint(8, 14)):
        guillotine.before = rng.random() < 0.5
        killed = start_rebuild(world, *arguments, "--max-batch-records", "1000", env={"SEARCH_URL": guillotine.url})
        guillotine.wait_for(killed, nth(bulk, "/_bulk"))
    assert 0 < sum(checkpoints_of(world, 2).values()) < 40_000
    assert read_generation(world) == 1 and world.fact_orders() == before, "the live generation is untouched"
    assert live.running
    again = rebuild(world)
    assert again.returncode == 1 and "--resume" in again.stderr and "--abandon" in again.stderr
    assert "generation 2 is live" in done(world, "--resume")
    world.check()
    wait_until(lambda: not live.running, 40, "the old generation's worker ends")


def nth(number, path):
    """Fits the n-th request to `path` from now on."""
    left = [number]

    def fits(_, seen):
        if path in seen:
            left[0] -= 1
        return path in seen and left[0] == 0

    return fits


def test_ctrl_c_says_what_is_left_and_how_to_go_on(search_scenario):
    world = search_scenario.make_topic(2).write_file() and search_scenario
    world.generate(40_000)
    running = start_rebuild(world, "--max-batch-records", "1000")
    wait_until(lambda: sum(checkpoints_of(world, 2).values()) > 0, 60, "some of the new generation is there")
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=40)
    assert running.returncode == 1, told
    assert "interrupted: generation 2 is kept as far as it is; the live one is untouched" in told and "--resume" in told and "--abandon" in told
    assert generations(world) == {2: "building"}
    # Nothing was lost: what it had in hand is committed, and nothing is folded twice.
    assert "generation 2 is live" in done(world, "--resume")
    world.check()


# Where the switch is cut, before the server sees the request or after it has carried it out, and who comes next. The sink's own tests cut at every
# request; these are processes.
CUTS = [
    ("fact_orders-g2/_refresh", "before", "resume"),  # not decided yet
    ("foldline-checkpoints/_refresh", "before", "resume"),  # decided; the old generation is not fenced
    ("foldline-checkpoints/_refresh", "before", "worker"),
    ("/_alias/", "before", "worker"),  # fenced
    ("/_aliases", "before", "resume"),
    ("/_aliases", "after", "resume"),  # read, and not settled
    ("/_aliases", "after", "worker"),
]


@pytest.mark.slow
@pytest.mark.parametrize("path,when,finisher", CUTS, ids=["-".join(cut).replace("/", "") for cut in CUTS])
def test_killed_around_the_switch(search_scenario, guillotine, path, when, finisher):
    """kill -9 beside a running worker; whoever comes next finishes it, and readers never see a half."""
    world = search_scenario.make_topic(2)
    world.write_file(newest_by_time=True)
    world.generate(1_500, duplicates=0.03)
    worker = world.start_worker()
    world.wait_caught_up()
    filled = []

    def fits(method, seen):
        if "-g2/_refresh" in seen:  # the switch begins; what looks alike before is the preparing and the filling
            filled.append(seen)
        return path in seen and bool(filled)

    guillotine.before = when == "before"
    guillotine.wait_for(start_rebuild(world, env={"SEARCH_URL": guillotine.url}), fits)
    decided = "g2/_refresh" not in path
    assert read_generation(world) == (2 if when == "after" else 1)
    assert generations(world) == {1: "live", 2: "building"}
    if decided:
        abandon = rebuild(world, "--abandon")
        assert abandon.returncode == 1 and "can't be taken back" in abandon.stderr and "--resume" in abandon.stderr
    world.generate(500, seed=7)
    if finisher == "resume":
        assert "generation 2 is live" in done(world, "--resume")
        wait_until(lambda: not worker.running, 40, "the old generation's worker ends")
        world.start_worker()
    else:
        if worker.running:
            worker.kill()  # or fenced, if it came to that
        world.start_worker()
    wait_until(lambda: generations(world) == {1: "retired", 2: "live"}, 60, "the switch is finished")
    wait_until(lambda: caught_up(world, 2), 60, "the new generation has caught up")
    assert read_generation(world) == 2
    world.check()
    assert "dropped generation 1" in done(world, "--drop-old")
    assert indices(world) == indices_of(2)(world)
    if finisher == "worker":
        late = rebuild(world, "--resume")
        assert late.returncode == 1 and "generation 2 is live" in late.stderr
