from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from endcap.catalog.item import Item, item_document
from endcap.encoders.quantize import quantize_unit
from endcap.index.derived import SnapshotTables
from endcap.index.index import ItemIndex, index_of
from endcap.index.overlay import ChangedItem, Overlay
from endcap.index.vectors import VectorTable
from endcap.profiles.entries import Entry
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile
from endcap.ranking.features import RankingSettings, UserFeatures, features_of, history_weights
from endcap.ranking.score import coefficients, term_scores
from endcap.ranking.terms.inputs import Query
from endcap.ranking.terms.lists import LISTS, spread_correction, sum_rows
from endcap.ranking.terms.registry import DEFAULT_WEIGHTS, TERMS
from endcap.ranking.terms.sources import list_sources
from endcap.ranking.terms.text import sides, signed_support
from endcap.ranking.values import Likeness, Sparse
from endcap.snapshot.parts import TermWeight, Weights
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from endcap.snapshot.write import write_snapshot
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot, toy_contents, toy_items

SETTINGS = RankingSettings()


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"))


@pytest.fixture(scope="module")
def index(snapshot: Snapshot) -> ItemIndex:
    return index_of(snapshot)


def taste_for(index: ItemIndex, *acts: tuple[str, str]) -> UserFeatures:
    entries = tuple(Entry(CUTOFF_MS - k, k.to_bytes(4, "big"), kind, item_id) for k, (kind, item_id) in enumerate(acts))
    return features_of(UserProfile(interactions=entries), index, CUTOFF_MS, SETTINGS)


def row(terms: np.ndarray, name: str) -> np.ndarray:
    return terms[TERMS.index(name)]


