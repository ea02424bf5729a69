"""Ranking metrics against values worked out by hand."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest

from endcap_rebuild.metrics import ranking as metrics
from endcap_rebuild.metrics.ranking import (
    coverage_at_k,
    mid_ranks,
    ndcg_at_k,
    novelty_at_k,
    recall_at_k,
)


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(metrics).failed == 0


def test_ranks_count_from_one_by_falling_score() -> None:
    assert mid_ranks([0.1, 0.9, 0.4], [1, 2, 0]).tolist() == [1, 2, 3]


def test_equal_scores_share_their_mean_rank() -> None:
    assert mid_ranks([0.5, 0.5, 0.5, 0.9], [0, 3]).tolist() == [(2 + 3 + 4) / 3, 1]


def test_scorer_that_knows_nothing_ranks_every_item_in_the_middle() -> None:
    assert mid_ranks(np.zeros(99), [7]).tolist() == [50]


def test_items_that_are_not_allowed_take_no_rank() -> None:
    allowed = [False, True, True, True]
    assert mid_ranks([0.9, 0.5, 0.4, 0.3], [2], allowed).tolist() == [2]


def test_relevant_item_takes_part_even_where_it_is_not_allowed() -> None:
    assert mid_ranks([0.9, 0.5], [0], [False, True]).tolist() == [1]


def test_nan_ranks_last() -> None:
    assert mid_ranks([math.nan, 0.5, -3.0], [0, 2]).tolist() == [3, 2]


def test_ndcg_divides_by_the_users_own_ideal() -> None:
    gained = 1 / math.log2(2) + 1 / math.log2(4)
    best = 1 / math.log2(2) + 1 / math.log2(3)
    assert ndcg_at_k([1, 3], 10) == pytest.approx(gained / best)


def test_ndcg_of_more_relevant_items_than_places_can_still_reach_one() -> None:
    assert ndcg_at_k(range(1, 21), 10) == pytest.approx(1.0)


def test_ndcg_takes_mid_ranks() -> None:
    assert ndcg_at_k([2.5], 10) == pytest.approx(1 / math.log2(3.5))


def test_ranks_beyond_the_cut_off_gain_nothing() -> None:
    assert ndcg_at_k([10.5], 10) == 0
    assert recall_at_k([10.5, 10], 10) == 1 / 2


def test_user_without_relevant_items_scores_zero() -> None:
    assert (ndcg_at_k([]), recall_at_k([])) == (0, 0)


def test_coverage_counts_distinct_items_of_the_first_k() -> None:
    assert coverage_at_k([[0, 1, 2], [1, 3, 4]], n_items=8, k=2) == 3 / 8
    assert coverage_at_k([], n_items=0) == 0


def test_novelty_is_the_mean_surprise_in_bits() -> None:
    assert novelty_at_k([[0, 1]], users_of_item=[4, 1], n_users=4) == pytest.approx((0 + 2) / 2)
    assert novelty_at_k([[0]], users_of_item=[0], n_users=8) == pytest.approx(3)
    assert novelty_at_k([], users_of_item=[], n_users=0) == 0
