"""docs/mutants.md, which infra/checks/mutate.py writes and reads: it is the record of what was tried elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch

from infra.checks.mutants import Mutant, digest

KILLED, SURVIVED = "noticed", "unnoticed"
_HEAD = """\
# Changes of the code that tests notice

`make mutate` writes this page. It changes one thing in one place, runs the tests that
infra/checks/mutants.toml names, and says whether one of them failed. Changes that none notices are listed
with the reason why they may go unnoticed. Changes are tried in an order drawn by a seed, so those of a part
that have been tried are an even sample of it. A run that has tried less of a file than stands here keeps the
file's row, while its code is the same: the last column is a name for that.

| part | file | changes | noticed | unnoticed | not tried yet | code |
| --- | --- | ---: | ---: | ---: | ---: | --- |
"""
_ROW = re.compile(r"\| (\w+) \| `([^`]+)` \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\w+) \|")
_LINE = re.compile(r"\| `([^`]+)` \| (.*) \| [^|]* \|")


@dataclass(frozen=True)
class Standing:
    """How the changes of a file stand that belong to one part.

    Attributes
    ----------
    code : a name for the changes, which is another one where the file is
    unnoticed : the changes that no test notices
    """

    part: str
    file: str
    changes: int
    noticed: int
    not_tried: int
    code: str
    unnoticed: tuple[Mutant, ...]

    @property
    def row(self) -> str:
        counts = (self.changes, self.noticed, len(self.unnoticed), self.not_tried)
        return f"| {self.part} | `{self.file}` | " + " | ".join(map(str, counts)) + f" | {self.code} |"


def reason_of(mutant: Mutant, reviewed: Sequence[Mapping[str, str]]) -> str | None:
    """Why nobody has to notice a change, where somebody has looked at it, or at its kind in many files."""
    fits = (one for one in reviewed if fnmatch(mutant.file, one["file"]) and re.fullmatch(one["change"], mutant.change))
    return next((one["reason"] for one in fits), None)


def page(
    found: Sequence[Mutant], outcomes: Sequence[str | None], reviewed: Sequence[Mapping[str, str]], before: str = ""
) -> tuple[str, int]:
    """docs/mutants.md, and how many changes went unnoticed without a reason.

    Parameters
    ----------
    outcomes : of each of `found`, None where it was not tried
    before : the page as it was
    """
    standings = []
    by_file: dict[tuple[str, str], list[tuple[Mutant, str | None]]] = {}
    for mutant, outcome in zip(found, outcomes, strict=True):
        by_file.setdefault((mutant.target, mutant.file), []).append((mutant, outcome))
    for of_file in by_file.values():
        now = _standing(of_file)
        kept = _recorded(now, [mutant for mutant, _ in of_file], before)
        standings.append(kept if kept and kept.not_tried < now.not_tried else now)
    reasons = [(mutant, reason_of(mutant, reviewed)) for one in standings for mutant in one.unnoticed]
    lines = [_HEAD + "\n".join(one.row for one in standings), ""]
    lines += ["| file | unnoticed change | why it may be |", "| --- | --- | --- |"]
    lines += [f"| `{one.file}` | {_cell(one)} | {reason or '**not reviewed**'} |" for one, reason in reasons]
    return "\n".join(lines) + "\n", sum(reason is None for _, reason in reasons)


def _standing(of_file: Sequence[tuple[Mutant, str | None]]) -> Standing:
    outcomes = [outcome for _, outcome in of_file]
    code = digest(*sorted(mutant.key for mutant, _ in of_file))[:8]
    unnoticed = tuple(mutant for mutant, outcome in of_file if outcome == SURVIVED)
    first, tried = of_file[0][0], outcomes.count(KILLED)
    return Standing(first.target, first.file, len(of_file), tried, outcomes.count(None), code, unnoticed)


def _recorded(now: Standing, of_file: Sequence[Mutant], before: str) -> Standing | None:
    """What the page tells of a file; None where it has nothing, or of other code."""
    told = [row for row in map(_ROW.fullmatch, before.splitlines()) if row and row.group(1, 2) == (now.part, now.file)]
    if not told or told[0][7] != now.code:
        return None
    lines = [line.group(1, 2) for line in map(_LINE.fullmatch, before.splitlines()) if line]
    by_line = {(mutant.file, _cell(mutant)): mutant for mutant in of_file}
    unnoticed = tuple(by_line[line] for line in lines if line in by_line)
    return replace(now, noticed=int(told[0][4]), not_tried=int(told[0][6]), unnoticed=unnoticed)


def _cell(mutant: Mutant) -> str:
    """A change as the page's table shows it."""
    return mutant.change.replace("|", "\\|")