def summed(index: ItemIndex, name: str, positions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    rows, (sums,) = sum_rows(index, name, list_sources(index, positions), [weights])
    return Sparse(index.n_items, rows, sums).everywhere()


def correction(index: ItemIndex, name: str, values: np.ndarray) -> float:
    return spread_correction(index, name, float(np.std(values, dtype=np.float64)) if values.any() else None)


def test_lists_are_summed_over_history_with_signs(index: ItemIndex) -> None:
    features = taste_for(index, ("view", "item-4"), ("dislike", "item-9"), ("purchase", "item-9"), ("like", "item-5"))
    weights = history_weights(features, SETTINGS).lists
    for name, neighbours in index.snapshot.lists.items():
        dense = np.zeros((40, 40))
        for k in range(40):
            indices, values = neighbours.row(k)
            dense[k, indices] = values
        expected = weights @ dense[features.positions]
        assert summed(index, name, features.positions, weights) == pytest.approx(expected)


def test_text_term_is_likeness_to_recent_items(index: ItemIndex) -> None:
    features = taste_for(index, ("view", "item-4"), ("purchase", "item-9"))
    white = index.white.rows(np.arange(40))
    expected = white @ (white[features.positions].T @ history_weights(features, SETTINGS).text)
    expected *= correction(index, "text", expected)
    assert row(term_scores(index, features, SETTINGS), "text") == pytest.approx(expected, abs=1e-5)


def test_a_term_that_spreads_items_little_keeps_half_of_its_say(index: ItemIndex) -> None:
    usual = index.tables.spreads
    assert {*LISTS, "text"} - set(usual) == {"wording"}  # the toy shop has none
    wide = np.linspace(-1, 1, 40, dtype=np.float32)
    wide /= wide.std()
    for name in usual:
        for times in (4.0, 1.0, 0.25):
            values = np.float32(times * usual[name]) * wide
            evened = values * correction(index, name, values)
            assert evened.std() == pytest.approx(np.sqrt(times) * usual[name], rel=1e-4)
        hardly = np.float32(1e-6 * usual[name]) * wide
        assert correction(index, name, hardly) == pytest.approx(np.sqrt(20))
        assert correction(index, name, np.zeros(40, np.float32)) == 1
    assert correction(index, "popularity", wide) == 1


def test_a_dislike_is_not_made_up_for(index: ItemIndex) -> None:
    past = ("item-4", "item-9", "item-5")
    for name in ("next", "text"):
        liked, mixed = (
            taste_for(index, *zip(("view", kind, "view"), past, strict=True)) for kind in ("like", "dislike")
        )
        before, after = (row(term_scores(index, features, SETTINGS), name) for features in (liked, mixed))
        follows = int(np.argmax(index.white.everywhere(index.white.rows(np.array([9]))[0])))
        follows = 10 if name == "next" else follows
        assert after[follows] < before[follows]


def test_the_usual_spread_of_a_list_is_that_of_one_of_its_rows(index: ItemIndex) -> None:
    for name, neighbours in index.snapshot.lists.items():
        rows = [neighbours.row(k)[1].astype(np.float64) for k in range(40)]
        squares = [float(np.square(values).sum()) / 40 for values in rows if len(values)]
        if not squares:
            assert name not in index.tables.spreads
            continue
        assert index.tables.spreads[name] == pytest.approx(np.sqrt(np.mean(squares)))


def test_what_is_laid_over_a_snapshot_changes_no_correction(index: ItemIndex) -> None:
    words = quantize_unit(index.raw.rows(np.array([4]))[0]).tobytes()
    fresh = [ChangedItem(f"n{k}", CUTOFF_MS, Item(f"n{k}", title="new"), words, index.encoder_tag) for k in range(30)]
    over = Overlay(index.snapshot, fresh).index
    for name in ("next", "together", "neighbours", "text"):
        before, after = (
            row(term_scores(one, taste_for(one, ("view", "item-4"), ("view", "item-9")), SETTINGS), name)
            for one in (index, over)
        )
        assert after[:40].tolist() == before.tolist()


class Given:
    """A space of these very vectors."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors

    def rough(self, vector: np.ndarray) -> tuple[np.ndarray, float]:
        return self.vectors @ vector, 0.0

    def at(self, vector: np.ndarray, positions: np.ndarray) -> np.ndarray:
        return self.vectors[positions] @ vector

    def everywhere(self, vector: np.ndarray) -> np.ndarray:
        return self.vectors @ vector


def test_being_unlike_a_disliked_thing_earns_nothing() -> None:
    vectors = np.eye(2, dtype=np.float32)
    items = np.array([[1, 0], [-1, 0], [0, 1]], dtype=np.float32)
    weights = np.array([-1, 0.5], dtype=np.float32)
    assert Likeness(Given(items), *sides(vectors, weights)).everywhere().tolist() == [-1, 0, 0.5]
    assert signed_support(vectors @ items.T, weights).sum(axis=0).tolist() == [-1, 0, 0.5]


def test_category_term_is_mean_affinity_weighted_by_rarity(index: ItemIndex) -> None:
    features = taste_for(index, ("purchase", "item-0"), ("dislike", "item-1"))
    weights = history_weights(features, SETTINGS).affinity
    home, kitchen, bath = np.log(41 / 41), np.log(41 / 9), np.log(41 / 9)
    home = max(home, 0.1)
    both = float(weights.sum())
    term = row(term_scores(index, features, SETTINGS), "category")
    assert term[5] == pytest.approx((home * both + kitchen * weights[0]) / (home + kitchen), abs=1e-3)
    assert term[6] == pytest.approx((home * both + bath * weights[1]) / (home + bath), abs=1e-3)


def test_brand_price_and_repeat_terms_follow_history(index: ItemIndex) -> None:
    features = taste_for(index, ("purchase", "item-0"))
    terms = term_scores(index, features, SETTINGS)
    weight = float(history_weights(features, SETTINGS).affinity[0])
    assert row(terms, "brand")[[0, 4, 1, 3]] == pytest.approx([weight, weight, 0, 0])  # item-3 has no brand
    bands = index.price_band
    expected = np.select([bands == bands[0], bands == bands[0] + 1], [weight, weight / 2], 0.0)
    assert row(terms, "price") == pytest.approx(expected)
    assert not row(terms, "again").any()  # it was bought just now


def test_what_was_viewed_comes_again_and_what_was_bought_not_within_a_day(index: ItemIndex) -> None:
    viewed = taste_for(index, ("view", "item-0"), ("view", "item-2"))
    assert np.flatnonzero(row(term_scores(index, viewed, SETTINGS), "again")).tolist() == [0, 2]
    taste = UserProfile(
        interactions=(Entry(CUTOFF_MS, b"view", "view", "item-2"), Entry(CUTOFF_MS, b"buy", "purchase", "item-0"))
    )
    for hours, rows in ((23.9, [2]), (24.0, [0, 2])):
        features = features_of(taste, index, CUTOFF_MS + int(hours * 3_600_000), SETTINGS)
        assert np.flatnonzero(row(term_scores(index, features, SETTINGS), "again")).tolist() == rows


def test_demand_adds_to_what_comes_again_and_to_nothing_else(index: ItemIndex) -> None:
    taste = UserProfile(
        interactions=(
            Entry(CUTOFF_MS - 1, b"buy", "purchase", "item-0"),
            Entry(CUTOFF_MS - 2, b"view", "view", "item-2"),
            Entry(CUTOFF_MS - 3, b"dislike", "dislike", "item-1"),
        )
    )
    counted = replace(SETTINGS, repeat_demand=0.5, demand_fade_days=10.0)
    later = CUTOFF_MS + 10 * 86_400_000
    features = features_of(taste, index, later, counted)
    plain, terms = (term_scores(index, features, each) for each in (SETTINGS, counted))
    added = row(terms, "again") - row(plain, "again")
    # Ten days after the cut-off half of the demand is left.
    expected = np.zeros(index.n_items)
    expected[[0, 2]] = 0.25 * index.popularity[[0, 2]]
    np.testing.assert_allclose(added, expected, rtol=1e-5)
    assert added[[0, 2]].all()
    np.testing.assert_array_equal(np.delete(terms, TERMS.index("again"), 0), np.delete(plain, TERMS.index("again"), 0))
    just_now = features_of(taste, index, CUTOFF_MS, counted)
    assert np.flatnonzero(row(term_scores(index, just_now, counted), "again")).tolist() == [2]


def test_item_without_brand_lends_no_brand(index: ItemIndex) -> None:
    features = taste_for(index, ("purchase", "item-3"))
    assert not row(term_scores(index, features, SETTINGS), "brand").any()


def test_unseen_items_are_new(index: ItemIndex) -> None:
    terms = term_scores(index, features_of(EMPTY_PROFILE, index, CUTOFF_MS), SETTINGS)
    assert np.flatnonzero(row(terms, "new_item")).tolist() == [38, 39]
    assert row(terms, "popularity") == pytest.approx(index.snapshot.popularity)


def test_user_vector_gives_the_similarity_term(index: ItemIndex) -> None:
    user = index.snapshot.item_vectors_f16[7].astype(np.float32)
    features = features_of(EMPTY_PROFILE, index, CUTOFF_MS)
    term = row(term_scores(index, features, SETTINGS, user_vector=user), "similarity")
    assert term == pytest.approx(index.snapshot.item_vectors_f16.astype(np.float32) @ user, abs=1e-5)
    assert int(term.argmax()) == 7


def test_unbought_variant_borrows_the_list_of_its_most_bought_sibling(tmp_path: Path) -> None:
    documents = [item_document(replace(i, group_id="g") if k in (4, 5, 39) else i) for k, i in enumerate(toy_items())]
    index = index_of(build_toy_snapshot(tmp_path, documents=documents))
    own = summed(index, "next", np.array([5]), np.ones(1, np.float32))
    borrowed = summed(index, "next", np.array([39]), np.ones(1, np.float32))
    assert np.flatnonzero(own).tolist() == [6]
    assert np.flatnonzero(borrowed).tolist() == [5]  # item-4's list: it was bought most


def test_large_tables_rank_as_small_ones_do(index: ItemIndex) -> None:
    rng = np.random.default_rng(3)
    exact = rng.normal(size=(3000, 32)).astype(np.float32)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    scale = float(np.abs(exact).max()) / 127
    coarse = np.rint(exact / scale).astype(np.int8)
    small = VectorTable(exact.astype(np.float16), coarse, scale)
    large = VectorTable(exact.astype(np.float16), coarse, scale, exact_elements=0)
    query = exact[5] - 0.3 * exact[77]
    best = np.argsort(-small.dots(query))[:100]
    assert np.argsort(-large.dots(query))[:100].tolist() == best.tolist()
    assert large.dots(query)[best] == pytest.approx(small.dots(query)[best], abs=1e-6)
    assert large.dots(query) == pytest.approx(small.dots(query), abs=0.02)
    assert not large.dots(np.zeros(32, np.float32)).any()


def test_what_is_equally_popular_has_no_spread_to_be_measured_by(tmp_path: Path) -> None:
    contents = toy_contents()
    same = np.full(len(contents.popularity), np.log1p(3), dtype=np.float32)
    write_snapshot(tmp_path, replace(contents, popularity=same, trend=same))
    tables = SnapshotTables(load_snapshot(tmp_path))
    assert (tables.scales["popularity"], tables.scales["trend"]) == (1.0, 1.0)


@pytest.mark.parametrize("least", [1e-45, 3e38])
def test_numbers_at_the_ends_of_their_range_are_measured_by_one(tmp_path: Path, least: float) -> None:
    contents = toy_contents()
    odd = np.zeros(len(contents.popularity), dtype=np.float32)
    odd[0] = least
    write_snapshot(tmp_path, replace(contents, popularity=odd, trend=-odd))
    index = index_of(load_snapshot(tmp_path))
    with np.errstate(over="ignore"):
        assert (index.tables.scales["popularity"], index.tables.scales["trend"]) == (1.0, 1.0)
    assert np.isfinite(coefficients(index, SETTINGS, taste_for(index, ("view", "item-1")))).all()


def test_stored_weights_win_and_missing_ones_have_defaults(index: ItemIndex) -> None:
    factors = dict(zip(TERMS, coefficients(index, SETTINGS, taste_for(index, ("view", "item-1"))), strict=True))
    scales = index.tables.scales
    assert factors["next"] == 1.0  # weights.json: weight 1, scale 1
    assert factors["popularity"] == 0.1
    assert factors["together"] == pytest.approx(DEFAULT_WEIGHTS["together"] / scales["together"])
    assert scales["together"] == pytest.approx(0.5)


def test_snapshot_without_weights_ranks_by_defaults(tmp_path: Path) -> None:
    index = index_of(build_toy_snapshot(tmp_path, weights=Weights()))
    factors = coefficients(index, SETTINGS, taste_for(index, ("view", "item-1")))
    expected = [DEFAULT_WEIGHTS[term] / index.tables.scales.get(term, 1.0) for term in TERMS]
    assert factors == pytest.approx(expected)


def test_unknown_shopper_is_ranked_by_popularity_whatever_the_weights(tmp_path: Path) -> None:
    weights = Weights(terms={"popularity": TermWeight(0.0), "new_item": TermWeight(9.0)})
    index = index_of(build_toy_snapshot(tmp_path, weights=weights))
    nobody = features_of(EMPTY_PROFILE, index, CUTOFF_MS)
    factors = dict(zip(TERMS, coefficients(index, SETTINGS, nobody), strict=True))
    assert factors["popularity"] > 0
    assert {term for term, factor in factors.items() if factor} == {
        "popularity",
        "trend",
        "context",  # what is popular where they are
        "category",
        "brand",
        "rotation",  # where asked for: showings are known of everyone
    }
    sour = dict(zip(TERMS, coefficients(index, SETTINGS, taste_for(index, ("dislike", "item-1"))), strict=True))
    assert sour["popularity"] > 0
    assert sour["next"] > 0


def test_query_comes_before_taste_and_a_scenario_before_all(index: ItemIndex) -> None:
    features, query = taste_for(index, ("view", "item-1")), Query("mug")
    plain = dict(zip(TERMS, coefficients(index, SETTINGS, features), strict=True))
    asked = dict(zip(TERMS, coefficients(index, SETTINGS, features, query, {"trend": 7.0}), strict=True))
    assert asked["next"] == pytest.approx(plain["next"] * SETTINGS.query_share)
    assert asked["lexical"] == plain["lexical"]
    assert asked["trend"] == pytest.approx(7.0)
