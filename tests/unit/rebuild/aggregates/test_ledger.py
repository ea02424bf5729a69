"""The ledger: what is spent stays spent, and nothing goes beyond the limit."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from endcap.errors import InvalidInputError
from endcap_rebuild.aggregates.ledger import DEFAULT_LIMIT, BudgetError, spend

AT = "2026-01-02T03:04:05Z"


def test_releases_of_one_data_set_add_up(tmp_path: Path) -> None:
    file = tmp_path / "sub" / "ledger.json"
    spend(file, "shop", 1.0, 1e-6, None, AT)
    second = spend(file, "shop", 0.5, 1e-6, None, AT)
    assert (second.epsilon, second.delta, second.epsilon_limit) == (1.5, 2e-6, DEFAULT_LIMIT)
    assert spend(file, "other", 2.0, 1e-6, None, AT).epsilon == 2.0


def test_what_goes_beyond_the_limit_is_refused_and_not_written(tmp_path: Path) -> None:
    file = tmp_path / "ledger.json"
    for _ in range(10):
        spend(file, "shop", 0.1, 1e-7, 1.0, AT)
    before = file.read_bytes()
    with pytest.raises(BudgetError, match=r"0 of its epsilon left, the release takes 0\.1"):
        spend(file, "shop", 0.1, 1e-7, 1.0, AT)
    with pytest.raises(BudgetError, match="of its delta left"):
        spend(file, "other", 0.1, 1e-4, None, AT)
    assert file.read_bytes() == before


def test_limit_of_the_first_release_stays(tmp_path: Path) -> None:
    file = tmp_path / "ledger.json"
    spend(file, "shop", 0.5, 1e-6, 1.0, AT)
    with pytest.raises(BudgetError, match="a limit that moves is none"):
        spend(file, "shop", 0.5, 1e-6, 100.0, AT)
    assert spend(file, "shop", 0.5, 1e-6, None, AT).epsilon_limit == 1.0


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"format": 2, "datasets": {}}',
        '{"format": 1, "datasets": {"shop": {}}}',
        '{"format": 1, "datasets": {"a": {"epsilon_limit": 9, "delta_limit": 1, "releases": [{"epsilon": -5}]}}}',
        '{"format": 1, "datasets": {"a": {"epsilon_limit": -9, "delta_limit": 1, "releases": []}}}',
        '{"format": 1, "datasets": {"shop": {"epsilon_limit": NaN, "delta_limit": 1, "releases": []}}}',
    ],
)
def test_a_ledger_that_cannot_be_believed_spends_nothing(tmp_path: Path, content: str) -> None:
    file = tmp_path / "ledger.json"
    file.write_text(content)
    with pytest.raises(InvalidInputError):
        spend(file, "shop", 0.1, 1e-7, None, AT)
    assert file.read_text() == content


def test_releases_at_the_same_time_do_not_spend_the_same_rest(tmp_path: Path) -> None:
    file = tmp_path / "ledger.json"

    def one(_: int) -> bool:
        try:
            spend(file, "shop", 0.25, 1e-7, 1.0, AT)
        except BudgetError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(12))) == 4
    assert len(json.loads(file.read_text())["datasets"]["shop"]["releases"]) == 4
