"""Differences between two ways of ranking, and how sure they are."""

from __future__ import annotations

import numpy as np
import pytest

from endcap_rebuild.metrics.paired import CLEARLY, SURELY, error_of_mean, is_more


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
