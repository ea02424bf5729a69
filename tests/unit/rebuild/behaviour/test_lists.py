"""Lists counted from interactions, against counts made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from endcap_rebuild.behaviour.imputation import lean_on_text, text_neighbours
from endcap_rebuild.behaviour.lists import (
    ListSettings,
    basket_matrix,
    item_popularity,
    neighbour_matrix,
    next_counts,
    next_matrix,
)
from endcap_rebuild.behaviour.popularity import log_popularity, log_trend
from tests.fakes.toy_shop import CUTOFF_MS, table_of

PLAIN = ListSettings(distance_power=1.0, reverse_share=0.0, source_power=0.0, target_power=0.0, shrinkage=0.0)


def test_near_successors_count_more_and_predecessors_not_at_all() -> None:
    table = table_of([("u", 0, "purchase", 0), ("u", 1, "purchase", 1), ("u", 2, "purchase", 2)], 3)
    counts = next_counts(table, 3, PLAIN, seed=0).toarray()
    np.testing.assert_allclose(counts, [[0, 1, 1 / 2], [0, 0, 1], [0, 0, 0]], rtol=1e-6)


def test_pairs_beyond_the_window_do_not_count() -> None:
    table = table_of([("u", k, "purchase", k) for k in range(4)], 4)
    counts = next_counts(table, 4, replace(PLAIN, window=2), seed=0).toarray()
    assert counts[0, 3] == 0
    assert counts[0, 2] == pytest.approx(1 / 2)


def test_pairs_of_different_users_do_not_count() -> None:
    table = table_of([("u", 0, "purchase", 0), ("v", 1, "purchase", 1)], 2)
    assert next_counts(table, 2, PLAIN, seed=0).nnz == 0


def test_events_of_one_moment_have_no_direction() -> None:
    rows = [(f"u{k}", item, "purchase", 0.0) for k in range(400) for item in (0, 1)]
    counts = next_counts(table_of(rows, 2), 2, PLAIN, seed=0).toarray()
    assert counts[0, 1] + counts[1, 0] == pytest.approx(400)
    assert abs(counts[0, 1] - counts[1, 0]) < 60


def test_returns_and_bad_ratings_do_not_follow_anything() -> None:
    rows = [("u", 0, "purchase", 0), ("u", 1, "return", 1), ("u", 2, "dislike", 2), ("u", 3, "purchase", 3)]
    counts = next_counts(table_of(rows, 4), 4, PLAIN, seed=0).toarray()
    assert counts[0].tolist() == [0, 0, 0, 1]
    assert counts[:, [1, 2]].sum() == 0


def test_weaker_kinds_count_less() -> None:
    rows = [("u", 0, "purchase", 0), ("u", 1, "view", 1), ("v", 0, "purchase", 0), ("v", 2, "purchase", 1)]
    counts = next_counts(table_of(rows, 3), 3, PLAIN, seed=0).toarray()
    assert counts[0, 1] == pytest.approx(0.3)
    assert counts[0, 2] == pytest.approx(1.0)


def test_pairs_do_not_depend_on_how_users_are_cut_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(f"u{k % 9}", k * 7 % 11, "purchase", k) for k in range(120)]
    whole = next_counts(table_of(rows, 11), 11, PLAIN, seed=0)
    monkeypatch.setattr("endcap_rebuild.behaviour.lists._PAIRS_AT_ONCE", 50)
    np.testing.assert_allclose(next_counts(table_of(rows, 11), 11, PLAIN, seed=0).toarray(), whole.toarray(), rtol=1e-5)


def test_part_of_a_pair_counts_backwards_and_popular_items_are_held_down() -> None:
    counts = sparse.csr_array(np.array([[5, 2], [0, 3]], dtype=np.float32))
    settings = replace(PLAIN, reverse_share=0.5, source_power=0.5, target_power=1.0)
    matrix = next_matrix(counts, np.array([3, 1], dtype=np.float32), settings).toarray()
    np.testing.assert_allclose(matrix, [[0, 2 / 4**0.5 / 2], [1 / 2**0.5 / 4, 0]], rtol=1e-6)


def test_baskets_are_sessions_first_and_days_else() -> None:
    rows = [("u", 0, "purchase", 0.0), ("u", 1, "purchase", 0.3), ("u", 2, "purchase", 1.5)]
    table = table_of(rows, 3)
    by_day = basket_matrix(table, 3, item_popularity(table, 3), PLAIN, clock=True).toarray()
    assert by_day[0, 1] == by_day[1, 0] == pytest.approx(1.0)
    assert by_day[2].sum() == 0
    table = table_of(rows, 3, session_id="s")
    by_session = basket_matrix(table, 3, item_popularity(table, 3), PLAIN, clock=True).toarray()
    assert by_session[0, 2] == pytest.approx(1 / 2**0.5)


def test_only_purchases_make_baskets_where_there_are_any() -> None:
    rows = [("u", 0, "purchase", 0.0), ("u", 1, "review", 0.1), ("u", 2, "purchase", 0.2)]
    table = table_of(rows, 3)
    together = basket_matrix(table, 3, item_popularity(table, 3), PLAIN, clock=True).toarray()
    assert together[0, 2] > 0
    assert together[:, 1].sum() == 0


def test_reviews_of_one_day_stand_in_for_baskets() -> None:
    table = table_of([("u", 0, "review", 0.0), ("u", 1, "review", 0.1)], 2)
    assert basket_matrix(table, 2, item_popularity(table, 2), PLAIN, clock=True)[0, 1] > 0


def test_without_a_clock_only_equal_times_are_one_basket() -> None:
    rows = [("u", 0, "purchase", 0.0), ("u", 1, "purchase", 0.0), ("u", 2, "purchase", 0.01)]
    table = table_of(rows, 3)
    together = basket_matrix(table, 3, item_popularity(table, 3), PLAIN, clock=False).toarray()
    assert together[0, 1] > 0
    assert together[2].sum() == 0


def test_neighbours_are_the_cosine_of_their_users() -> None:
    rows = [("u", 0, "purchase", 0), ("u", 1, "purchase", 1), ("v", 0, "purchase", 0), ("w", 1, "purchase", 0)]
    table = table_of(rows, 2)
    neighbours = neighbour_matrix(table, 2, item_popularity(table, 2), PLAIN).toarray()
    # One common user, of activity 2, over two users each.
    assert neighbours[0, 1] == neighbours[1, 0] == pytest.approx(1 / 2**0.5 / 2)
    assert neighbours[0, 0] == 0


def test_lists_of_no_events_are_empty() -> None:
    table = table_of([], 3)
    popularity = item_popularity(table, 3)
    assert next_matrix(next_counts(table, 3, PLAIN, 0), popularity, PLAIN).nnz == 0
    assert basket_matrix(table, 3, popularity, PLAIN, clock=False).nnz == 0
    assert neighbour_matrix(table, 3, popularity, PLAIN).nnz == 0
    assert log_popularity(table, 3, 0, None).tolist() == [0, 0, 0]
    assert log_trend(table, 3, 0, clock=False).tolist() == [0, 0, 0]


# ------------------------------------------------------------------ items that few have touched


def unit(rows: list[list[float]]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    vectors = np.array(rows, dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_only_seen_items_lend_and_the_nearest_lend_most() -> None:
    vectors = unit([[1, 0], [0.9, 0.1], [0, 1], [1, 0.05]])
    shares = text_neighbours(vectors, np.array([4, 4, 4, 0])).toarray()
    assert shares[:, 3].tolist() == [0, 0, 0, 0]
    assert shares[3].sum() == pytest.approx(1, rel=1e-5)
    assert shares[3, 0] > shares[3, 2]
    assert np.diag(shares).tolist() == [0, 0, 0, 0]
    cosines = np.maximum(vectors[3] @ vectors[:3].T, 0) ** 3
    np.testing.assert_allclose(shares[3, :3], cosines / cosines.sum(), rtol=1e-4)


def test_unseen_item_borrows_the_row_and_column_of_its_twin() -> None:
    vectors = unit([[1, 0], [0, 1], [0, -1], [1, 0]])
    counts = np.array([5, 5, 5, 0])
    matrix = sparse.csr_array(np.array([[0, 2, 0, 0], [0, 0, 1, 0], [3, 0, 0, 0], [0, 0, 0, 0]], dtype=np.float32))
    filled = lean_on_text(matrix, text_neighbours(vectors, counts, 1), counts, 0.0, 4).toarray()
    np.testing.assert_allclose(filled[3], [0, 2, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(filled[:, 3], [0, 0, 3, 0], rtol=1e-6)
    np.testing.assert_allclose(filled[:3, :3], matrix.toarray()[:3, :3], rtol=1e-6)


def test_item_with_few_interactions_leans_on_its_neighbours_in_part() -> None:
    vectors = unit([[1, 0], [0, 1], [1, 0]])
    counts = np.array([1000, 1000, 2])
    matrix = sparse.csr_array(np.array([[0, 4, 0], [0, 0, 0], [0, 0, 0]], dtype=np.float32))
    filled = lean_on_text(matrix, text_neighbours(vectors, counts, 1), counts, 2.0, 3).toarray()
    assert filled[2, 1] == pytest.approx(2 / (2 + 2) * 4)
    assert filled[0, 1] == pytest.approx(4)


def test_catalogue_that_nobody_touched_has_nothing_to_lend() -> None:
    vectors = unit([[1, 0], [0, 1]])
    counts = np.array([0, 0])
    shares = text_neighbours(vectors, counts)
    assert lean_on_text(sparse.csr_array((2, 2), dtype=np.float32), shares, counts, 2.0, 5).nnz == 0


# ------------------------------------------------------------------ popularity


def test_popularity_halves_with_each_half_life() -> None:
    table = table_of([("u", 0, "purchase", 0), ("u", 1, "purchase", -30), ("u", 2, "purchase", -60)], 3)
    demand = np.expm1(log_popularity(table, 3, CUTOFF_MS, 30.0))
    np.testing.assert_allclose(demand, [1, 1 / 2, 1 / 4], rtol=1e-5)


def test_popularity_without_half_life_counts_every_event() -> None:
    table = table_of([("u", 0, "purchase", -900), ("v", 0, "purchase", 0), ("v", 1, "return", 0)], 2)
    np.testing.assert_allclose(log_popularity(table, 2, CUTOFF_MS, None), [np.log(3), 0], rtol=1e-6)


def test_trend_is_up_for_what_sells_now_and_down_for_what_sold_before() -> None:
    rows = [("u", 0, "purchase", -day) for day in range(3)] + [("u", 1, "purchase", -60 - day) for day in range(3)]
    rising, falling, untouched = log_trend(table_of(rows, 3), 3, CUTOFF_MS, clock=True)
    assert rising > 0 > falling
    assert abs(untouched) < 1e-6


def test_trend_is_off_without_a_clock() -> None:
    assert not log_trend(table_of([("u", 0, "purchase", 0)], 1), 1, CUTOFF_MS, clock=False).any()
