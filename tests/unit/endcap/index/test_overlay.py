from __future__ import annotations

import itertools
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from endcap.catalog.item import Item, item_document, item_text
from endcap.encoders.items import item_tag
from endcap.encoders.quantize import quantize_unit
from endcap.filters.eligibility import sellable
from endcap.index import overlay as overlay_module
from endcap.index.index import index_of
from endcap.index.overlay import MAX_CHANGED, ChangedItem, Overlay
from endcap.profiles.entries import Entry
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile
from endcap.ranking.features import RankingSettings, features_of
from endcap.ranking.score import term_scores
from endcap.ranking.terms.registry import TERMS
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import Recommendation, RecommendationRequest
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.effort import examples, proved
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot, toy_items

NOW_MS = CUTOFF_MS + 60_000
NEW = Item("fresh", title="red steel garden deluxe", categories=("home", "kitchen"), brand="Acme", price=3.0)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"))


def changed(snapshot: Snapshot, item: Item, at_ms: int = NOW_MS, *, embedded: bool = True) -> ChangedItem:
    if not embedded:
        return ChangedItem(item.item_id, at_ms, item)
    encoder = snapshot.encoder
    assert encoder is not None
    vector = quantize_unit(encoder.encode(item_text(item))).tobytes()
    return ChangedItem(item.item_id, at_ms, item, vector, encoder.tag)


def viewed(*item_ids: str) -> UserProfile:
    return UserProfile(
        interactions=tuple(Entry(NOW_MS - k, k.to_bytes(4, "big"), "purchase", i) for k, i in enumerate(item_ids))
    )


def ranked(snapshot: Snapshot, profile: UserProfile, overlay: Overlay | None, **asked: object) -> Recommendation:
    return recommend(snapshot, profile, RecommendationRequest(limit=500, **asked), NOW_MS, overlay)  # type: ignore[arg-type]


def ids(answer: Recommendation) -> list[str]:
    return [item.item_id for item in answer.items]


def test_new_item_is_ranked_by_its_text_for_a_matching_shopper(snapshot: Snapshot) -> None:
    overlay = Overlay(snapshot, [changed(snapshot, NEW)])
    assert "fresh" not in ids(ranked(snapshot, viewed("item-20"), None))
    text_only = {"weights": {term: float(term == "text") for term in TERMS}}
    # item-20 is "red steel garden 20"
    assert ids(ranked(snapshot, viewed("item-20"), overlay, **text_only))[0] == "fresh"
    assert ids(ranked(snapshot, viewed("item-12"), overlay, **text_only))[0] != "fresh"


def test_a_new_item_is_compared_by_the_fields_that_the_snapshot_has_read(tmp_path: Path) -> None:
    snapshot = build_toy_snapshot(tmp_path, text_fields=("title",))
    encoder = snapshot.encoder
    assert encoder is not None
    vector = quantize_unit(encoder.encode(NEW.title)).tobytes()
    tag = item_tag(encoder.tag, ("title",))
    own, other = (Overlay(snapshot, [ChangedItem("fresh", NOW_MS, NEW, vector, t)]).index for t in (tag, encoder.tag))
    assert own.item_tag == tag
    assert own.encoder_tag == encoder.tag
    assert own.raw.rows(np.array([40])).any()
    assert not other.raw.rows(np.array([40])).any()


def test_new_item_is_found_by_query_and_by_id(snapshot: Snapshot) -> None:
    overlay = Overlay(snapshot, [changed(snapshot, NEW)])
    assert ids(ranked(snapshot, EMPTY_PROFILE, overlay, query="deluxe red steel"))[0] == "fresh"
    assert ids(ranked(snapshot, EMPTY_PROFILE, overlay, query="FRESH"))[0] == "fresh"


def test_new_item_has_category_brand_price_and_the_least_popularity(snapshot: Snapshot) -> None:
    index = Overlay(snapshot, [changed(snapshot, NEW)]).index
    features = features_of(viewed("item-0"), index, NOW_MS)
    terms = dict(zip(TERMS, term_scores(index, features, RankingSettings()), strict=True))
    new, twin = index.position("fresh"), index.position("item-20")  # of the same categories and brand
    assert new == 40
    for term in ("category", "brand"):
        assert terms[term][new] == pytest.approx(terms[term][twin], abs=1e-3)
        assert terms[term][new] > 0
    assert terms["price"][new] > 0  # 3.0 lies in item-0's price band
    assert terms["popularity"][new] == snapshot.popularity.min()
    assert terms["new_item"][new] == 1


