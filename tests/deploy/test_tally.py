"""deploy/checks/tally: the last line must be true, above all when a program died before it could report."""

import pathlib
import subprocess

TALLY = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "checks" / "tally"

PASSED = '<testcase name="Ok" classname="A" status="run" result="completed"/>'
FAILED = '<testcase name="Bad" classname="A" status="run" result="completed"><failure message="x"/></testcase>'
SKIPPED = '<testcase name="Later" classname="A" status="run" result="skipped"><skipped message="x"/></testcase>'


def suite(directory, *, code, programs=(), cases=None):
    """programs: (name, did ctest see it pass); cases: program -> its own report's test cases."""
    directory.mkdir(parents=True)
    if code is not None:
        (directory / "exit").write_text(f"{code}\n")
    for name, text in (cases or {}).items():
        (directory / f"{name}.xml").write_text(f"<testsuites><testsuite>{text}</testsuite></testsuites>")
    if programs:
        seen = "".join(
            f'<testcase name="{name}" classname="{name}" status="{"run" if good else "fail"}">{"" if good else "<failure/>"}</testcase>'
            for name, good in programs
        )
        (directory / "ctest.xml").write_text(f"<testsuite>{seen}</testsuite>")
    return directory


def tally(*directories):
    done = subprocess.run([str(TALLY), *map(str, directories)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_cases_of_programs_are_counted_once(tmp_path):
    code, lines = tally(suite(tmp_path / "unit", code=0, programs=[("a_test", True)], cases={"a_test": PASSED * 3 + SKIPPED}))
    assert (code, lines[-1]) == (0, "3 passed, 0 failed")


def test_a_failed_case_is_one_failure_not_two(tmp_path):
    code, lines = tally(suite(tmp_path / "unit", code=1, programs=[("a_test", False)], cases={"a_test": PASSED + FAILED}))
    assert (code, lines[-1]) == (1, "1 passed, 1 failed")
    assert "FAILED unit: A.Bad" in lines


def test_a_program_that_crashed_without_a_report_is_a_failure(tmp_path):
    code, lines = tally(suite(tmp_path / "unit", code=1, programs=[("a_test", True), ("b_test", False)], cases={"a_test": PASSED}))
    assert (code, lines[-1]) == (1, "1 passed, 1 failed")
    assert any("b_test: crashed" in line for line in lines)


def test_a_program_that_failed_after_its_cases_passed_is_a_failure(tmp_path):
    code, lines = tally(suite(tmp_path / "asan", code=1, programs=[("a_test", False)], cases={"a_test": PASSED}))
    assert (code, lines[-1]) == (1, "1 passed, 1 failed")


def test_a_suite_that_broke_off_is_a_failure(tmp_path):
    code, lines = tally(suite(tmp_path / "unit", code=0, cases={"a": PASSED}), suite(tmp_path / "tsan", code=1), tmp_path / "never")
    assert (code, lines[-1]) == (1, "1 passed, 2 failed")


def test_nothing_run_is_no_success(tmp_path):
    assert tally(suite(tmp_path / "unit", code=0)) [0] == 1
    assert tally()[0] == 1


def test_a_truncated_report_is_a_failure(tmp_path):
    directory = suite(tmp_path / "unit", code=0, cases={"a": PASSED})
    (directory / "b.xml").write_text("<testsuites><testsuite><testcase")
    code, lines = tally(directory)
    assert (code, lines[-1]) == (1, "1 passed, 1 failed")


def test_a_failure_says_why_at_the_end(tmp_path):
    message = "AssertionError: recovered after [41.0] s;&#10;   the contract says 30 s"
    case = f'<testcase name="Slow" classname="B"><failure message="{message}">a long text</failure></testcase>'
    _, lines = tally(suite(tmp_path / "chaos", code=1, cases={"b": case}))
    assert lines[lines.index("FAILED chaos: B.Slow") + 1] == "    AssertionError: recovered after [41.0] s; the contract says 30 s"
