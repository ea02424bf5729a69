"""The program behind `make mutate`, but for the changes themselves, which are cosmic-ray's."""

from __future__ import annotations

import tomllib
from dataclasses import replace

from infra.checks.mutate import KILLED, ROOT, SURVIVED, Mutant, behaviour, change_of, digest_of_tests, page

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


def test_another_source_or_another_test_is_another_question() -> None:
    digest = digest_of_tests(ONE.tests)
    assert ONE.key(digest) == ONE.key(digest)
    assert len({ONE.key(digest), replace(ONE, source="y").key(digest), ONE.key("other")}) == 3


def test_the_page_counts_and_asks_for_reasons() -> None:
    found = [replace(ONE, change=change) for change in ("`a` → `b`", "`x | y` → `x`", "`c` → `d`", "`e` → `f`")]
    reviewed = [{"file": "a.py", "change": "`c` → .*", "reason": "nobody minds"}]
    text, missing = page(found, [KILLED, SURVIVED, SURVIVED, None], reviewed)
    assert "| part | 4 | 1 | 2 | 1 |" in text
    assert "| `a.py` | `x \\| y` → `x` | **not reviewed** |" in text
    assert "| `a.py` | `c` → `d` | nobody minds |" in text
    assert "`e` → `f`" not in text
    assert missing == 1


def test_what_is_changed_and_what_has_to_notice_exist() -> None:
    named = [file for target in CONFIG["targets"].values() for file in (*target["files"], *target["tests"])]
    named += [file for one in CONFIG.get("named", ()) for file in (one["file"], *one["tests"])]
    named += [one["file"] for one in CONFIG["reviewed"]]
    assert [name for name in named if not (ROOT / name).exists()] == []
