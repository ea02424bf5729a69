"""Ways of ranking, compared on halves of a window that they had not seen."""

from __future__ import annotations

import numpy as np
import pytest

from endcap.ranking.terms.registry import DEFAULT_WEIGHTS, TERMS
from endcap_rebuild.tuning.candidates import Pools
from endcap_rebuild.tuning.halves import BLEND_SHARES, SPLITS, Halves, Way, row_of, simple_of, simplest
from endcap_rebuild.tuning.weight_search import TUNABLE

N_CASES, SIZE = 300, 25
OWNERS = np.repeat(np.arange(N_CASES // 3), 3)
ONES = np.ones(len(TERMS))
START = np.array([DEFAULT_WEIGHTS[term] if term in TUNABLE else 0.0 for term in TERMS])


def silent(step: str, done: int, total: int) -> None:
    pass


def window(**lifts: float) -> Halves:
    """Cases in which each term has chance values, and the target's is lifted by so much."""
    chance = np.random.default_rng(0)
    starts = np.arange(N_CASES + 1) * SIZE
    targets = starts[:-1] + chance.integers(0, SIZE, N_CASES)
    terms = np.zeros((len(TERMS), N_CASES * SIZE), dtype=np.float32)
    for term, lift in lifts.items():
        row = terms[TERMS.index(term)]
        row[:] = chance.normal(size=N_CASES * SIZE)
        row[targets] += lift
    return Halves.of(Pools(terms, starts, targets), ONES, OWNERS, seed=0)


def way(name: str, gains: np.ndarray) -> Way:
    return Way(name, ONES / len(TERMS), (), gains)


def chosen(halves: Halves) -> tuple[Way, list[Way], Way]:
    blend = halves.blend(START, TUNABLE, silent)
    ways = [halves.mixed(simple_of(halves.simple(), OWNERS), blend, share) for share in BLEND_SHARES]
    return simplest(ways, OWNERS), ways, blend


def test_each_case_is_judged_by_as_many_halves_and_users_stay_whole() -> None:
    halves = window(next=1.0)
    unseen = np.sum([~half for half in halves.searched], axis=0)
    assert (unseen == SPLITS).all()
    for half in halves.searched:
        assert (half.reshape(-1, 3).all(axis=1) | ~half.reshape(-1, 3).any(axis=1)).all()


def test_what_a_half_finds_is_judged_on_its_rest_alone() -> None:
    halves = window(next=2.0, text=0.0)
    good, bad = (np.array([float(term == name) for term in TERMS]) for name in ("next", "text"))
    # Each half is right about itself and wrong about its rest, so that only what was not seen may count.
    found = halves.way("half", [good] + [bad] * (2 * SPLITS - 1))
    rest = ~halves.searched[0]
    assert found.gains[rest].mean() > found.gains[~rest].mean()
    np.testing.assert_allclose(halves.way("same", [good] * (2 * SPLITS)).gains, halves.gains_of(good))


def test_where_one_list_has_all_there_is_it_leads() -> None:
    halves = window(next=2.5, text=0.0, wording=0.0, popularity=0.0, trend=0.0)
    found, ways, _ = chosen(halves)
    assert simple_of(halves.simple(), OWNERS).name == "next"
    assert found is ways[0]
    assert {TERMS[k] for k in np.flatnonzero(found.weights)} == {"next"}


def test_where_many_terms_know_something_the_blend_has_the_larger_part() -> None:
    known = dict.fromkeys(("next", "text", "wording", "popularity", "category", "brand"), 1.0)
    found, ways, _ = chosen(window(**known))
    assert found is ways[-1]
    assert np.count_nonzero(found.weights) >= 5
    assert found.weights.sum() == pytest.approx(1)


def test_a_pair_is_taken_for_the_simple_way_where_it_is_clearly_better() -> None:
    halves = window(next=1.2, text=1.2, wording=0.0)
    assert simple_of(halves.simple(), OWNERS).name == "pair"


def test_the_simplest_that_is_not_surely_worse() -> None:
    chance = np.random.default_rng(1)
    base = chance.random(N_CASES)
    noise = chance.normal(scale=0.1, size=N_CASES)
    assert simplest([way("a", base), way("b", base + noise - noise.mean() + 0.001)], OWNERS).name == "a"
    assert simplest([way("a", base), way("b", base + 0.1 + noise)], OWNERS).name == "b"


def test_the_evidence_has_an_interval_around_each_difference() -> None:
    base = np.random.default_rng(2).random(N_CASES)
    best = way("best", base + np.random.default_rng(3).normal(0.05, 0.1, N_CASES))
    row = row_of(way("other", base), best, OWNERS)
    assert row["low"] < row["chosen_less_this"] < row["high"]
    assert row_of(best, best, OWNERS)["low"] == row_of(best, best, OWNERS)["high"] == 0
