"""Figures from ranks, with expected values worked out as arithmetic."""

from __future__ import annotations

from math import log2
from typing import Any

import numpy as np
import pytest

from endcap_rebuild.evaluation.measures import (
    Asked,
    by_history_length,
    compared,
    figures,
    intra_list_similarity,
    list_figures,
)
from endcap_rebuild.metrics.bootstrap import interval
from endcap_rebuild.metrics.ranking import mid_rank, mid_ranks
from endcap_rebuild.metrics.ranks import Ranked, best_list, per_question, rank_answers

NOBODY = np.zeros(6, dtype=np.bool_)


def ranked(*questions: list[float], competing: int = 11, **changes: Any) -> Ranked:
    """Questions by the ranks of their answers."""
    starts = np.cumsum([0, *map(len, questions)])
    ranks = np.array([rank for question in questions for rank in question])
    fields: dict[str, Any] = {
        "among_left_out": np.full(len(ranks), np.nan),
        "competing": np.full(len(questions), competing),
        "lists": np.full((len(questions), 10), -1, dtype=np.int32),
    }
    return Ranked(starts, ranks, **fields | changes)


def test_rank_counts_what_competes() -> None:
    scores = np.array([6, 5, 4, 3, 2, 1], dtype=np.float32)
    ranks, among, competing = rank_answers(scores, np.array([4]), np.array([0, 2]), NOBODY)
    assert ranks.tolist() == [3]  # behind 1 and 3
    assert competing == 6 - 2
    assert np.isnan(among).all()


def test_answers_do_not_compete_with_each_other_but_share_the_list() -> None:
    scores = np.array([6, 5, 4, 3, 2, 1], dtype=np.float32)
    ranks, _, _ = rank_answers(scores, np.array([1, 2]), np.array([], dtype=np.int32), NOBODY)
    assert ranks.tolist() == [2, 2]
    gain = 1 / log2(1 + 2) + 1 / log2(1 + 3)  # places 2 and 3 of the list
    assert per_question(ranked([2, 2]))["ndcg_at_10"].tolist() == pytest.approx([gain / (1 + 1 / log2(3))])


def test_items_left_out_are_ranked_among_themselves() -> None:
    scores = np.array([6, 5, 4, 3, 2, 1], dtype=np.float32)
    left_out = np.array([False, False, True, False, True, True])
    ranks, among, _ = rank_answers(scores, np.array([4]), np.array([], dtype=np.int32), left_out)
    assert (ranks.tolist(), among.tolist()) == ([5], [2])


def test_equal_scores_share_their_mean_rank() -> None:
    scores = np.array([1, 0, 0, 0], dtype=np.float32)
    rivals = np.array([True, False, True, True])
    assert mid_rank(scores, 1, rivals) == (2 + 3 + 4) / 3
    assert mid_rank(scores, 1, rivals) == mid_ranks(scores, [1], rivals)[0]


def test_a_score_that_is_no_number_ranks_last() -> None:
    scores = np.array([np.nan, 1, 2], dtype=np.float32)
    assert mid_rank(scores, 0, np.array([False, True, True])) == 3


def test_figures_of_one_answer() -> None:
    found = per_question(ranked([3], [11]))
    assert found["ndcg_at_10"].tolist() == [1 / log2(1 + 3), 0]
    assert found["recall_at_10"].tolist() == [1, 0]
    assert found["precision_at_10"].tolist() == [1 / 10, 0]
    assert found["f1_at_10"].tolist() == [pytest.approx(2 * 0.1 * 1 / (0.1 + 1)), 0]
    assert found["mrr"].tolist() == [1 / 3, 1 / 11]
    assert found["auc"].tolist() == [pytest.approx(8 / 10), 0]  # 8 of 10 rivals below; none


def test_auc_of_chance_is_a_half() -> None:
    assert per_question(ranked([(1 + 11) / 2]))["auc"].tolist() == [0.5]


def test_warm_and_cold_answers_apart() -> None:
    asked = Asked(np.array([0, 1]), np.array([1, 1]), np.array([False, True]))
    found = figures(ranked([1], [2], among_left_out=np.array([np.nan, 1.0])), asked)
    assert (found["ndcg_warm"], found["ndcg_cold"]) == (1, 1 / log2(3))
    assert (found["recall_warm"], found["recall_cold"], found["recall_among_left_out"]) == (1, 1, 1)
    assert found["ndcg_at_10"] == (1 + 1 / log2(3)) / 2


def test_warm_answers_of_an_order_are_looked_for_alone() -> None:
    asked = Asked(np.array([0]), np.array([1]), np.array([False, True, False]))
    found = figures(ranked([1, 2, 30], competing=40), asked)
    # Places 1 and 31 of two warm answers; the cold one, alone, stands second.
    assert found["ndcg_warm"] == pytest.approx(1 / (1 + 1 / log2(3)))
    assert (found["recall_warm"], found["recall_cold"]) == (1 / 2, 1)
    assert found["ndcg_cold"] == pytest.approx(1 / log2(1 + 2))


def test_list_holds_the_best_and_settles_ties_by_precedence() -> None:
    scores = np.array([1, 3, 1, 1, np.nan], dtype=np.float32)
    precedence = np.array([3, 4, 0, 1, 2])
    assert best_list(scores, np.array([], dtype=np.int32), precedence, k=3).tolist() == [1, 2, 3]
    assert best_list(scores, np.array([1, 2, 3]), precedence, k=3).tolist() == [0, -1, -1]


def test_likeness_within_a_list() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    lists = np.array([[0, 1, 2], [0, 1, -1], [2, -1, -1]], dtype=np.int32)
    assert intra_list_similarity(lists, vectors) == pytest.approx(((1 + 0 + 0) / 3 + 1) / 2)  # a list of one has none
    found = list_figures(lists, np.array([4, 2, 1]), 4, vectors)
    assert found["coverage_at_10"] == 1
    assert found["novelty_at_10"] == pytest.approx((0 + 1 + 2 + 0 + 1 + 2) / 6)  # -log2 of 4/4, 2/4, 1/4


def test_thin_bins_of_history_length_are_left_out() -> None:
    lengths = np.array([1] * 20 + [5] * 19 + [40] * 30)
    values = np.where(lengths == 1, 0.25, 1.0)
    rows = by_history_length(values, lengths)
    assert [(row["events"], row["questions"], row["mean"]) for row in rows] == [("1-3", 20, 0.25), ("32+", 30, 1.0)]


def test_interval_draws_users() -> None:
    users = np.repeat(np.arange(50), 4)
    by_user = np.repeat(np.tile([0.0, 1.0], 25), 4)
    low, high = interval(by_user, users)
    # 50 users with a deviation of 0.5: half a width of about 1.96 * 0.5 / sqrt(50), though there are 200 values.
    assert (high - low) / 2 == pytest.approx(1.96 * 0.5 / np.sqrt(50), rel=0.15)
    assert low < 0.5 < high
    assert interval(by_user, users) == (low, high)


def test_comparison_is_with_the_best_of_the_others() -> None:
    users = np.arange(40)
    values = {"weak": np.zeros(40), "strong": np.full(40, 0.5), "endcap": np.full(40, 0.75)}
    found = compared(values, "endcap", users)
    assert found["best_baseline"] == "strong"
    assert (found["difference"], found["low"], found["high"], found["relative"]) == (0.25, 0.25, 0.25, 0.5)
    assert compared({"endcap": np.zeros(40)}, "endcap", users) == {}
