"""Change the code in small ways, and see whether a test notices.

    .venv-mutate/bin/python infra/checks/mutate.py --python .venv/bin/python [--minutes N] [TARGET ...]

infra/checks/mutants.toml says which modules are changed and which tests have to notice, and holds the reason of each
change that may go unnoticed. The changes are cosmic-ray's, and those that are named there. They are made in a copy of
the tree, results are kept in .build/mutate, and a run that was ended goes on where it was. docs/mutants.md tells how
it stands. Exits with 1 where a change went unnoticed for which there is no reason.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".build" / "mutate"
TREE = WORK / "tree"
PAGE = ROOT / "docs" / "mutants.md"
PACKAGES = ("layers/core", "infra/rebuild", "infra/local")
# Of each operator one replacement that is near it: the others change the same things, and are noticed more easily.
SWAPS = """Add_Sub Sub_Add Mul_FloorDiv FloorDiv_Mul Div_Mul Mod_Mul Pow_Mul BitOr_BitAnd BitAnd_BitOr BitXor_BitOr
LShift_RShift RShift_LShift"""
TURNS = "Eq_NotEq NotEq_Eq Lt_LtE LtE_Lt Gt_GtE GtE_Gt Lt_Gt Gt_Lt Is_IsNot IsNot_Is"
SINGLE = """AddNot ReplaceTrueWithFalse ReplaceFalseWithTrue ReplaceAndWithOr ReplaceOrWithAnd ReplaceBreakWithContinue
ReplaceContinueWithBreak ExceptionReplacer NumberReplacer RemoveDecorator ZeroIterationForLoop
ReplaceUnaryOperator_Delete_Not ReplaceUnaryOperator_USub_UAdd"""
KILLED, SURVIVED = "noticed", "unnoticed"


@dataclass(frozen=True)
class Mutant:
    """One change of one file.

    Attributes
    ----------
    change : the changed lines before and after, which is how reasons name it
    """

    target: str
    file: str
    change: str
    source: str
    tests: tuple[str, ...]

    def key(self, of_tests: str) -> str:
        """Under which the result is kept: another file or another test is another question."""
        return digest(self.file, self.source, of_tests)


def digest(*texts: str) -> str:
    """One name for several texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:24]


def operators() -> list[str]:
    """The names of cosmic-ray's operators that are used."""
    swaps = (f"ReplaceBinaryOperator_{name}" for name in SWAPS.split())
    turns = (f"ReplaceComparisonOperator_{name}" for name in TURNS.split())
    return [f"core/{name}" for name in (*SINGLE.split(), *swaps, *turns)]


def changed_sources(source: str) -> Iterator[tuple[str, str]]:
    """`source` with one change, for each change that cosmic-ray knows, and what it does then."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    nodes = list(ast_nodes(get_ast(source)))
    for name in operators():
        operator = get_operator(name)()
        for occurrence in range(sum(len(list(operator.mutation_positions(node))) for node in nodes)):
            # cosmic-ray takes no exceptions with a dot in their name, and reads alternatives of a pattern as sums.
            with suppress(AttributeError, SyntaxError):
                if (changed := mutate_code(source, operator, occurrence)) is not None:
                    yield changed, behaviour(changed)


class _Behaviour(ast.NodeTransformer):
    """Drops what nothing runs: annotations."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        node.annotation = ast.Constant(None)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        return node


def behaviour(source: str) -> str:
    """What `source` does, so that two of the same are equal."""
    return ast.dump(_Behaviour().visit(ast.parse(source)))


