"""Vectors over a table's: what lies over it counts, wherever one asks."""

from __future__ import annotations

import numpy as np
import pytest

from endcap.arrays import F32
from endcap.index.laid_over import LaidOver
from endcap.index.vectors import VectorTable

DIM = 8


def units(n: int, seed: int) -> F32:
    rows = np.random.default_rng(seed).standard_normal((n, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def table(rows: F32) -> VectorTable:
    return VectorTable(rows, np.rint(rows * 127).astype(np.int8), 1 / 127)


@pytest.fixture
def laid() -> tuple[LaidOver, F32]:
    """Six rows of a table, two of them replaced, one by nothing; a seventh row of its own, and one without any."""
    base, over = units(6, 1), units(3, 2)
    over[1] = 0
    rows = np.array([4, 1, 6])
    whole = np.concatenate([base, np.zeros((2, DIM), dtype=np.float32)])
    whole[rows] = over
    return LaidOver(table(base), 8, rows, over), whole


def test_every_question_is_answered_of_what_lies_on_top(laid: tuple[LaidOver, F32]) -> None:
    found, whole = laid
    query = units(1, 3)[0]
    everywhere = found.everywhere(query)
    assert everywhere == pytest.approx(whole @ query, abs=1e-6)
    rough, error = found.rough(query)
    assert np.abs(rough - everywhere).max() <= error + 1e-6
    positions = np.array([7, 4, 0, 6, 1])
    assert np.array_equal(found.rows(positions), whole[positions])
    assert found.at(query, positions) == pytest.approx(everywhere[positions], abs=1e-6)
    assert found.empty.tolist() == (~whole.any(axis=1)).tolist()


def test_with_nothing_over_it_a_table_is_itself() -> None:
    base = units(6, 1)
    found, query = LaidOver(table(base), 6), units(1, 3)[0]
    assert found.everywhere(query) == pytest.approx(base @ query, abs=1e-6)
    assert np.array_equal(found.rows(np.array([5, 0])), base[[5, 0]])
    assert not found.empty.any()
