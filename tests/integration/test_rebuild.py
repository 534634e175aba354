"""foldline rebuild: a new generation beside the live one, then in its place; interrupted, resumed, dropped."""


import os
import subprocess

from harness.scenario import placed
from harness.waiting import wait_until
from harness.worker import run_once

READER = "pg_signal_backend"  # a role that every server has


def rebuild(scenario, *arguments):
    return run_once(scenario.binary, ["rebuild", str(scenario.file), *arguments], scenario.env)


def generations(scenario):
    return dict(scenario.database.rows("SELECT generation, state FROM foldline.generation WHERE projection = %s AND state <> 'dropped'", (scenario.name,)))


def test_a_rebuild_takes_the_live_ones_place_while_events_flow(scenario):
    scenario.make_topic(3).write_file()
    scenario.generate(20_000)
    worker = scenario.start_worker()
    scenario.wait_caught_up()
    scenario.database.execute(f"GRANT SELECT ON analytics.fact_orders TO {READER}")
    generator = scenario.generate_slowly(6_000, per_second=3_000, seed=7)
    done = rebuild(scenario)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "generation 2 is live" in done.stdout and "--drop-old" in done.stdout
    assert generator.wait(60) == 0
    # The worker of the old generation finds itself fenced, writes nothing more, and ends; started again it keeps the new one.
    wait_until(lambda: not worker.running, 40, "the old generation's worker ends")
    assert worker.exit_code == 1
    assert generations(scenario) == {1: "retired", 2: "live"}
    scenario.start_worker()
    wait_until(lambda: caught_up(scenario, 2), 60, "the new generation has caught up")
    scenario.check()
    assert scenario.database.rows(f"SELECT has_table_privilege('{READER}', 'analytics.fact_orders', 'SELECT')") == [(True,)]
    assert scenario.database.rows("SELECT count(*) > 0 FROM analytics__g1.fact_orders") == [(True,)]
    assert rebuild(scenario, "--drop-old").returncode == 0
    assert not scenario.database.exists("analytics__g1.fact_orders")
    assert generations(scenario) == {2: "live"}
    scenario.check()


def caught_up(scenario, generation):
    ends = scenario.kafka.end_offsets(scenario.topic)
    at = dict(
        scenario.database.rows(
            "SELECT partition, coalesce(next_offset, 0) FROM foldline.checkpoint WHERE projection = %s AND generation = %s",
            (scenario.name, generation),
        )
    )
    return at == ends


def test_a_rebuild_killed_in_the_middle_goes_on(scenario):
    scenario.make_topic(2).write_file()
    scenario.generate(150_000)
    live = scenario.start_worker("--max-batch-records", "20000")
    scenario.wait_caught_up()
    assert live.stop() == 0
    before = scenario.fact_orders()
    half_way = subprocess.Popen([scenario.binary, "rebuild", str(scenario.file), "--max-batch-records", "2000"], env={**os.environ, **scenario.env})
    try:
        wait_until(lambda: filled(scenario) > 0, 60, "some of the new generation is there")
    finally:
        half_way.kill()
        half_way.wait()
    assert scenario.fact_orders() == before, "the live generation is untouched"
    again = rebuild(scenario)
    assert again.returncode == 1 and "--resume" in again.stderr and "--abandon" in again.stderr
    done = rebuild(scenario, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    scenario.check()


def filled(scenario):
    if not scenario.database.exists("foldline.checkpoint"):
        return 0
    return scenario.database.rows("SELECT coalesce(sum(next_offset), 0) FROM foldline.checkpoint WHERE generation = 2 AND projection = %s", (scenario.name,))[0][0]


def test_from_the_middle_duplicates_of_what_stands_before_are_known(scenario):
    """G14, G15: the second copy is a duplicate, whether or not the first one is in the generation."""
    scenario.make_topic(1).write_file()
    for event in ("a", "b", "c", "b", "d", "d"):
        scenario.kafka.produce(scenario.topic, placed("o-" + event, "evt-" + event), b"o-" + event.encode())
        scenario.kafka.flush()
    done = rebuild(scenario, "--from", f"{scenario.topic}:0:2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(scenario.fact_orders()) == {"o-c", "o-d"}
    daily = scenario.daily_revenue()
    assert [row["orders"] for row in daily.values()] == [2]


def test_a_start_that_makes_no_sense_leaves_nothing_behind(scenario):
    scenario.make_topic(1).write_file()
    scenario.place("o1")
    scenario.kafka.flush()
    for start, word in ((f"{scenario.topic}:0:99", "holds 0 to 1"), ("nope:0:1", "does not read"), ("yesterday", "earliest"), ("2026-13-01T00:00:00Z", "2026-13")):
        done = rebuild(scenario, "--from", start)
        assert done.returncode == 1 and word in done.stderr, done.stderr
    assert not scenario.database.exists("foldline.generation") or generations(scenario) == {}


def test_an_abandoned_generation_is_gone(scenario):
    scenario.make_topic(1).write_file()
    scenario.place("bad", total_cents="many")  # not yet in the log when the policy stops it
    scenario.kafka.flush()
    scenario.write_file(extra_top="dead_letter: {policy: stop}\n")
    stopped = rebuild(scenario)
    assert stopped.returncode == 1 and "offset 0" in stopped.stderr, stopped.stderr
    listed = rebuild(scenario, "--list")
    assert "building" in listed.stdout
    assert rebuild(scenario, "--abandon").returncode == 0
    assert generations(scenario) == {}
    assert not scenario.database.exists("analytics__g2.fact_orders")
    scenario.write_file(extra_top="")
    assert "generation 3 is live" in rebuild(scenario).stdout, "a number never comes again: letters name it"
