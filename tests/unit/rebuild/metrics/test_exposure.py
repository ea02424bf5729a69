"""What lists show, against kept libraries' answers (`tests/data/fairness/make.py`) and plain definitions."""

from __future__ import annotations

import doctest
import json
from math import log, log2
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import rel_entr

from endcap_rebuild.metrics import exposure as module
from endcap_rebuild.metrics.exposure import (
    SMOOTHING,
    exposure_by_owner,
    gini,
    mean_of_lists,
    members_of_lists,
    miscalibration,
)
from endcap_rebuild.metrics.ranking import coverage_at_k

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "data" / "fairness" / "answers.json").read_text(encoding="utf-8")
)


def padded(lists: list[list[int]], k: int = 10) -> Any:
    return np.array([own + [-1] * (k - len(own)) for own in lists], dtype=np.int32)


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_exposure_gini_is_lenskits(case: dict[str, Any]) -> None:
    lists = padded(case["lists"])
    exposure = exposure_by_owner(lists, np.arange(len(lists)), len(lists), case["n_items"]).sum(axis=0)
    assert float(gini(exposure)) == pytest.approx(case["lenskit"]["exposure_gini"], abs=1e-5)
    shown = exposure[exposure > 0]
    assert float(gini(shown, case["n_items"])) == pytest.approx(float(gini(exposure)))


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_coverage_and_popularity_are_rectools(case: dict[str, Any]) -> None:
    assert coverage_at_k(case["lists"], case["n_items"]) == case["rectools"]["coverage"]
    users_of = np.bincount([item for _, item in case["touched"]], minlength=case["n_items"]).astype(np.float64)
    found = mean_of_lists(padded(case["lists"]), users_of)
    assert found.tolist() == pytest.approx(case["rectools"]["users_of_shown"])


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_gini_is_half_the_relative_mean_difference(values: list[int]) -> None:
    n, total = len(values), sum(values)
    apart = sum(abs(a - b) for a in values for b in values)
    assert float(gini(values)) == pytest.approx(apart / (2 * n * total) if total else 0.0)


def test_first_places_have_more_exposure() -> None:
    lists = np.array([[2, 0, -1], [2, 1, 0]], dtype=np.int32)
    found = exposure_by_owner(lists, np.array([1, 1]), 3, 4).toarray()
    second, third = 1 / log2(3), 1 / log2(4)
    assert found.tolist() == [[0, 0, 0, 0], pytest.approx([second + third, second, 2, 0]), [0, 0, 0, 0]]


def test_empty_list_has_no_popularity() -> None:
    found = mean_of_lists(np.array([[0, 1], [-1, -1]], dtype=np.int32), np.array([0.5, 0.25]))
    assert found[0] == 0.375
    assert np.isnan(found[1])


@given(
    st.lists(st.lists(st.integers(0, 5), max_size=8), min_size=1, max_size=4),
    st.lists(st.lists(st.integers(0, 5), max_size=5, unique=True), min_size=4, max_size=4),
    st.lists(st.lists(st.integers(0, 2), max_size=3, unique=True), min_size=6, max_size=6),
)
def test_miscalibration_is_the_divergence_of_two_mixes(
    histories: list[list[int]], lists: list[list[int]], categories: list[list[int]]
) -> None:
    lists = lists[: len(histories)]
    member = np.zeros((6, 3))
    for item, own in enumerate(categories):
        member[item, own] = 1 / max(len(own), 1)
    before = np.array([np.bincount(own, minlength=6) for own in histories], dtype=np.float64)
    found = miscalibration(sparse.csr_array(before), members_of_lists(padded(lists), 6), sparse.csr_array(member))
    for number, (history, shown) in enumerate(zip(histories, lists, strict=True)):
        p, q = sum((member[k] for k in history), np.zeros(3)), sum((member[k] for k in shown), np.zeros(3))
        if not p.any() or not q.any():
            assert np.isnan(found[number])
            continue
        p, q = p / p.sum(), q / q.sum()
        expected = rel_entr(p, (1 - SMOOTHING) * q + SMOOTHING * p).sum()
        assert found[number] == pytest.approx(expected, abs=1e-12)


def test_miscalibration_of_the_same_mix_is_nothing_and_of_another_the_log_of_the_smoothing() -> None:
    member = sparse.csr_array(np.eye(2))
    history = sparse.csr_array(np.array([[3.0, 0.0], [3.0, 0.0]]))
    found = miscalibration(history, members_of_lists(padded([[0], [1]]), 2), member)
    assert found.tolist() == [pytest.approx(0, abs=1e-12), pytest.approx(log(1 / SMOOTHING))]
