"""Change the code in small ways, and see whether a test notices.

    .venv-mutate/bin/python -m infra.checks.mutate --python .venv/bin/python [--minutes N] [--pause FILE] [TARGET ...]

infra/checks/mutants.toml says which modules are changed and which tests have to notice, and holds the reason of each
change that may go unnoticed. The changes are made in a copy of the tree (infra/checks/mutants.py), and only tests that
reach a changed line are run, those first that notice most in the least time (infra/checks/mutant_runs.py): quick ones
for all changes, and then the others for those that are left. Results are kept in .build/mutate, and a run that was
ended goes on where it was. docs/mutants.md tells how it stands, and of files
of which .build/mutate has less, how it stood (infra/checks/mutant_page.py). Exits with 1 where a change went unnoticed
for which there is no reason.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.checks.mutant_page import KILLED, SURVIVED, page
from infra.checks.mutants import ROOT, Mutant, digest, mutants

WORK = ROOT / ".build" / "mutate"
TREE = WORK / "tree"
PAGE = ROOT / "docs" / "mutants.md"
PACKAGES = ("layers/core", "infra/rebuild", "infra/local")
QUICK_S = 0.2
"""What a test may take that is tried first: the few that take longer take most of the time of a whole suite."""
SEED = 20261130  # of the order of changes: what was tried when time was over is an even sample


def copy_tree() -> None:
    """The files of the repository as they are now, where they can be changed; compiled ones of before stay."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    names = {name for name in listed if name and (ROOT / name).is_file()}
    for path in [path for path in TREE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]:
        if str(path.relative_to(TREE)) not in names:
            path.unlink()
    for name in names:
        source, copied = ROOT / name, TREE / name
        if not copied.is_file() or copied.read_bytes() != source.read_bytes():
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copied)


