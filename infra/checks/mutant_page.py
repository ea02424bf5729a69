"""docs/mutants.md, which infra/checks/mutate.py writes and reads: it is the record of what was tried elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

from infra.checks.mutants import Mutant, digest

KILLED, SURVIVED = "noticed", "unnoticed"
_HEAD = """\
# Changes of the code that tests notice

`make mutate` writes this page. It changes one thing in one place, runs the tests that
infra/checks/mutants.toml names, and says whether one of them failed. Changes that none notices are listed
with the reason why they may go unnoticed. Changes are tried in an order drawn by a seed, so those of a part
that have been tried are an even sample of it. A run that has tried less of a part than stands here keeps the
part's row, while its code is the same: the last column is a name for that.

| part | changes | noticed | unnoticed | not tried yet | code |
| --- | ---: | ---: | ---: | ---: | --- |
"""
_ROW = re.compile(r"\| (\w+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\w+) \|")
_LINE = re.compile(r"\| `([^`]+)` \| (.*) \| [^|]* \|")


@dataclass(frozen=True)
class Part:
    """How the changes of one part stand.

    Attributes
    ----------
    code : a name for the changes, which is another one where the changed files are
    unnoticed : the changes that no test notices
    """

    name: str
    changes: int
    noticed: int
    not_tried: int
    code: str
    unnoticed: tuple[Mutant, ...]

    @property
    def row(self) -> str:
        counts = (self.changes, self.noticed, len(self.unnoticed), self.not_tried)
        return f"| {self.name} | " + " | ".join(map(str, counts)) + f" | {self.code} |"


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
    parts = []
    for name in dict.fromkeys(mutant.target for mutant in found):
        of_part = [(one, outcome) for one, outcome in zip(found, outcomes, strict=True) if one.target == name]
        now = _part(name, of_part)
        kept = _recorded(now, [one for one, _ in of_part], before)
        parts.append(kept if kept and kept.not_tried < now.not_tried else now)
    reasons = [(mutant, reason_of(mutant, reviewed)) for part in parts for mutant in part.unnoticed]
    lines = [_HEAD + "\n".join(part.row for part in parts), ""]
    lines += ["| file | unnoticed change | why it may be |", "| --- | --- | --- |"]
    lines += [f"| `{one.file}` | {_cell(one)} | {reason or '**not reviewed**'} |" for one, reason in reasons]
    return "\n".join(lines) + "\n", sum(reason is None for _, reason in reasons)


def _part(name: str, of_part: Sequence[tuple[Mutant, str | None]]) -> Part:
    outcomes = [outcome for _, outcome in of_part]
    code = digest(*sorted(mutant.key for mutant, _ in of_part))[:8]
    unnoticed = tuple(mutant for mutant, outcome in of_part if outcome == SURVIVED)
    return Part(name, len(of_part), outcomes.count(KILLED), outcomes.count(None), code, unnoticed)


def _recorded(now: Part, of_part: Sequence[Mutant], before: str) -> Part | None:
    """What the page tells of a part; None where it has nothing, or of other code."""
    rows = [row for row in map(_ROW.fullmatch, before.splitlines()) if row and row[1] == now.name]
    if not rows or rows[0][6] != now.code:
        return None
    told = [(line[1], line[2]) for line in map(_LINE.fullmatch, before.splitlines()) if line]
    by_line = {(mutant.file, _cell(mutant)): mutant for mutant in of_part}
    unnoticed = tuple(by_line[line] for line in told if line in by_line)
    return Part(now.name, now.changes, int(rows[0][3]), int(rows[0][5]), now.code, unnoticed)


def _cell(mutant: Mutant) -> str:
    """A change as the page's table shows it."""
    return mutant.change.replace("|", "\\|")