def test_item_known_only_to_the_overlay_counts_as_history(snapshot: Snapshot) -> None:
    overlay = Overlay(snapshot, [changed(snapshot, NEW)])
    text_only = {"weights": {term: float(term == "text") for term in TERMS}}
    answer = ranked(snapshot, viewed("fresh"), overlay, **text_only)
    assert "fresh" not in ids(answer)
    assert answer.items[0].item_id == "item-20"
    assert [e.item_id for e in answer.items[0].reasons[0].evidence] == ["fresh"]


def test_unembedded_or_foreign_vector_leaves_the_item_rankable_without_text(snapshot: Snapshot) -> None:
    foreign = replace(changed(snapshot, NEW), tag=b"else")
    for row in (changed(snapshot, NEW, embedded=False), foreign):
        index = Overlay(snapshot, [row]).index
        terms = dict(zip(TERMS, term_scores(index, features_of(viewed("item-20"), index, NOW_MS)), strict=True))
        assert terms["text"][40] == 0
        assert terms["category"][40] > 0


def test_changed_item_keeps_its_text_until_a_new_vector_comes(snapshot: Snapshot) -> None:
    item = toy_items()[6]
    base = index_of(snapshot)
    cheaper = Overlay(snapshot, [changed(snapshot, replace(item, price=0.5), embedded=False)]).index
    at = np.array([6])
    assert np.array_equal(cheaper.white.rows(at), base.white.rows(at))
    assert cheaper.document(6)["price"] == 0.5
    assert cheaper.price_band[6] == 0
    assert cheaper.n_items == base.n_items
    renamed = Overlay(snapshot, [changed(snapshot, replace(item, title="travel lamp"))]).index
    assert not np.allclose(renamed.white.rows(at), base.white.rows(at), atol=0.1)


def test_unavailable_expired_and_deleted_items_vanish(snapshot: Snapshot) -> None:
    items = toy_items()
    overlay = Overlay(
        snapshot,
        [
            changed(snapshot, replace(items[1], available=False)),
            changed(snapshot, replace(items[2], expires_at_ms=NOW_MS)),
            changed(snapshot, replace(items[3], expires_at_ms=NOW_MS + 1)),
            ChangedItem("item-4", NOW_MS),
            ChangedItem("never-seen", NOW_MS),
        ],
    )
    shown = ids(ranked(snapshot, EMPTY_PROFILE, overlay))
    assert set(shown) == {f"item-{k}" for k in range(40)} - {"item-1", "item-2", "item-4"}
    assert ids(ranked(snapshot, EMPTY_PROFILE, overlay, candidates=("item-4", "item-5"))) == ["item-5"]


def test_what_was_done_with_a_deleted_item_still_speaks(snapshot: Snapshot) -> None:
    overlay = Overlay(snapshot, [ChangedItem("item-4", NOW_MS)])
    answer = ranked(snapshot, viewed("item-4"), overlay)
    assert answer.items[0].item_id == "item-5"  # which follows item-4
    brand = [reason for item in answer.items for reason in item.reasons if reason.kind == "brand"]
    assert brand  # item-4's


def test_item_comes_back_when_it_is_written_again(snapshot: Snapshot) -> None:
    overlay = Overlay(snapshot, [ChangedItem("item-4", NOW_MS)])
    overlay = overlay.with_rows([changed(snapshot, toy_items()[4], NOW_MS + 1)])
    assert "item-4" in ids(ranked(snapshot, EMPTY_PROFILE, overlay))


def test_rows_may_arrive_in_any_order_and_any_batches(snapshot: Snapshot) -> None:
    item = toy_items()[6]
    rows = [
        changed(snapshot, replace(item, price=9.0), NOW_MS),
        ChangedItem("item-6", NOW_MS + 1),
        changed(snapshot, replace(item, price=7.0), NOW_MS + 2, embedded=False),
        changed(snapshot, replace(item, price=7.0), NOW_MS + 2),  # the vector follows, at the same time
        changed(snapshot, NEW, NOW_MS),
    ]
    for order in itertools.permutations(rows):
        for cut in (0, 2, 5):
            overlay = Overlay(snapshot, order[:cut]).with_rows(order[cut:])
            index = overlay.index
            assert len(overlay) == 2
            assert index.document(6)["price"] == 7.0
            assert index.changes is not None
            assert index.changes.has_vector.all()


