"""deploy/checks/mutations: the patches are sound, so that `make mutations` says something. (They are run by hand: it takes a while.)"""

import importlib.machinery
import importlib.util
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOADER = importlib.machinery.SourceFileLoader("mutations", str(ROOT / "deploy" / "checks" / "mutations"))
mutations = importlib.util.module_from_spec(importlib.util.spec_from_loader("mutations", LOADER))
sys.modules["mutations"] = mutations  # dataclasses look their module up
LOADER.exec_module(mutations)
ALL = mutations.read_all()


@pytest.mark.parametrize("mutation", ALL, ids=lambda m: m.name)
def test_still_applies(mutation):
    """The code has moved under it: make the patch again, so that it breaks what its header says."""
    assert mutations.git_apply(ROOT, mutation, "--check") == ""


def test_every_rule_is_broken_by_one_at_least():
    assert {m.rule for m in ALL} == {f"G{n}" for n in range(1, mutations.RULES + 1)}


def test_the_table_names_every_patch_and_none_that_is_gone():
    named = set(re.findall(r"`(G\d+-[a-z0-9-]+)`", (mutations.PATCHES / "README.md").read_text()))
    assert named == {m.name for m in ALL}


def test_only_the_product_is_broken():
    for mutation in ALL:
        assert mutation.sources, mutation.name
        for source in mutation.sources:
            assert source.split("/")[0] in ("common", "config", "projectors", "sinks", "engine", "cmd"), mutation.name


def test_named_programs_exist():
    programs = set()
    for path in (ROOT / "tests").rglob("CMakeLists.txt"):
        programs |= set(re.findall(r"foldline_test\(\s*(\w+)", path.read_text()))
    assert {m.program for m in ALL} <= programs | {"pytest"}


@pytest.mark.parametrize(
    "text, says",
    [
        ("Rule: G1\nTest: engine_test\n", "the first lines must be"),
        ("Rule: G30\nBreaks: x.\nTest: engine_test\n", "there is no rule G30"),
        ("Rule: G2\nBreaks: x.\nTest: engine_test\n", "a patch of G2 is named"),
        ("Rule: G1\nBreaks: x.\nTest: A=1\n", "Test names no program"),
    ],
)
def test_a_wrong_header_is_refused(tmp_path, text, says):
    path = tmp_path / "G1-x.patch"
    path.write_text(text)
    with pytest.raises(mutations.Broken, match=says):
        mutations.read_mutation(path)


def test_a_patch_that_does_not_apply_says_so(tmp_path):
    (tmp_path / "a.txt").write_text("one\n")
    path = tmp_path / "G1-x.patch"
    path.write_text("Rule: G1\nBreaks: x.\nTest: FOLDLINE_SEEDS=1-3 engine_test --gtest_filter=A.*\n--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-two\n+three\n")
    mutation = mutations.read_mutation(path)
    assert (mutation.environment, mutation.arguments, mutation.sources) == ({"FOLDLINE_SEEDS": "1-3"}, ("--gtest_filter=A.*",), ["a.txt"])
    assert "patch does not apply" in mutations.git_apply(tmp_path, mutation)
    (tmp_path / "a.txt").write_text("two\n")
    assert mutations.git_apply(tmp_path, mutation) == ""
    assert (tmp_path / "a.txt").read_text() == "three\n"
