"""The program behind `make mutate`, but for the changes themselves, which are cosmic-ray's."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.checks import mutant_runs, mutant_survey, mutate
from infra.checks.mutant_page import KILLED, SURVIVED, page, reason_of
from infra.checks.mutants import ROOT, Mutant, behaviour, change_of, changed_lines
from infra.checks.mutate import Results, in_turn

CONFIG = tomllib.loads((ROOT / "infra/checks/mutants.toml").read_text(encoding="utf-8"))
ONE = Mutant("part", "a.py", "`x | y` → `x`", "x", ("tests/infra/test_mutate.py",))


def test_what_differs_in_annotations_alone_does_the_same() -> None:
    source = "x: int | None = 1\ndef f(a: int) -> str:\n    return a + 1\n"
    assert behaviour(source) == behaviour(source.replace("int | None", "int & None").replace("-> str", "-> bytes"))
    assert behaviour(source) != behaviour(source.replace("a + 1", "a - 1"))


def test_a_change_is_told_by_its_lines() -> None:
    before = "a = 1\nif a:\n    b = 2\nc = 3\n"
    assert change_of(before, before.replace("b = 2", "b = 3")) == "`b = 2` → `b = 3`"
    assert change_of("@cache\ndef f(): ...\n", "def f(): ...\n") == "`@cache` → ``"


SOURCE = """\
@cache
def f(a=1):
    if (
        a
        and a
    ):
        return [
            a,
            2,
        ]
    return 3
"""


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("    return 3", "    return 4", {11}),
        ("            2,", "            3,", {7, 8, 9, 10}),
        ("        and a", "        or a", {3, 4, 5, 6}),
        ("@cache\n", "", {1, 2}),
        ("a=1", "a=2", {1, 2}),
    ],
)
def test_the_lines_of_a_change_are_those_of_its_statement(old: str, new: str, lines: set[int]) -> None:
    assert changed_lines(SOURCE, SOURCE.replace(old, new)) == lines


def test_results_hold_while_what_they_rest_on_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutate, "TREE", ROOT)
    results, other = Results(tmp_path / "results"), replace(ONE, source="y")
    results.keep(ONE, "tests/infra/test_mutate.py::test_one")
    results.keep(other, None)
    kept = Results(tmp_path / "results")
    assert (kept.outcome(ONE), kept.outcome(other), kept.outcome(replace(ONE, source="z"))) == (KILLED, SURVIVED, None)
    more = ("tests/infra/test_mutate.py", "tests/infra/test_npm.py")
    # Somebody who has noticed still does; who has not may do with another test.
    assert (kept.outcome(replace(ONE, tests=more)), kept.outcome(replace(other, tests=more))) == (KILLED, None)


def test_changes_are_tried_target_by_target_in_one_order() -> None:
    found = [replace(ONE, target=target, source=str(n)) for target in ("a", "b") for n in range(9)]
    turns = in_turn(found, ["b", "a"])
    assert turns == in_turn(found, ["b", "a"])
    assert [one.target for one in turns] == ["b"] * 9 + ["a"] * 9
    assert sorted(turns, key=found.index) == found != in_turn(found, [])
    assert {one.target for one in in_turn(found, ["b"])} == {"b"}


TESTS = {
    "conftest.py": """
import pytest
from hypothesis import settings

settings.register_profile("mutate", database=None)

@pytest.fixture(scope="module")
def two():
    import code_of
    return code_of.two()
""",
    "test_one.py": """
import subprocess, sys
import code_of

def test_two(two):
    assert two == 2

def test_alone():
    assert code_of.three() == 3

def test_other():
    assert code_of.TEN == 10

def test_program():
    subprocess.run([sys.executable, "-c", "import code_of; code_of.four()"], check=True)
""",
    "layers/core/code_of.py": """\
TEN = 10
def two():
    return 2
def three():
    return 3
def four():
    return 4
def nobody():
    return 5
