"""Tags that a writer has given items of thin catalogues: served where they weigh something, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from endcap.arrays import F32
from endcap.catalog.item import Item, item_text, shown_document
from endcap.catalog.row import GENERATED_TAGS, Generated
from endcap.describing.tags import NAMES
from endcap.encoders.quantize import quantize_unit
from endcap.events.interaction import Interaction
from endcap.index.index import index_of
from endcap.index.overlay import ChangedItem, Overlay
from endcap.index.tagged import tag_rows, tag_spread
from endcap.index.vectors import without_mean
from endcap.live.tagged import read_tagged
from endcap.messages.tag_names import TAGS_ZH
from endcap.profiles.profile import profile_of
from endcap.ranking.terms.registry import row_of
from endcap.recommend.pipeline import prepared, recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.parts import TermWeight, Weights
from endcap.snapshot.snapshot import Snapshot
from endcap.snapshot.verify import verify_snapshot
from endcap.snapshot.write import CentredVectors
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot, toy_items

N = 40
NAMED = ("christmas", "gift", "wedding")
OWN: list[tuple[str, ...]] = [
    ("christmas", "gift") if k % 3 == 0 else ("wedding",) if k % 3 == 1 else () for k in range(N)
]
LIKED = profile_of([Interaction("e", "u", "like", CUTOFF_MS - 1000, "item-6")], None)
REQUEST = RecommendationRequest(limit=10)
BY = {"writer": "rules:1", "prompt": "enrich-1", "fields": [], "shares": {}, "other_shares": [1.0, 1.0]}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Every third item is for christmas, the next for weddings, and of the rest nothing is known."""
    rows = tag_rows([Item(f"item-{k}") for k in range(N)], OWN, NAMED)
    mean = rows[rows.any(axis=1)].mean(axis=0)
    documents = [
        {**shown_document(item), **({"attributes": {GENERATED_TAGS: list(own)}} if own else {})}
        for item, own in zip(toy_items(N), OWN, strict=True)
    ]
    folder = tmp_path_factory.mktemp("tagged")
    found = build_toy_snapshot(
        folder,
        N,
        documents=documents,
        tags=CentredVectors(without_mean(rows, mean), mean),
        metrics={"enrichment": BY | {"tags": list(NAMED)}},
        weights=Weights({"text": TermWeight(0.5), "tags": TermWeight(5.0, 1.0)}),
    )
    verify_snapshot(folder)
    return found


def values(snapshot: Snapshot, overlay: Overlay | None = None) -> F32:
    made = prepared(snapshot, LIKED, REQUEST, CUTOFF_MS, overlay)
    return np.asarray(made.scores.contributions(np.arange(made.index.n_items)))[row_of("tags")]


def test_items_with_the_tags_of_a_liked_one_come_first_and_say_which(snapshot: Snapshot) -> None:
    found = recommend(snapshot, LIKED, REQUEST, CUTOFF_MS).items
    assert {int(item.item_id.removeprefix("item-")) % 3 for item in found} == {0}
    (reason,) = [reason for reason in found[0].reasons if reason.kind == "tags"]
    assert reason.evidence[0].item_id == "item-6"
    assert reason.evidence[0].words == ("christmas", "gift")
    assert reason.text.startswith("For the same occasion, people or theme as")
    scored = values(snapshot)
    assert (scored[1::3] < 0).all()
    assert not scored[2::3].any()


def test_without_tags_the_term_says_nothing(tmp_path: Path) -> None:
    plain = build_toy_snapshot(tmp_path, N, weights=Weights({"text": TermWeight(0.5), "tags": TermWeight(5.0)}))
    assert not values(plain).any()
    assert read_tagged(tmp_path) is None


def test_a_new_item_counts_by_its_tags_unless_its_categories_say_enough(snapshot: Snapshot) -> None:
    tables = index_of(snapshot).tables
    encoder, tag = snapshot.encoder, tables.described_tag
    assert encoder is not None
    assert tag is not None

    def put(item: Item, tags: tuple[str, ...], by: bytes = tag) -> Overlay:
        vector = quantize_unit(encoder.encode(item_text(item))).tobytes()
        generated = Generated("key", {GENERATED_TAGS: tags}, by, b"\0" * encoder.d_text)
        return Overlay(snapshot, [ChangedItem(item.item_id, CUTOFF_MS, item, vector, tables.item_tag, generated)])

    lamp = Item("lamp", "Bright lamp", categories=("Home",))
    assert values(snapshot, put(lamp, ("christmas", "gift")))[N] == pytest.approx(values(snapshot)[0], rel=1e-3)
    assert values(snapshot, put(lamp, ("no tag of ours",)))[N] == 0
    assert values(snapshot, put(lamp, ("christmas",), b"othe"))[N] == 0
    assert values(snapshot, put(Item("lamp", "Bright lamp", categories=("Home", "Lamps")), ("christmas",)))[N] == 0
    one = put(lamp, ("wedding",))
    assert values(snapshot, one)[N] < 0
    other = put(Item("jug", "Steel jug"), ("gift",)).index.changes
    assert other is not None
    assert other.tags.shape == (1, 3)


def test_tags_are_read_without_the_rest_of_a_snapshot(snapshot: Snapshot) -> None:
    tagged = read_tagged(snapshot.directory)
    assert tagged is not None
    assert [tagged.of(f"item-{k}") for k in range(3)] == OWN[:3]
    assert tagged.of("never seen") == ()


def test_the_spread_is_that_of_all_pairs() -> None:
    rows = tag_rows([Item(f"item-{k}") for k in range(N)], OWN, NAMED)
    assert tag_spread(rows) == pytest.approx(float(np.std(rows @ rows.T)), rel=1e-6)
    assert tag_spread(np.zeros((0, 3), dtype=np.float32)) == 1.0


def test_every_tag_has_a_chinese_name() -> None:
    assert set(TAGS_ZH) == NAMES
