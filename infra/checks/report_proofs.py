"""Write docs/proofs.md from what pytest wrote about a run of the proofs.

    python infra/checks/report_proofs.py JUNIT.xml docs/proofs.md

The report says when and on which commit the proofs ran, and how many there were and how long they took by file.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree  # nosec B405 # what it reads, pytest wrote

ROOT = Path(__file__).parents[2]
OUTCOMES = {"failure": "failed", "error": "failed", "skipped": "skipped"}


@dataclass
class Tally:
    """What came of the tests of one file."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def row(self, name: str) -> str:
        counts = " | ".join(str(self.outcomes[outcome]) for outcome in ("passed", "failed", "skipped"))
        return f"| {name} | {counts} | {self.seconds:,.0f} |"


def tallies(report: ElementTree.Element) -> tuple[dict[str, Tally], Counter[str]]:
    """Tallies by file, and how often each reason for skipping was given."""
    files: dict[str, Tally] = {}
    reasons: Counter[str] = Counter()
    for case in report.iter("testcase"):
        # A file that was skipped as a whole is a case without a class.
        tally = files.setdefault(file_of(case.attrib["classname"] or case.attrib["name"]), Tally())
        found = {OUTCOMES[child.tag] for child in case if child.tag in OUTCOMES}
        tally.outcomes["failed" if "failed" in found else "skipped" if found else "passed"] += 1
        tally.seconds += float(case.attrib["time"])
        reasons.update(child.attrib["message"] for child in case.iter("skipped"))
    return dict(sorted(files.items())), reasons


def file_of(class_name: str) -> str:
    """`tests.unit.test_a.TestB` -> `tests/unit/test_a.py`."""
    parts = class_name.split(".")
    module = next((k for k, part in enumerate(parts) if part.startswith("test_")), len(parts) - 1)
    return "/".join(parts[: module + 1]) + ".py"


def commit() -> str:
    """The commit that is checked out, and whether files differ from it."""

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return run.stdout.strip()

    changed = git("status", "--porcelain", "--", ".", ":!docs/proofs.md")
    return f"`{git('rev-parse', '--short=12', 'HEAD')}`" + (" with changes that are not committed" if changed else "")


def page(report: ElementTree.Element, made_from: str, now: datetime) -> str:
    """The report in Markdown."""
    files, reasons = tallies(report)
    total = Tally()
    for tally in files.values():
        total.outcomes.update(tally.outcomes)
        total.seconds += tally.seconds
    wall = sum(float(suite.attrib["time"]) for suite in report.iter("testsuite"))
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    lines = [
        "# The last run of the proofs",
        "",
        "`make prove` writes this page. It runs what takes too long for every day: properties with more examples than",
        "`make test` tries, many odd shops and killed rebuilds, real data sets, every supported Python.",
        "",
        f"- Date: {now:%Y-%m-%d %H:%M} UTC",
        f"- Commit: {made_from}",
        f"- Machine: {machine}",
        f"- Duration: {wall / 60:.1f} minutes; the seconds below add up what ran side by side",
        "",
        "| file | passed | failed | skipped | seconds |",
        "| --- | ---: | ---: | ---: | ---: |",
        *(tally.row(f"`{name}`") for name, tally in files.items()),
        total.row("**together**"),
        "",
    ]
    if reasons:
        lines += ["Skipped:", "", *(f"- {n} × {without_root(reason)}" for reason, n in sorted(reasons.items())), ""]
    return "\n".join(lines)


def without_root(text: str) -> str:
    """A message without the folders of the machine that it was written on."""
    return text.replace(f"{ROOT}/", "").replace(f"{ROOT.parent}/", "../")


def main(arguments: Iterable[str]) -> None:
    """Read the first file named, write the second."""
    source, out = arguments
    report = ElementTree.parse(source).getroot()  # nosec B314 # pytest wrote it
    Path(out).write_text(page(report, commit(), datetime.now(UTC)), encoding="utf-8")
    print(f"wrote {out}")


if __name__ == "__main__":
    main(sys.argv[1:])