""",
    "pyproject.toml": '[tool.pytest.ini_options]\nmarkers = ["prove: ", "training: "]\n',
}


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[mutate.Runs, mutate.Suite]]:
    """A small tree, and the process that runs its tests."""
    tree, programs = tmp_path / "tree", (ROOT / "infra/checks").glob("mutant_*.py")
    copied = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in programs}
    for name, text in {**TESTS, **copied}.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(mutate, "TREE", tree)
    monkeypatch.setattr(mutate, "WORK", tmp_path)
    with mutate.Runs(sys.executable) as runs:
        yield runs, mutate.Suite(["test_one.py"], [FILE], runs)


FILE = "layers/core/code_of.py"


def of_line(number: int, old: str, new: str) -> Mutant:
    source = TESTS[FILE].replace(old, new)
    assert source != TESTS[FILE]
    return Mutant("part", FILE, "", source, ("test_one.py",), frozenset([number]))


def test_only_tests_that_reach_a_change_are_run_and_the_first_that_fails_is_told(
    suite: tuple[mutate.Runs, mutate.Suite],
) -> None:
    runs, tests = suite
    every = {f"test_one.py::test_{name}" for name in ("two", "alone", "other", "program")}
    program = "test_one.py::test_program"
    for mutant, reaching, noticing in (
        (of_line(1, "TEN = 10", "TEN = 11"), every, "test_one.py::test_other"),
        (of_line(3, "return 2", "return 0"), every, "test_one.py::test_two"),
        (of_line(5, "return 3", "return 0"), {"test_one.py::test_alone", program}, "test_one.py::test_alone"),
        (of_line(5, "return 3", "return 3 + 0"), {"test_one.py::test_alone", program}, None),
        (of_line(7, "return 4", "raise OSError"), {program}, program),
        (of_line(9, "return 5", "return 6"), {program}, None),
        (of_line(5, "return 3", "while True: pass"), {"test_one.py::test_alone", program}, "took too long"),
        (of_line(5, "return 3", "import os; os._exit(0)"), {"test_one.py::test_alone", program}, "the process ended"),
        (of_line(2, "def two()", "def two(:"), every, "while tests were collected"),
    ):
        reached = tests.reaching(mutant)
        assert set(reached) == reaching
        with mutate.changed(mutant):
            assert runs.ask(run=reached, of=FILE, limit_s=3.0)["failed"] == noticing
    assert (mutate.TREE / FILE).read_text(encoding="utf-8") == TESTS[FILE]


def test_a_survey_of_the_same_code_is_made_once(suite: tuple[mutate.Runs, mutate.Suite]) -> None:
    _, first = suite
    mutant = of_line(5, "return 3", "return 0")
    with mutate.Runs(sys.executable) as runs:
        asked, ask = list[set[str]](), runs.ask
        runs.ask = lambda **task: asked.append(set(task)) or ask(**task)  # type: ignore[method-assign,func-returns-value]
        again = mutate.Suite(["test_one.py"], [FILE], runs)
        assert again.reaching(mutant) == first.reaching(mutant)
        assert again.first_to_notice(mutant, again.reaching(mutant), runs) == "test_one.py::test_alone"
        assert asked == [{"loaded"}, {"run", "of", "limit_s"}]
        (mutate.TREE / "test_one.py").write_text(TESTS["test_one.py"] + "\ndef test_more(): ...\n", encoding="utf-8")
        more = mutate.Suite(["test_one.py"], [FILE], runs)
        assert "test_one.py::test_more" in more.seconds


def test_slow_tests_are_run_for_what_quick_ones_have_not_noticed(
    suite: tuple[mutate.Runs, mutate.Suite], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    _, tests = suite
    tests.seconds |= dict.fromkeys(tests.seconds, 0.0) | {"test_one.py::test_program": 60.0}
    monkeypatch.setattr(mutate, "copy_tree", lambda: None)
    monkeypatch.setattr(mutate, "Suite", lambda *_: tests)
    wanted = [
        of_line(7, "return 4", "raise OSError"),
        of_line(5, "return 3", "return 0"),
        of_line(5, "return 3", "return 3 + 0"),
    ]
    mutate.run(wanted, sys.executable, float("inf"), Results(tmp_path / "results"), None)
    said = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert said == [["1/3", "later"], ["2/3", "noticed"], ["3/3", "later"], ["1/2", "noticed"], ["2/2", "unnoticed"]]


@pytest.mark.skipif(
    not Path("/proc/self/autogroup").exists() or os.geteuid() != 0,
    reason="sessions share processors alike here, or may change it ten times a second only",
)
def test_a_new_session_gives_way_to_others_as_the_one_before() -> None:
    program = """
import os
from pathlib import Path
from infra.checks.mutant_runs import session_of_its_own
group = Path("/proc/self/autogroup")
group.write_text("7")
before = group.read_text()
if os.fork() == 0:
    session_of_its_own()
    print(before.split()[0] != group.read_text().split()[0], group.read_text().split()[-1], flush=True)
    os._exit(0)