@contextmanager
def changed(mutant: Mutant) -> Iterator[None]:
    """The copy with one change, and nothing compiled of the changed file."""
    path = TREE / mutant.file
    before, times = path.read_bytes(), path.stat()
    compiled = list((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"))
    kept = [one.read_bytes() for one in compiled]
    for one in compiled:
        one.unlink()
    path.write_text(mutant.source, encoding="utf-8")
    try:
        yield
    finally:
        path.write_bytes(before)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        for one, data in zip(compiled, kept, strict=True):
            one.write_bytes(data)


class Runs:
    """The process that runs tests; a context, which ends it."""

    def __init__(self, python: str) -> None:
        paths = os.pathsep.join(str(TREE / package) for package in PACKAGES)
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [python, "-m", "infra.checks.mutant_runs", str(TREE), str(WORK / "files")],
            cwd=TREE,
            env={**os.environ, **threads, "PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Runs:
        return self

    def __exit__(self, *_exception: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def ask(self, **task: Any) -> dict[str, Any]:
        """One task, and what came of it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line.strip():
            sys.exit(f"the process that runs tests has ended over {task.get('of')}; see {WORK / 'files.log'}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def groups_of(test: str) -> tuple[str, str]:
    """The file of a test, and its class there, or the file itself."""
    within = test.partition("[")[0].rpartition("::")[0]
    return within.partition("::")[0], within


class Suite:
    """The tests of a target: which of them reach a line, and in which order they are best run.

    Raises
    ------
    SystemExit : one of them fails without any change
    """

    def __init__(self, tests: Sequence[str], files: Sequence[str], runs: Runs) -> None:
        kept = WORK / "surveys" / f"{digest(*tests, *files, digest_of_tree())}.json"
        if kept.exists():
            found = json.loads(kept.read_text(encoding="utf-8"))
            runs.ask(loaded=found["loaded"])
        else:
            found = runs.ask(survey=list(tests), of=list(files))
            # Once more, as what keeps time may fail while it is followed, and with what is loaded by now.
            again = runs.ask(run=list(found.get("tests", ())), of=files[0])
            if again["failed"] or not again.get("seconds"):
                sys.exit(f"without any change {again['failed']} fails of {' '.join(tests)}; see {WORK / 'files.log'}")
            found["seconds"] = again["seconds"]
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(found), encoding="utf-8")
        self.seconds: dict[str, float] = found["seconds"]
        self._reach: dict[str, dict[str, list[str]]] = found["reach"]
        self._everywhere: list[str] = found["everywhere"]
        self._noticed: Counter[str] = Counter()

    def reaching(self, mutant: Mutant) -> list[str]:
        """The tests to run, first those that are likely to notice soon; those of a file together, and those of a class.

        Else a fixture of a class would be set up again and again, and fail where it can't be.
        """
        lines = self._reach.get(mutant.file, {})
        found = {test for line in mutant.lines for test in lines.get(str(line), ())}
        near = Counter(test for by in lines.values() for test in by)
        worth = {
            test: (1 + self._noticed[test]) * near[test] / (0.05 + self.seconds[test])
            for test in found.union(self._everywhere)
        }
        of_group: dict[str, float] = {}
        for test, value in worth.items():
            for group in groups_of(test):
                of_group[group] = max(value, of_group.get(group, 0.0))

        def place(test: str) -> tuple[object, ...]:
            file, within = groups_of(test)
            return -of_group[file], file, -of_group[within], within, -worth[test]

        return sorted(worth, key=place)

    def parted(self, mutant: Mutant) -> tuple[list[str], list[str]]:
        """The same: those that are quick, and the others."""
        tests = self.reaching(mutant)
        return [t for t in tests if self.seconds[t] <= QUICK_S], [t for t in tests if self.seconds[t] > QUICK_S]

    def first_to_notice(self, mutant: Mutant, tests: Sequence[str], runs: Runs) -> str | None:
        """The one of `tests` that fails with a change, or what else goes wrong; None where all pass."""
        if not tests:
            return None
        with changed(mutant):
            limit_s = 10 + 5 * sum(self.seconds[test] for test in tests)
            by: str | None = runs.ask(run=list(tests), of=mutant.file, limit_s=limit_s)["failed"]
        if by in self.seconds:
            self._noticed[by] += 1
        return by


def digest_of_tree() -> str:
    """A name for all of the copy's code."""
    return digest(*(path.read_text(encoding="utf-8") for path in sorted(TREE.rglob("*.py"))))


def digest_of_tests(tests: Sequence[str], root: Path = ROOT) -> str:
    """A name for what the tests below `root` say."""
    files = sorted(
        path for test in tests for path in ([root / test] if test.endswith(".py") else (root / test).rglob("*.py"))
    )
    return digest(*(path.read_text(encoding="utf-8") for path in files))


def of_outcome(mutant: Mutant, by: str | None, root: Path = ROOT) -> str:
    """What a result rests on: the file of the test that has noticed, or else all tests."""
    file = (by or "").partition("::")[0]
    return digest_of_tests((file,) if file.endswith(".py") and (root / file).is_file() else mutant.tests, root)


class Results:
    """What earlier runs have found, one line each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self._rows: dict[str, dict[str, Any]] = {row["key"]: row for row in map(json.loads, lines)}

    def outcome(self, mutant: Mutant) -> str | None:
        """None where it was not tried with what the tests are now."""
        row = self._rows.get(mutant.key)
        return row["outcome"] if row and row["of"] == of_outcome(mutant, row["by"]) else None

    def keep(self, mutant: Mutant, by: str | None) -> str:
        """`by` is what has noticed; gives the outcome."""
        outcome = SURVIVED if by is None else KILLED
        row = {"key": mutant.key, "outcome": outcome, "by": by, "of": of_outcome(mutant, by, TREE)}
        self._rows[mutant.key] = row
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        return outcome


def run(wanted: Sequence[Mutant], python: str, deadline_s: float, results: Results, pause: Path | None) -> None:
    """Try those of `wanted` that have no result, until the clock says `deadline_s`; wait while `pause` exists."""
    left = [mutant for mutant in wanted if results.outcome(mutant) is None]
    if not left:
        return
    copy_tree()
    files: dict[tuple[str, ...], set[str]] = {}
    for mutant in wanted:
        files.setdefault(mutant.tests, set()).add(mutant.file)
    suites: dict[tuple[str, ...], Suite] = {}
    with Runs(python) as runs:
        for quick in (True, False):
            unnoticed = []
            for number, mutant in enumerate(left, 1):
                while pause and pause.exists() and time.monotonic() < deadline_s:
                    time.sleep(1)
                if time.monotonic() >= deadline_s:
                    print("out of time; the next run goes on from here")
                    return
                if mutant.tests not in suites:
                    suites[mutant.tests] = Suite(mutant.tests, sorted(files[mutant.tests]), runs)
                suite = suites[mutant.tests]
                quick_tests, slow_tests = suite.parted(mutant)
                by = suite.first_to_notice(mutant, quick_tests if quick else slow_tests, runs)
                said = f"{number}/{len(left)} %-9s {mutant.file} {mutant.change} {by or ''}"
                if by is None and quick and slow_tests:
                    unnoticed.append(mutant)
                    print(said % "later", flush=True)
                else:
                    print(said % results.keep(mutant, by), flush=True)
            left = unnoticed


def in_turn(found: Sequence[Mutant], targets: Sequence[str]) -> list[Mutant]:
    """The changes of the targets named, all without any, target by target in an order drawn by a seed."""
    names = targets or list(dict.fromkeys(mutant.target for mutant in found))
    chosen = []
    for name in names:
        of_target = [mutant for mutant in found if mutant.target == name]
        random.Random(SEED).shuffle(of_target)  # nosec B311 # an order, no secret
        chosen += of_target
    return chosen


def main() -> int:
    """Try what is left of the targets named, all by default, and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("targets", nargs="*", help="names in mutants.toml; all by default")
    parser.add_argument("--python", required=True, help="the interpreter of the tests")
    parser.add_argument("--minutes", type=float, default=60.0, help="how long to go on")
    parser.add_argument("--pause", type=Path, help="wait between changes while this file exists")
    options = parser.parse_args()
    config = tomllib.loads((ROOT / "infra/checks/mutants.toml").read_text(encoding="utf-8"))
    WORK.mkdir(parents=True, exist_ok=True)
    results = Results(WORK / "results.jsonl")
    deadline_s = time.monotonic() + 60 * options.minutes
    chosen = in_turn(mutants(config, WORK / "mutants", options.targets), options.targets)
    run(chosen, str(Path(options.python).absolute()), deadline_s, results, options.pause)
    found = mutants(config, WORK / "mutants")
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    text, missing = page(found, [results.outcome(mutant) for mutant in found], config.get("reviewed", []), before)
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}; {missing} unnoticed changes have no reason yet")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