def test_rows_known_already_change_nothing(snapshot: Snapshot) -> None:
    rows = [changed(snapshot, NEW), ChangedItem("item-4", NOW_MS)]
    overlay = Overlay(snapshot, rows)
    assert overlay.with_rows(rows) is overlay
    assert overlay.with_rows([ChangedItem("item-4", NOW_MS - 1)]) is overlay


def test_cap_keeps_the_newest_and_says_so(snapshot: Snapshot) -> None:
    rows = [ChangedItem(f"x{k}", NOW_MS + k, Item(f"x{k}", title="mug")) for k in range(MAX_CHANGED + 3)]
    overlay = Overlay(snapshot, rows[:10]).with_rows(rows[10:])
    assert overlay.overflowed
    assert len(overlay) == MAX_CHANGED
    assert overlay.index.position("x2") is None
    assert overlay.index.position("x3") is not None
    assert overlay.index.n_items == 40 + MAX_CHANGED
    assert not Overlay(snapshot, rows[:MAX_CHANGED]).overflowed


def test_new_variant_joins_its_group(tmp_path: Path) -> None:
    documents = [item_document(replace(i, group_id="g") if k in (4, 5) else i) for k, i in enumerate(toy_items())]
    snapshot = build_toy_snapshot(tmp_path, documents=documents)
    overlay = Overlay(
        snapshot,
        [
            changed(snapshot, replace(NEW, group_id="g")),
            changed(snapshot, replace(NEW, item_id="kin", group_id="item-9")),
            changed(snapshot, replace(NEW, item_id="odd", group_id="new group")),
            changed(snapshot, replace(NEW, item_id="even", group_id="new group")),
        ],
    )
    groups = overlay.index.groups
    number = {
        i: int(groups[overlay.index.positions([i])[0]]) for i in ("fresh", "item-4", "kin", "item-9", "odd", "even")
    }
    assert number["fresh"] == number["item-4"]
    assert number["kin"] == number["item-9"]
    assert number["odd"] == number["even"]
    assert len(set(number.values())) == 3
    shown = ids(ranked(snapshot, viewed("fresh"), overlay))
    assert not {"fresh", "item-4", "item-5"} & set(shown)
    assert len({"odd", "even"} & set(shown)) == 1


def test_answer_as_of_a_time_leaves_changes_out(snapshot: Snapshot) -> None:
    overlay = Overlay(snapshot, [changed(snapshot, NEW), ChangedItem("item-4", NOW_MS)])
    shown = ids(ranked(snapshot, EMPTY_PROFILE, overlay, as_of_ms=NOW_MS))
    assert shown == ids(ranked(snapshot, EMPTY_PROFILE, None))


def test_overlay_of_another_snapshot_is_not_laid_over(snapshot: Snapshot, tmp_path: Path) -> None:
    other = build_toy_snapshot(tmp_path, n_items=20)
    overlay = Overlay(other, [changed(other, NEW)])
    assert ids(ranked(snapshot, EMPTY_PROFILE, overlay)) == ids(ranked(snapshot, EMPTY_PROFILE, None))


