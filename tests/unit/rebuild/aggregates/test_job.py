"""Whole releases of a toy shop."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from endcap.arrays import I64
from endcap.errors import InvalidInputError
from endcap.events.interaction import interaction_document
from endcap.pseudonyms import PseudonymKeys, pseudonymous
from endcap_rebuild.aggregates.job import export_aggregates
from endcap_rebuild.aggregates.ledger import BudgetError
from endcap_rebuild.aggregates.release import ReleaseSettings
from endcap_rebuild.data.reading import read_events
from endcap_rebuild.data.report import ReadReport
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


def test_one_user_under_two_keys_is_protected_as_one_or_nothing_is_told(tmp_path: Path) -> None:
    """Who stands for two users would add twice what the noise hides."""
    first, both = PseudonymKeys({1: b"k" * 32}), PseudonymKeys({1: b"k" * 32, 2: b"l" * 32})
    shop = write_chain_shop(tmp_path / "shop", n_users=5)
    events = list(read_events(shop, ReadReport(), NOW_MS))
    (shop / "events.csv").unlink()
    (shop / "events").mkdir()
    with (shop / "events" / "archive").open("w") as archive:
        archive.writelines(json.dumps(interaction_document(event)) + "\n" for event in events)
        for key in (first, both):
            archive.writelines(json.dumps(pseudonymous(interaction_document(e), key)) + "\n" for e in events)
    (shop / "erasures").mkdir()
    (shop / "erasures" / "ledger.json").write_text(json.dumps({"number": 1, "secret": "00"}) + "\n")
    for known in (None, first):
        with pytest.raises(InvalidInputError, match="--pseudonym-keys"):
            export_aggregates(shop, tmp_path / "out", ReleaseSettings(1.0), now=NOW, noise=no_noise, keys=known)
    assert not (shop / "privacy-ledger.json").exists()
    settings = ReleaseSettings(1.0, most_items=100)
    export_aggregates(shop, tmp_path / "out", settings, now=NOW, noise=no_noise, keys=both)
    told = {item: int(users) for item, users in rows(tmp_path / "out" / "popularity.csv")[1:]}
    assert max(told.values()) <= 5
