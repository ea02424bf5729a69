"""The page that `make prove` writes."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from infra.checks.report_proofs import ROOT, file_of, page

JUNIT = f"""<testsuites><testsuite name="pytest" time="90.0">
<testcase classname="tests.unit.test_a.TestB" name="test_one" time="1.5"/>
<testcase classname="tests.unit.test_a" name="test_two" time="2.5"><failure message="no">no</failure></testcase>
<testcase classname="tests.e2e.test_c" name="test_three" time="0.1">
<skipped message="no data at {ROOT.parent}/shared">here</skipped></testcase>
<testcase classname="" name="tests.training.test_d" time="0.0"><skipped message="no torch">here</skipped></testcase>
</testsuite></testsuites>"""


def test_page_names_date_and_commit_and_counts_by_file() -> None:
    text = page(ElementTree.fromstring(JUNIT), "`abc`", datetime(2026, 3, 4, 5, 6, tzinfo=UTC))
    assert "Date: 2026-03-04 05:06 UTC" in text
    assert "Commit: `abc`" in text
    assert "Duration: 1.5 minutes" in text
    assert "| `tests/unit/test_a.py` | 1 | 1 | 0 | 4 |" in text
    assert "| `tests/training/test_d.py` | 0 | 0 | 1 | 0 |" in text
    assert "| **together** | 1 | 1 | 2 | 4 |" in text


def test_page_says_why_tests_were_skipped_without_folders_of_the_machine() -> None:
    text = page(ElementTree.fromstring(JUNIT), "`abc`", datetime(2026, 3, 4, tzinfo=UTC))
    assert "- 1 × no data at ../shared" in text
    assert f"{ROOT.parent}/shared" not in text


@pytest.mark.parametrize(
    ("class_name", "file"),
    [
        ("tests.unit.test_a", "tests/unit/test_a.py"),
        ("tests.unit.test_a.TestB.TestC", "tests/unit/test_a.py"),
        ("tests.unit.scoring.test_a.TestB", "tests/unit/scoring/test_a.py"),
    ],
)
def test_file_of_a_test_is_found_by_its_class(class_name: str, file: str) -> None:
    assert file_of(class_name) == file
