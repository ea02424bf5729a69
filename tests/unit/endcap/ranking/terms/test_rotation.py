from __future__ import annotations

import pytest

from endcap.catalog.item import Item
from endcap.errors import InvalidRequestError
from endcap.events.interaction import Interaction
from endcap.identifiers import item_key
from endcap.index.index import index_of
from endcap.index.overlay import ChangedItem, Overlay
from endcap.profiles.entries import Impression
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, profile_of
from endcap.ranking.terms.rotation import rotation_scores
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import Recommendation, RecommendationRequest
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"))


def shown(*items: tuple[str, int], purchases: tuple[str, ...] = ("item-5",)) -> UserProfile:
    """Someone who was shown items, each so many hours ago, and bought others."""
    bought = [Interaction(f"b{i}", "u", "purchase", CUTOFF_MS - HOUR_MS, i) for i in purchases]
    seen = [Interaction(f"s{i}", "u", "impression", CUTOFF_MS - age * HOUR_MS, i) for i, age in items]
    return profile_of([*bought, *seen])


def ranked(snapshot: Snapshot, profile: UserProfile, overlay: Overlay | None = None, **asked: object) -> Recommendation:
    return recommend(snapshot, profile, RecommendationRequest(limit=50, **asked), CUTOFF_MS, overlay)  # type: ignore[arg-type]


def test_showing_halves_every_two_hours(snapshot: Snapshot) -> None:
    index = index_of(snapshot)
    impressions = shown(("item-1", 0), ("item-2", 2), ("item-3", 4)).impressions
    scores = rotation_scores(index, impressions, CUTOFF_MS, 7200).everywhere()
    assert scores[:5].tolist() == [0, -1, -0.5, -0.25, 0]


@pytest.mark.parametrize("purchases", [("item-5",), ()])
def test_what_was_shown_lately_falls_by_exactly_the_term(snapshot: Snapshot, purchases: tuple[str, ...]) -> None:
    profile = shown(purchases=purchases)
    before = {item.item_id: item for item in ranked(snapshot, profile).items}
    top, second = list(before)[:2]
    profile = shown((top, 0), (second, 4), purchases=purchases)
    after = {item.item_id: item for item in ranked(snapshot, profile, rotation=1.0).items}
    assert after[top].rank > before[top].rank
    assert after[top].score == pytest.approx(before[top].score - 1)
    assert after[second].score == pytest.approx(before[second].score - 0.25)
    (reason,) = [r for r in after[top].reasons if r.kind == "rotation"]
    assert (reason.weight, reason.text) == (-1, "Lower, as you were shown it lately.")
    for item in after.values():
        assert sum(r.weight for r in item.reasons) == pytest.approx(item.score, abs=1e-6)


def test_off_unless_asked_and_the_same_twice(snapshot: Snapshot) -> None:
    profile = shown(("item-6", 0), ("item-7", 1))
    assert ranked(snapshot, profile).items == ranked(snapshot, shown()).items
    assert ranked(snapshot, profile, rotation=1.0) == ranked(snapshot, profile, rotation=1.0)


def test_new_items_and_all_variants_rotate(snapshot: Snapshot) -> None:
    twins = [ChangedItem(i, CUTOFF_MS, Item(i, title="mug", group_id="twins")) for i in ("n1", "n2")]
    index = Overlay(snapshot, twins).index
    scores = rotation_scores(index, [Impression(CUTOFF_MS, item_key("n2"))], CUTOFF_MS, 7200).everywhere()
    assert [scores[index.position(i)] for i in ("n1", "n2")] == [-1, -1]
    assert scores.sum() == -2


def test_strength_has_a_range(snapshot: Snapshot) -> None:
    with pytest.raises(InvalidRequestError):
        ranked(snapshot, EMPTY_PROFILE, rotation=1.5)
