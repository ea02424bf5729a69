"""Whole releases of a toy shop."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from endcap.arrays import I64
from endcap.errors import InvalidInputError
from endcap_rebuild.aggregates.job import export_aggregates
from endcap_rebuild.aggregates.ledger import BudgetError
from endcap_rebuild.aggregates.release import ReleaseSettings
from tests.fakes.toy_shop import NOW_MS, write_chain_shop

NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)


def no_noise(counts: I64, epsilon: float, sensitivity: int) -> I64:
    return counts


def missing(counts: I64, epsilon: float, sensitivity: int) -> I64:
    raise InvalidInputError("python-dp is not installed")


def rows(file: Path) -> list[list[str]]:
    with file.open(newline="", encoding="utf-8") as read:
        return list(csv.reader(read))


def test_tables_and_what_they_promise(tmp_path: Path) -> None:
    shop = write_chain_shop(tmp_path / "shop")
    settings = ReleaseSettings(1.0)
    done = export_aggregates(shop, tmp_path / "out", settings, now=NOW, noise=no_noise)
    popularity = rows(tmp_path / "out" / "popularity.csv")
    assert popularity[0] == ["item_id", "users"]
    assert len(popularity) == 1 + 40  # every item of the catalogue, whoever chose it
    assert rows(tmp_path / "out" / "together.csv") == [["item_id", "with_item_id", "users"]]
    about = json.loads((tmp_path / "out" / "release.json").read_text())
    assert about == {name: value for name, value in done.items() if name != "budget"}
    assert (about["epsilon"], about["delta"], about["dataset"]) == (1.0, 1e-6, "shop")
    assert not {"users", "events"} & set(about)
    assert done["budget"]["epsilon"] == 1.0
    with pytest.raises(BudgetError):
        export_aggregates(shop, tmp_path / "again", ReleaseSettings(2.5), now=NOW, noise=no_noise)
    assert not (tmp_path / "again").exists()


def test_without_the_library_nothing_is_paid(tmp_path: Path) -> None:
    shop = write_chain_shop(tmp_path / "shop", n_users=5)
    with pytest.raises(InvalidInputError, match="not installed"):
        export_aggregates(shop, tmp_path / "out", ReleaseSettings(1.0), now=NOW, noise=missing)
    assert not (shop / "privacy-ledger.json").exists()