class TestWithheld:
    """What keeps an item from being shown has no cap, however many other changes there are."""

    def test_what_went_stays_away_under_fifty_thousand_changes(self, snapshot: Snapshot) -> None:
        items = toy_items()
        gone = [ChangedItem("item-4", NOW_MS), changed(snapshot, replace(items[5], available=False), NOW_MS)]
        ends = [changed(snapshot, replace(items[6], expires_at_ms=NOW_MS + 10), NOW_MS)]
        # A nightly feed of prices, newer than all of that, and as many deletions of what the snapshot never had.
        feed = [ChangedItem(f"x{k}", NOW_MS + 1 + k, Item(f"x{k}", title="mug", price=1.0)) for k in range(25_000)]
        feed += [ChangedItem(f"y{k}", NOW_MS + 1 + k) for k in range(25_000)]
        overlay = Overlay(snapshot, gone).with_rows([*ends, *feed])
        assert overlay.overflowed
        shown = recommend(snapshot, EMPTY_PROFILE, RecommendationRequest(limit=500), NOW_MS, overlay)
        assert not {"item-4", "item-5"} & set(ids(shown))
        assert "item-6" in ids(recommend(snapshot, EMPTY_PROFILE, RecommendationRequest(limit=500), NOW_MS, overlay))
        later = recommend(snapshot, EMPTY_PROFILE, RecommendationRequest(limit=500), NOW_MS + 11, overlay)
        assert "item-6" not in ids(later)
        # read again, they change nothing, so that no request folds anything
        kept = sorted(feed, key=lambda row: row.changed_at_ms)[-100:]
        assert overlay.with_rows([*gone, *ends, *kept]) is overlay
        assert overlay.index is overlay.index
        assert overlay.index.is_deleted(4)
        assert not overlay.index.is_deleted(5)

    def test_deletions_take_no_places_of_other_changes(self, snapshot: Snapshot) -> None:
        prices = [changed(snapshot, replace(toy_items()[k], price=500.0 + k), NOW_MS) for k in range(10)]
        deletions = [ChangedItem(f"y{k}", NOW_MS + 1) for k in range(MAX_CHANGED + 1)]
        overlay = Overlay(snapshot, prices).with_rows(deletions)
        assert not overlay.overflowed
        assert overlay.index.document(3)["price"] == 503.0

    def test_an_item_comes_back_from_among_them(self, snapshot: Snapshot) -> None:
        filler = [ChangedItem(f"y{k}", NOW_MS + 1) for k in range(MAX_CHANGED + 1)]
        overlay = Overlay(snapshot, [ChangedItem("item-4", NOW_MS), *filler])
        assert "item-4" not in ids(ranked(snapshot, EMPTY_PROFILE, overlay))
        assert overlay.with_rows([changed(snapshot, toy_items()[4], NOW_MS - 1)]) is overlay
        assert "item-4" in ids(
            ranked(snapshot, EMPTY_PROFILE, overlay.with_rows([changed(snapshot, toy_items()[4], NOW_MS + 1)]))
        )

    def test_all_of_it_is_carried_over_to_the_next_snapshot(self, snapshot: Snapshot, tmp_path: Path) -> None:
        filler = [ChangedItem(f"y{k}", NOW_MS + 1) for k in range(MAX_CHANGED + 1)]
        overlay = Overlay(snapshot, [ChangedItem("item-4", NOW_MS), *filler]).with_rows([changed(snapshot, NEW)])
        newer = build_toy_snapshot(tmp_path, 41)
        shown = ids(ranked(newer, EMPTY_PROFILE, overlay.carried_over(newer)))
        assert "item-4" not in shown
        assert "fresh" in shown
        later = build_toy_snapshot(tmp_path / "later", 41, catalog_as_of_ms=NOW_MS + 5)  # which knows all of that
        assert "item-4" in ids(ranked(later, EMPTY_PROFILE, overlay.carried_over(later)))

    @proved
    def test_whatever_comes_in_whatever_batches(self, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
        """With room for three changes: nothing is shown of which the latest says that it is not for sale."""
        monkeypatch.setattr(overlay_module, "MAX_CHANGED", 3)
        for seed in range(examples(200)):
            chance = random.Random(seed)
            rows, latest = [], dict[str, str]()
            for at_ms in range(chance.randrange(1, 25)):
                item, state = (
                    toy_items()[chance.randrange(10)],
                    chance.choice(["deleted", "sold out", "for sale", "ends"]),
                )
                ends = NOW_MS + 50 if state == "ends" else None
                item = replace(item, available=state != "sold out", expires_at_ms=ends)
                rows.append(ChangedItem(item.item_id, NOW_MS + at_ms, None if state == "deleted" else item))
                latest[item.item_id] = state
            overlay, left = Overlay(snapshot), list(rows)
            while left:
                size = chance.randrange(1, len(left) + 1)
                overlay, left = overlay.with_rows(chance.sample(left[:size], size)), left[size:]
            overlay = overlay.with_rows(chance.sample(rows, len(rows)))  # read again
            for now_ms, away in ((NOW_MS, {"deleted", "sold out"}), (NOW_MS + 60, {"deleted", "sold out", "ends"})):
                shown = {overlay.index.item_id(row) for row in np.flatnonzero(sellable(overlay.index, now_ms))}
                assert shown == {i for i in snapshot.item_ids if latest.get(i, "for sale") not in away}, seed
