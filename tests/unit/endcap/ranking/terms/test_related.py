"""Substitutes and complements of given items, over a snapshot that can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from endcap.catalog.item import Item, item_text
from endcap.encoders.quantize import quantize_unit
from endcap.errors import InvalidRequestError, NotFoundError
from endcap.events.interaction import Interaction
from endcap.index.index import index_of
from endcap.index.overlay import ChangedItem, Overlay
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, profile_of
from endcap.ranking.terms.related import anchors_of, relation_values
from endcap.recommend.pipeline import recommend
from endcap.recommend.prepared import encode_with
from endcap.recommend.request import Recommendation, RecommendationRequest
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot, toy_items


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"))


def ask(
    snapshot: Snapshot, profile: UserProfile = EMPTY_PROFILE, overlay: Overlay | None = None, **asked: object
) -> Recommendation:
    return recommend(snapshot, profile, RecommendationRequest(**asked), CUTOFF_MS, overlay)  # type: ignore[arg-type]


def ids(answer: Recommendation) -> list[str]:
    return [item.item_id for item in answer.items]


def similar_items(snapshot: Snapshot, *anchors: str) -> Recommendation:
    return ask(snapshot, relation="similar", items=anchors, limit=500)


def test_substitutes_are_ranked_by_text_and_by_the_same_shoppers(snapshot: Snapshot) -> None:
    index = index_of(snapshot)
    scores = relation_values(index, anchors_of(index, "similar", ("item-20",))).everywhere()
    vectors = index.white.rows(np.arange(40))
    expected = vectors @ vectors[20]
    expected[[19, 21]] += 0.5 * 0.5 / index.tables.scales["neighbours"]  # half of their weight in the list
    assert scores == pytest.approx(expected, abs=1e-3)
    answer = similar_items(snapshot, "item-20")
    assert "item-20" not in ids(answer)
    assert len(answer.items) == 39
    assert answer.source == "related"
    assert answer.items[0].source == "related"
    reason = answer.items[0].reasons[0]
    assert (reason.kind, [e.item_id for e in reason.evidence]) == ("similar", ["item-20"])
    assert snapshot.document(20)["title"] in reason.text


def test_complements_are_what_is_bought_together(snapshot: Snapshot) -> None:
    answer = ask(snapshot, relation="together", items=("item-20", "item-6"), limit=2)
    assert set(ids(answer)) == {"item-21", "item-7"}
    reason = next(r for r in answer.items[0].reasons if r.kind == "complement")
    assert [e.item_id for e in reason.evidence] == ["item-20" if ids(answer)[0] == "item-21" else "item-6"]
    assert "bought together" in reason.text


def test_complements_of_a_new_item_are_those_of_items_like_it(snapshot: Snapshot) -> None:
    encoder = snapshot.encoder
    assert encoder is not None
    twin = replace(toy_items()[20], item_id="new")
    vector = quantize_unit(encoder.encode(item_text(twin))).tobytes()
    overlay = Overlay(snapshot, [ChangedItem("new", CUTOFF_MS, twin, vector, encoder.tag)])
    answer = ask(snapshot, overlay=overlay, relation="together", items=("new",), limit=500)
    scores = {item.item_id: sum(r.weight for r in item.reasons if r.kind == "complement") for item in answer.items}
    assert max(scores, key=lambda i: scores[i]) == "item-21"  # item-20 has the very same text
    assert "new" not in scores
    assert next(r for i in answer.items for r in i.reasons if r.kind == "complement").text == (
        "Goes with what you chose."
    )


def test_an_anchor_with_nothing_to_compare_leaves_the_list_to_the_other_terms(snapshot: Snapshot) -> None:
    overlay = Overlay(snapshot, [ChangedItem("blank", CUTOFF_MS, Item("blank"))])
    for relation in ("similar", "together"):
        answer = ask(snapshot, overlay=overlay, relation=relation, items=("blank",), limit=3)
        assert ids(answer) == ["item-0", "item-1", "item-2"]


def test_a_known_shopper_gets_another_order(snapshot: Snapshot) -> None:
    acts = [Interaction("e", "u", "purchase", CUTOFF_MS - 1000, "item-30")]
    profile = profile_of(acts, encode_with(snapshot))
    plain = ask(snapshot, relation="similar", items=("item-20",), limit=500)
    own = ask(snapshot, profile, relation="similar", items=("item-20",), limit=500)
    assert ids(own) != ids(plain)
    assert "item-30" not in ids(own)
    assert ids(own).index("item-31") < ids(plain).index("item-31")
    assert {r.kind for r in own.items[0].reasons} >= {"similar"}


def test_anchors_and_their_variants_are_left_out(tmp_path: Path) -> None:
    documents = [{"item_id": f"item-{k}", "title": f"red mug {k}", "group_id": f"g{k // 2}"} for k in range(40)]
    snapshot = build_toy_snapshot(tmp_path, documents=documents)
    answer = ask(snapshot, relation="similar", items=("item-20",), limit=500)
    assert not {"item-20", "item-21"} & set(ids(answer))
    assert len(answer.items) == 19


def test_unknown_and_deleted_items_are_no_anchors(snapshot: Snapshot) -> None:
    overlay = Overlay(snapshot, [ChangedItem("item-5", CUTOFF_MS)])
    with pytest.raises(NotFoundError, match="there is no item gone"):
        ask(snapshot, relation="similar", items=("gone",))
    with pytest.raises(NotFoundError, match="there is no item item-5"):
        ask(snapshot, overlay=overlay, relation="similar", items=("item-5",))
    with pytest.raises(NotFoundError, match="none of the items"):
        ask(snapshot, overlay=overlay, relation="together", items=("gone", "item-5"))
    some = ask(snapshot, overlay=overlay, relation="together", items=("gone", "item-5", "item-6"), limit=1)
    assert ids(some) == ["item-7"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"relation": "similar"}, "items"),
        ({"items": ("item-1",)}, "relation"),
        ({"relation": "near", "items": ("item-1",)}, "relation"),
    ],
)
def test_relation_and_items_come_together(snapshot: Snapshot, asked: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        ask(snapshot, **asked)
    assert [error["field"] for error in caught.value.errors] == [field]
