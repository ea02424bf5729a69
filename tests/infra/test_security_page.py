"""SECURITY.md says which test tries what, and each exception from a check of security says why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/.]+)(?:::?\s*([\w.:]+))?`")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
THREATS = [row for row in ROWS if not row.startswith(("| **", "| who tries what"))]


def test_there_are_threats() -> None:
    assert len(THREATS) > 10


@pytest.mark.parametrize("row", THREATS, ids=lambda row: row.split("|")[1].strip())
def test_a_threat_names_its_test(row: str) -> None:
    assert NAMED.search(row.split("|")[-2])


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall(PAGE))))
def test_each_test_that_is_named_is_there(file: str, name: str) -> None:
    source = (ROOT / file).read_text(encoding="utf-8") if file.endswith(".py") else ""
    assert (ROOT / file).exists()
    for part in filter(None, re.split("[.:]+", name)):
        assert re.search(rf"^\s*(def|class) {part}\b", source, re.MULTILINE), part


def test_exceptions_have_a_reason() -> None:
    lines = [
        (path, line)
        for folder in ("layers", "functions", "infra")
        for path in (ROOT / folder).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "# nosec" in line
    ]
    assert lines
    assert [(path, line) for path, line in lines if not re.search(r"# nosec B\d+ # \w+", line)] == []
    audit = (ROOT / "infra/checks/checkov.yaml").read_text(encoding="utf-8")
    skipped = [line for line in audit.splitlines() if line.startswith("  - CKV")]
    assert len(skipped) == len(yaml.safe_load(audit)["skip-check"])
    assert [line for line in skipped if not re.search(r" # \w+", line)] == []
