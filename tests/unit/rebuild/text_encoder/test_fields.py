"""Which fields of an item its text vector is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.catalog.item import ITEM_TEXT_FIELDS, Item
from endcap.encoders.items import item_tag
from endcap.filenames import MANIFEST
from endcap.snapshot.snapshot import load_snapshot
from endcap.snapshot.write import write_snapshot
from endcap_rebuild.data.dataset import Shop, read_shop
from endcap_rebuild.settings import RebuildSettings, no_progress
from endcap_rebuild.steps.fast import FastJob, _text_vectors
from endcap_rebuild.steps.model_card import _fields
from endcap_rebuild.text.encoders import LoadedEncoder, load_encoder
from endcap_rebuild.text_encoder.choose import choose_encoder
from endcap_rebuild.text_encoder.fields import choose_fields, distinct, name_of
from endcap_rebuild.text_encoder.gate import COLD, SEARCH, Reading
from endcap_rebuild.text_encoder.measurement import ChoiceJob
from tests.fakes.toy_shop import NOW_MS, chain_events, toy_item_rows, write_events, write_items
from tests.fakes.toy_snapshot import TINY_ENCODER, toy_contents

ALL = " + ".join(ITEM_TEXT_FIELDS)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("fields") / "shop"
    write_items(folder, [{**row, "description": f"No. {k} of our range"} for k, row in enumerate(toy_item_rows(60))])
    write_events(folder, chain_events(n_users=800, n_items=60))
    return read_shop(folder, NOW_MS, 0, {})


@pytest.fixture(scope="module")
def tiny() -> LoadedEncoder:
    return load_encoder(str(TINY_ENCODER), Path())


def levels(monkeypatch: pytest.MonkeyPatch, found: Mapping[str, tuple[float, float]]) -> list[str]:
    """What the gate finds of some fields, of all others 0.2 in both parts; returns what it was asked about."""
    asked = []

    def reading(job: ChoiceJob, loaded: LoadedEncoder) -> Reading:
        asked.append(name_of(loaded))
        cold, search = found.get(name_of(loaded), (0.2, 0.2))
        noise = np.random.default_rng(2).normal(0, 0.02, 2_000)
        sizes = {COLD: (len(job.questions.targets), cold), SEARCH: (len(job.questions.queries), search)}
        ndcg = {part: level + noise[:n] for part, (n, level) in sizes.items()}
        return Reading(ndcg, ndcg)

    monkeypatch.setattr(ChoiceJob, "reading", reading)
    return asked


def chosen(shop: Shop, tiny: LoadedEncoder, out: Path) -> LoadedEncoder:
    return choose_fields(RebuildSettings(Path(), out, cache=out / "cache"), shop, tiny, no_progress)


def test_what_reads_as_another_choice_does_is_no_choice() -> None:
    items = (Item("a", "Red mug", brand="Acme"), Item("b", "Steel lamp", description="For desks"))
    shop = Shop(items, None, None)  # type: ignore[arg-type]
    assert distinct(shop, ITEM_TEXT_FIELDS) == [
        ITEM_TEXT_FIELDS,
        ("title",),
        ("title", "brand", "categories"),
    ]
    assert distinct(Shop((Item("a", "Red mug"),), None, None), ("title",)) == [("title",)]  # type: ignore[arg-type]


def test_the_winner_is_read_and_the_evidence_kept(
    shop: Shop, tiny: LoadedEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = levels(monkeypatch, {"title": (0.3, 0.2), "title + brand + categories": (0.26, 0.2)})
    found = chosen(shop, tiny, tmp_path)
    assert asked[0] == ALL
    assert found.text_fields == ("title",)
    assert found.choice["fields"]["chosen"] == ["title"]
    assert [row["wins"] for row in found.choice["fields"]["compared"][:2]] == [True, True]
    card = "\n".join(_fields(found))
    assert "It reads of an item: title." in card
    assert f"| {ALL} | " in card


@pytest.mark.parametrize(
    "title", [(0.203, 0.2), (0.3, 0.19), (0.2, 0.4)], ids=["within the margin", "worse at searches", "searches alone"]
)
def test_what_is_not_surely_better_changes_nothing(
    shop: Shop, tiny: LoadedEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, title: tuple[float, float]
) -> None:
    levels(monkeypatch, {"title": title})
    assert chosen(shop, tiny, tmp_path).text_fields == ITEM_TEXT_FIELDS


def test_the_fields_of_the_snapshot_before_stay_until_they_are_beaten(
    shop: Shop, tiny: LoadedEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_snapshot(tmp_path, toy_contents(text_fields=("title",)))
    asked = levels(monkeypatch, {})
    assert chosen(shop, tiny, tmp_path).text_fields == ("title",)
    assert asked[0] == "title"
    levels(monkeypatch, {ALL: (0.3, 0.3)})
    assert chosen(shop, tiny, tmp_path).text_fields == ITEM_TEXT_FIELDS


def test_without_interactions_nothing_is_measured(
    shop: Shop, tiny: LoadedEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = levels(monkeypatch, {})
    nothing = replace(shop, table=shop.table.rows(np.zeros(len(shop.table), dtype=np.bool_)))
    assert chosen(nothing, tiny, tmp_path).text_fields == ITEM_TEXT_FIELDS
    assert not asked


def test_fields_that_are_named_are_read_and_a_named_encoder_reads_all(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = levels(monkeypatch, {"title": (0.3, 0.3)})
    settings = RebuildSettings(Path(), tmp_path, encoder=str(TINY_ENCODER), cache=tmp_path / "cache")
    assert choose_encoder(settings, shop, no_progress).text_fields == ITEM_TEXT_FIELDS
    named = replace(settings, text_fields=("title", "brand"))
    assert choose_encoder(named, shop, no_progress).text_fields == ("title", "brand")
    assert not asked


def test_only_the_winner_is_read_for_all_items(shop: Shop, tiny: LoadedEncoder, tmp_path: Path) -> None:
    settings = RebuildSettings(Path(), tmp_path, cache=tmp_path / "cache")
    job = FastJob(settings, shop, replace(tiny, text_fields=("title",)), no_progress)
    expected = tiny.encoder.encode_many([item.title for item in shop.items])
    np.testing.assert_array_equal(_text_vectors(job, {})["vectors"], expected)


def test_a_snapshot_says_what_it_has_read_only_where_that_is_not_all(tmp_path: Path) -> None:
    manifests: list[Mapping[str, Any]] = [
        write_snapshot(tmp_path / name, toy_contents(text_fields=fields))
        for name, fields in (("all", ITEM_TEXT_FIELDS), ("title", ("title",)))
    ]
    assert ["text_fields" in manifest for manifest in manifests] == [False, True]
    assert load_snapshot(tmp_path / "all").text_fields == ITEM_TEXT_FIELDS
    assert load_snapshot(tmp_path / "title").text_fields == ("title",)
    assert (tmp_path / "title" / MANIFEST).exists()


def test_vectors_of_other_fields_are_other_vectors() -> None:
    tags = {item_tag(b"abcd", fields) for fields in (ITEM_TEXT_FIELDS, ("title",), ("title", "brand"))}
    assert len(tags) == 3
    assert b"abcd" in tags
