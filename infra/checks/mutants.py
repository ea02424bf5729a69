"""Small changes of the code, each of one thing in one place.

They are cosmic-ray's, and those that infra/checks/mutants.toml names.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NAMED = "named"
# Of each operator one replacement that is near it: the others change the same things, and are noticed more easily.
SWAPS = """Add_Sub Sub_Add Mul_FloorDiv FloorDiv_Mul Div_Mul Mod_Mul Pow_Mul BitOr_BitAnd BitAnd_BitOr BitXor_BitOr
LShift_RShift RShift_LShift"""
TURNS = "Eq_NotEq NotEq_Eq Lt_LtE LtE_Lt Gt_GtE GtE_Gt Lt_Gt Gt_Lt Is_IsNot IsNot_Is"
SINGLE = """AddNot ReplaceTrueWithFalse ReplaceFalseWithTrue ReplaceAndWithOr ReplaceOrWithAnd ReplaceBreakWithContinue
ReplaceContinueWithBreak ExceptionReplacer NumberReplacer RemoveDecorator ZeroIterationForLoop
ReplaceUnaryOperator_Delete_Not ReplaceUnaryOperator_USub_UAdd"""


@dataclass(frozen=True)
class Mutant:
    """One change of one file.

    Attributes
    ----------
    change : the changed lines before and after, which is how reasons name it
    source : the changed file
    tests : files and folders of tests that have to notice
    lines : of the file as it is, the statements that are changed
    """

    target: str
    file: str
    change: str
    source: str
    tests: tuple[str, ...]
    lines: frozenset[int] = frozenset()

    @property
    def key(self) -> str:
        """Under which the result is kept: another file is another question."""
        return digest(self.file, self.source)


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


def differing(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many lines are equal before and after those that differ."""
    start = next((k for k, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return start, end


def change_of(before: str, after: str) -> str:
    """The lines that differ, as `before` → `after`."""
    old, new = before.splitlines(), after.splitlines()
    start, end = differing(old, new)
    texts = (" ⏎ ".join(line.strip() for line in lines[start : len(lines) - end]) for lines in (old, new))
    return " → ".join(f"`{text}`" for text in texts)


def changed_lines(before: str, after: str) -> frozenset[int]:
    """Of `before`, the lines of the statements in which both differ; of a compound one those before its body."""
    old, new = before.splitlines(), after.splitlines()
    start, end = differing(old, new)
    first, last = start + 1, max(start + 1, len(old) - end)
    found = set(range(first, last + 1))
    for begin, stop in _statements(before):
        if begin <= last and first <= stop:
            found |= set(range(begin, stop + 1))
    return frozenset(found)


@cache
def _statements(source: str) -> tuple[tuple[int, int], ...]:
    """First and last line of each statement, of a compound one without its body."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt | ast.ExceptHandler):
            begin = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
            body = getattr(node, "body", None)
            found.append((begin, max(begin, body[0].lineno - 1) if body else node.end_lineno or begin))
    return tuple(found)


def changes_of(source: str, kept: Path) -> list[str]:
    """`source` with each change in turn, those that do what another does or the source itself left out.

    Parameters
    ----------
    kept : folder of what was found before, as finding takes seconds a file
    """
    path = kept / f"{digest(source, *operators())}.json"
    if path.exists():
        found: list[str] = json.loads(path.read_text(encoding="utf-8"))
        return found
    does = {behaviour(source): source}
    for changed, doing in changed_sources(source):
        does.setdefault(doing, changed)
    found = list(does.values())[1:]
    kept.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found), encoding="utf-8")
    return found


def mutants(config: Mapping[str, Any], kept: Path, targets: Sequence[str] = ()) -> list[Mutant]:
    """Every change to try of the targets named, all by default; those of a target in the order of its lines.

    Raises
    ------
    SystemExit : a named change is of a text that its file does not hold just once
    """
    found: list[Mutant] = []
    for name, target in config["targets"].items():
        for file in target["files"] if not targets or name in targets else ():
            source = (ROOT / file).read_text(encoding="utf-8")
            for changed in changes_of(source, kept):
                change, lines = change_of(source, changed), changed_lines(source, changed)
                found.append(Mutant(name, file, change, changed, tuple(target["tests"]), lines))
    for named in config.get("named", ()) if not targets or NAMED in targets else ():
        source = (ROOT / named["file"]).read_text(encoding="utf-8")
        if source.count(named["old"]) != 1:
            sys.exit(
                f"mutants.toml: {named['file']} holds {named['old']!r} {source.count(named['old'])} times, not once"
            )
        changed = source.replace(named["old"], named["new"])
        lines = changed_lines(source, changed)
        found.append(Mutant(NAMED, named["file"], named["says"], changed, tuple(named["tests"]), lines))
    return found
