"""The regression of what comes next on what had been chosen before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from endcap.ranking.features import RankingSettings
from endcap_rebuild.behaviour import transitions
from endcap_rebuild.behaviour.lists import ListSettings, fitted_next, item_popularity, next_counts, next_matrix
from endcap_rebuild.behaviour.sparse import blended
from endcap_rebuild.behaviour.transitions import has_transitions, transition_matrix
from tests.fakes.toy_shop import table_of

Row = tuple[str, int, str, float]


def walks(*items: tuple[int, ...], times: int = 20) -> list[Row]:
    """Each sequence of items as that of so many users."""
    return [
        (f"u{number}-{copy}", item, "purchase", float(place))
        for number, walk in enumerate(items)
        for copy in range(times)
        for place, item in enumerate(walk)
    ]


def test_weights_solve_the_ridge_regression_of_each_choice_on_those_before_it() -> None:
    sequences = [(0, 1, 2), (1, 0, 3), (2, 0, 1), (3, 2, 1, 0)]
    table = table_of(walks(*sequences, times=3), 4)
    fade = 0.5 ** (1 / RankingSettings().history_half_life_events)
    before, then = [], []
    for walk in sequences * 3:
        for place, item in enumerate(walk):
            past = np.zeros(4)
            for distance, earlier in enumerate(reversed(walk[:place])):
                past[earlier] += fade**distance
            before.append(past)
            then.append(np.eye(4)[item])
    s, t = np.array(before), np.array(then)
    follows = s.T @ t
    expected = np.linalg.solve(s.T @ s + 2 * np.eye(4), follows + 0.5 * follows.T)
    np.fill_diagonal(expected, 0)
    found = transition_matrix(table, 4, 2.0, 0.5, 0).toarray()
    np.testing.assert_allclose(found, np.where(expected > 1e-4, expected, 0), rtol=1e-4)


def test_what_only_came_along_gets_no_credit_for_what_follows() -> None:
    # 1 leads to 2 and 0 to 3. Who had both went on to 2, so that counts of pairs say that 0 leads there as well.
    table = table_of(walks((0, 1, 2), (1, 2), (0, 3)), 4)
    counts = next_counts(table, 4, ListSettings(distance_power=0.0, shuffles=1), 0).toarray()
    weights = transition_matrix(table, 4, 1.0, 0.0, 0).toarray()
    assert counts[0, 2] == counts[0, 3]
    assert weights[0, 2] < 0.1 * weights[0, 3]
    assert weights[1, 2] > weights[0, 3]


def test_however_it_was_graded_it_was_chosen_but_a_dislike_is_no_choice() -> None:
    rows = [
        (user, item, kind, float(place))
        for user in ("a", "b", "c", "d")
        for place, (item, kind) in enumerate([(0, "purchase"), (1, "rating"), (2, "dislike"), (3, "purchase")])
    ]
    found = transition_matrix(table_of(rows, 4), 4, 1.0, 0.0, 0).toarray()
    assert found[0, 1] > 0
    assert found[1, 3] > 0
    assert not found[2].any()
    assert not found[:, 2].any()


def test_items_of_a_few_choices_have_no_weights() -> None:
    table = table_of([*walks((0, 1), times=5), *walks((2, 3), times=2)], 4)
    found = transition_matrix(table, 4, 1.0, 0.5, 0)
    assert set(found.nonzero()[0].tolist()) == {0, 1}
    assert transition_matrix(table_of(walks((2, 3), times=2), 4), 4, 1.0, 0.5, 0).nnz == 0


def test_the_size_of_the_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(walks((0, 1, 2), (2, 1, 0, 3), (3, 0)), 4)
    whole = transition_matrix(table, 4, 1.0, 0.5, 0).toarray()
    for rows in (1, 5, 70):
        monkeypatch.setattr(transitions, "_ROWS_AT_ONCE", rows)
        np.testing.assert_allclose(transition_matrix(table, 4, 1.0, 0.5, 0).toarray(), whole, rtol=1e-4, atol=1e-6)


def test_too_many_items_are_not_regressed(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(walks((0, 1, 2)), 3)
    assert has_transitions(table, 3)
    monkeypatch.setattr(transitions, "MOST_ITEMS", 2)
    assert not has_transitions(table, 3)
    assert not has_transitions(table_of([], 3), 3)


def test_next_is_made_of_both_in_the_shares_that_the_settings_say() -> None:
    table = table_of(walks((0, 1, 2), (1, 2), (0, 3)), 4)
    plain = ListSettings(transition_ridge=1.0)
    counts = next_matrix(next_counts(table, 4, plain, 0), item_popularity(table, 4), plain)
    regressed = transition_matrix(table, 4, 1.0, plain.reverse_share, 0)
    np.testing.assert_array_equal(fitted_next(table, 4, plain, 0).toarray(), counts.toarray())
    half = fitted_next(table, 4, replace(plain, transition_share=0.5), 0).toarray()
    np.testing.assert_allclose(half, blended(counts, regressed, 0.5).toarray())
    only = fitted_next(table, 4, replace(plain, transition_share=1.0), 0).toarray()
    np.testing.assert_allclose(only / only.max(), regressed.toarray() / regressed.max(), rtol=1e-5)
    # Each of them has 1 for the largest weight of a row on average, so that neither is louder than its share.
    scaled = [blended(counts, regressed, share).toarray().max(axis=1) for share in (0.0, 1.0)]
    assert [rows[rows > 0].mean() for rows in scaled] == pytest.approx([1, 1])