def change_of(before: str, after: str) -> str:
    """The lines that differ, as `before` → `after`."""
    old, new = before.splitlines(), after.splitlines()
    start = next((k for k, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    texts = (" ⏎ ".join(line.strip() for line in lines[start : len(lines) - end]) for lines in (old, new))
    return " → ".join(f"`{text}`" for text in texts)


def mutants(config: Mapping[str, Any]) -> list[Mutant]:
    """Every change to try; those of a target in the order of its lines.

    Raises
    ------
    SystemExit : a named change is of a text that its file does not hold just once
    """
    found: list[Mutant] = []
    for name, target in config["targets"].items():
        for file in target["files"]:
            source = (ROOT / file).read_text(encoding="utf-8")
            seen = {behaviour(source)}
            for changed, does in changed_sources(source):
                if does not in seen:
                    seen.add(does)
                    found.append(Mutant(name, file, change_of(source, changed), changed, tuple(target["tests"])))
    for named in config.get("named", ()):
        source = (ROOT / named["file"]).read_text(encoding="utf-8")
        if source.count(named["old"]) != 1:
            sys.exit(
                f"mutants.toml: {named['file']} holds {named['old']!r} {source.count(named['old'])} times, not once"
            )
        changed = source.replace(named["old"], named["new"])
        found.append(Mutant("named", named["file"], named["says"], changed, tuple(named["tests"])))
    return found


def copy_tree() -> None:
    """The files of the repository as they are now, where they can be changed."""
    shutil.rmtree(TREE, ignore_errors=True)
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, TREE / name)


def passes(python: str, tests: Sequence[str], limit_s: float) -> bool:
    """Whether the tests pass in the copy; those that take longer than `limit_s` do not."""
    command = [python, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *tests]
    paths = os.pathsep.join(str(TREE / package) for package in PACKAGES)
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command, cwd=TREE, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            return process.wait(limit_s) == 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return False


def digest_of_tests(tests: Sequence[str]) -> str:
    """A name for what the tests say."""
    files = sorted(
        path for test in tests for path in ([ROOT / test] if test.endswith(".py") else (ROOT / test).rglob("*.py"))
    )
    return digest(*(path.read_text(encoding="utf-8") for path in files))


def kept_results(path: Path) -> dict[str, str]:
    """Results of earlier runs."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {row["key"]: row["outcome"] for row in map(json.loads, lines)}


def run(wanted: Sequence[Mutant], python: str, deadline_s: float, results: Path) -> None:
    """Try those of `wanted` that have no result, until the clock says `deadline_s`."""
    done = kept_results(results)
    limits: dict[tuple[str, ...], float] = {}
    copy_tree()
    for number, mutant in enumerate(wanted, 1):
        key = mutant.key(digest_of_tests(mutant.tests))
        if key in done:
            continue
        if time.monotonic() >= deadline_s:
            print("out of time; the next run goes on from here")
            return
        if mutant.tests not in limits:
            began_s = time.monotonic()
            if not passes(python, mutant.tests, 3600):
                sys.exit(f"the tests of {mutant.target} fail without any change: {' '.join(mutant.tests)}")
            limits[mutant.tests] = 5 * (time.monotonic() - began_s) + 10
        path = TREE / mutant.file
        path.write_text(mutant.source, encoding="utf-8")
        outcome = SURVIVED if passes(python, mutant.tests, limits[mutant.tests]) else KILLED
        shutil.copy(ROOT / mutant.file, path)
        done[key] = outcome
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, "outcome": outcome}) + "\n")
        print(f"{number}/{len(wanted)} {outcome:<9} {mutant.file} {mutant.change}", flush=True)


def reason_of(mutant: Mutant, reviewed: Sequence[Mapping[str, str]]) -> str | None:
    """Why nobody has to notice a change, where somebody has looked at it."""
    fits = (one for one in reviewed if one["file"] == mutant.file and re.fullmatch(one["change"], mutant.change))
    return next((one["reason"] for one in fits), None)


def page(
    found: Sequence[Mutant], outcomes: Sequence[str | None], reviewed: Sequence[Mapping[str, str]]
) -> tuple[str, int]:
    """docs/mutants.md, and how many changes went unnoticed without a reason."""
    lines = [
        "# Changes of the code that tests notice",
        "",
        "`make mutate` writes this page. It changes one thing in one place, runs the tests that",
        "infra/checks/mutants.toml names, and says whether one of them failed. Changes that none notices are listed",
        "with the reason why they may go unnoticed.",
        "",
        "| part | changes | noticed | unnoticed | not tried yet |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    parts = list(dict.fromkeys(mutant.target for mutant in found))
    for part in parts:
        of_part = [outcome for mutant, outcome in zip(found, outcomes, strict=True) if mutant.target == part]
        counts = (len(of_part), *(of_part.count(outcome) for outcome in (KILLED, SURVIVED, None)))
        lines.append(f"| {part} | " + " | ".join(map(str, counts)) + " |")
    lines += ["", "| file | unnoticed change | why it may be |", "| --- | --- | --- |"]
    missing = 0
    for mutant, outcome in zip(found, outcomes, strict=True):
        if outcome == SURVIVED:
            reason = reason_of(mutant, reviewed)
            missing += reason is None
            cells = (f"`{mutant.file}`", mutant.change.replace("|", "\\|"), reason or "**not reviewed**")
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n", missing


def main() -> int:
    """Try what is left of the targets named, all by default, and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("targets", nargs="*", help="names in mutants.toml; all by default")
    parser.add_argument("--python", required=True, help="the interpreter of the tests")
    parser.add_argument("--minutes", type=float, default=60.0, help="how long to go on")
    options = parser.parse_args()
    config = tomllib.loads((ROOT / "infra/checks/mutants.toml").read_text(encoding="utf-8"))
    WORK.mkdir(parents=True, exist_ok=True)
    results = WORK / "results.jsonl"
    found = mutants(config)
    wanted = [mutant for mutant in found if not options.targets or mutant.target in options.targets]
    run(wanted, str(Path(options.python).absolute()), time.monotonic() + 60 * options.minutes, results)
    done = kept_results(results)
    outcomes = [done.get(mutant.key(digest_of_tests(mutant.tests))) for mutant in found]
    text, missing = page(found, outcomes, config.get("reviewed", []))
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}; {missing} unnoticed changes have no reason yet")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