os.wait()
"""
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, start_new_session=True, check=True).stdout
    assert said.split() == ["True", "7"]


def test_what_a_test_takes_leaves_out_waiting_for_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = iter([1.0, 4.0, 4.5, 9.5])
    monkeypatch.setattr(mutant_survey, "waited_s", lambda _: next(waited))
    taken = mutant_survey.Taken()
    for name, took in (("one", 5.0), ("one", 1.0), ("two", 2.0)):
        taken.pytest_runtest_logreport(SimpleNamespace(nodeid=name, duration=took, failed=False))  # type: ignore[arg-type]
    assert taken.seconds == {"one": 2.5, "two": 0.0}


def test_the_page_counts_and_asks_for_reasons() -> None:
    found = [replace(ONE, change=change) for change in ("`a` → `b`", "`x | y` → `x`", "`c` → `d`", "`e` → `f`")]
    reviewed = [{"file": "a.py", "change": "`c` → .*", "reason": "nobody minds"}]
    text, missing = page(found, [KILLED, SURVIVED, SURVIVED, None], reviewed)
    assert "| part | `a.py` | 4 | 1 | 2 | 1 | " in text
    assert "| `a.py` | `x \\| y` → `x` | **not reviewed** |" in text
    assert "| `a.py` | `c` → `d` | nobody minds |" in text
    assert "`e` → `f`" not in text
    assert missing == 1


def test_the_page_keeps_what_was_tried_elsewhere_while_the_code_is_the_same() -> None:
    reviewed = [{"file": "*.py", "change": ".*", "reason": "nobody minds"}]
    found = [
        replace(ONE, target="part", file=file, change=f"`{name}` → `x`", source=name)
        for file, names in (("a.py", ("a | b", "c", "d")), ("b.py", ("e", "f")))
        for name in names
    ]
    elsewhere, _ = page(found, [SURVIVED, KILLED, None, None, None], reviewed)
    here = [None, None, None, KILLED, SURVIVED]
    text, missing = page(found, here, [], elsewhere)
    assert ["| part | `a.py` | 3 | 1 | 1 | 1 |" in text, "| part | `b.py` | 2 | 1 | 1 | 0 |" in text] == [True, True]
    # Whether it is reviewed is told anew.
    assert "| `a.py` | `a \\| b` → `x` | **not reviewed** |" in text
    assert missing == 2
    assert page(found, [None] * 5, [], text) == (text, 2)
    # As much as was tried elsewhere, and other code, are told as they are here.
    more, _ = page(found, [KILLED, KILLED, None, *here[3:]], [], text)
    assert "| part | `a.py` | 3 | 2 | 0 | 1 |" in more
    other, _ = page([replace(found[0], source="z"), *found[1:]], here, [], text)
    assert "| part | `a.py` | 3 | 0 | 0 | 3 |" in other
    assert "`a \\| b`" not in other


def test_what_is_changed_and_what_has_to_notice_exist() -> None:
    named = [file for target in CONFIG["targets"].values() for file in (*target["files"], *target["tests"])]
    named += [file for one in CONFIG.get("named", ()) for file in (one["file"], *one["tests"])]
    assert [name for name in named if not (ROOT / name).exists()] == []
    changed = {file for target in CONFIG["targets"].values() for file in target["files"]}
    assert [one for one in CONFIG["reviewed"] if not any(fnmatch(file, one["file"]) for file in changed)] == []


def test_a_reason_may_be_of_a_kind_of_change_in_many_files() -> None:
    reviewed = [{"file": "*.py", "change": "`x | y` → .*".replace("|", r"\|"), "reason": "nobody minds"}]
    assert reason_of(ONE, reviewed) == "nobody minds"
    assert reason_of(replace(ONE, file="a.txt"), reviewed) is None
    assert reason_of(replace(ONE, change="`c` → `d`"), reviewed) is None


def test_what_imports_a_file_loads_it_and_so_does_what_lies_in_a_package_that_does(tmp_path: Path) -> None:
    sources = {
        "pack": "from other import one",
        "pack.inner": "ONE = 1",
        "pack.late": "def f():\n    import other",
        "user": "from pack.inner import ONE",
        "other": "",
        "alone": "import json",
    }
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    inside = {name: f"{name}.py" for name in sources}
    assert mutant_runs.importing("other.py", inside, tmp_path) == {"other", "pack", "pack.inner", "pack.late", "user"}
    assert mutant_runs.importing("alone.py", inside, tmp_path) == {"alone"}


def test_where_the_fork_of_a_file_has_ended_whoever_asks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ended:
        def __init__(self, *_: object) -> None: ...

        def ask(self, line: str) -> str:
            return ""

    monkeypatch.setattr(mutant_runs, "Ready", Ended)
    answers = io.StringIO()
    task = json.dumps({"run": ["test_one.py::test_two"], "of": "a.py"})
    mutant_runs.Server(tmp_path, tmp_path / "files").serve([task, task], answers, ready=True)
    assert answers.getvalue() == "\n\n"
