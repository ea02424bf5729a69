"""Differences between two ways of ranking, and how sure they are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from endcap_rebuild.metrics.paired import CLEARLY, SURELY, crossed_interval, error_of_mean, is_more


def test_error_of_independent_values_is_the_usual_one() -> None:
    values = np.random.default_rng(0).normal(size=400)
    expected = values.std(ddof=1) / np.sqrt(len(values))
    assert error_of_mean(values, np.arange(400)) == pytest.approx(expected)


def test_questions_of_one_user_count_as_one() -> None:
    values = np.random.default_rng(1).normal(size=50)
    alone = error_of_mean(values, np.arange(50))
    assert error_of_mean(np.tile(values, 10), np.tile(np.arange(50), 10)) == pytest.approx(alone)


def test_nobody_is_surely_better_by_the_word_of_one_user() -> None:
    assert error_of_mean(np.ones(10), np.zeros(10)) == float("inf")
    assert not is_more(np.ones(10), np.zeros(10), np.zeros(10), CLEARLY)


def test_a_difference_has_to_exceed_its_error() -> None:
    chance = np.random.default_rng(2)
    old = chance.random(400)
    users = np.arange(400)
    assert is_more(old + 0.1 + chance.normal(scale=0.1, size=400), old, users, SURELY)
    assert not is_more(old, old, users, CLEARLY)
    assert not is_more(old - 0.1, old, users, CLEARLY)


def test_an_interval_over_users_and_items_is_the_usual_one_where_nothing_is_shared() -> None:
    values = np.random.default_rng(3).normal(size=400)
    low, high = crossed_interval(values, np.arange(400), np.arange(400))
    error = values.std(ddof=1) / np.sqrt(400)
    assert (low, high) == pytest.approx((values.mean() - 1.966 * error, values.mean() + 1.966 * error), abs=1e-4)


def test_what_users_and_items_share_adds_up() -> None:
    """Every user asks for every item, and each adds its own: errors are those of 20 and of 30 independent values."""
    chance = np.random.default_rng(4)
    of_users, of_items = chance.normal(size=20), chance.normal(size=30)
    users, items = np.repeat(np.arange(20), 30), np.tile(np.arange(30), 20)
    low, high = crossed_interval(of_users[users] + of_items[items], users, items)
    error = np.hypot(of_users.std(ddof=1) / np.sqrt(20), of_items.std(ddof=1) / np.sqrt(30))
    reach = 2.093 * error  # Student's, with 19 degrees of freedom
    assert (high - low) / 2 == pytest.approx(reach, rel=0.03)  # what both count is taken off as if it were noise


def test_one_item_in_half_of_the_questions_proves_little() -> None:
    users = np.arange(200)
    half = np.where(users % 2 == 0, 0, users)
    gains = (half == 0).astype(np.float64)
    assert crossed_interval(gains, users, half)[0] < 0 < crossed_interval(gains, users, users)[0]


def test_one_item_in_nearly_all_questions_leaves_an_interval_that_can_be_told() -> None:
    users = np.arange(1_000)
    items = np.maximum(users - 990, 0)
    low, high = crossed_interval(np.random.default_rng(5).normal(size=1_000), users, items)
    assert -1 < low < 0 < high < 1


@pytest.mark.parametrize(("users", "items"), [(np.zeros(9), np.arange(9)), (np.arange(9), np.zeros(9))])
def test_one_user_or_item_makes_no_interval(users: NDArray[np.float64], items: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="two users and two items"):
        crossed_interval(np.ones(9), users.astype(np.int64), items.astype(np.int64))
