"""Ways of ranking, compared on halves of a window that they had not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from endcap.ranking.terms.registry import DEFAULT_WEIGHTS, TERMS
from endcap_rebuild.metrics.paired import SURELY, is_more
from endcap_rebuild.tuning.candidates import Pools
from endcap_rebuild.tuning.halves import SPLITS, Halves, Way, row_of, simple_of
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


def chosen(halves: Halves) -> tuple[Way, dict[str, float]]:
    blend, default = halves.blend(START, TUNABLE, silent), halves.fixed("default", START)
    return halves.averaged(halves.mixtures(simple_of(halves.simple(), OWNERS), blend, default), seed=0)


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
    found, _ = chosen(halves)
    simple = simple_of(halves.simple(), OWNERS)
    assert simple.name == "next"
    assert found.weights[TERMS.index("next")] > 0.6
    assert not is_more(simple.gains, found.gains, OWNERS, SURELY)


def test_where_many_terms_know_something_the_blend_has_the_larger_part() -> None:
    known = dict.fromkeys(("next", "text", "wording", "popularity", "category", "brand"), 1.0)
    halves = window(**known)
    found, shares = chosen(halves)
    assert shares.get(simple_of(halves.simple(), OWNERS).name, 0) < 0.1
    assert np.count_nonzero(found.weights) >= 5
    assert found.weights.sum() == pytest.approx(1)


def test_a_pair_is_taken_for_the_simple_way_where_it_is_clearly_better() -> None:
    halves = window(next=1.2, text=1.2, wording=0.0)
    assert simple_of(halves.simple(), OWNERS).name == "pair"


def two_ways(halves: Halves, more: float) -> dict[str, float]:
    """The shares of two ways, of which the second gains so much more by the case, give or take."""
    chance = np.random.default_rng(1)
    first, second = (halves.fixed(name, START * np.arange(1, 1 + len(TERMS)) ** k) for k, name in enumerate("ab"))
    base = chance.random(N_CASES)
    noise = chance.normal(scale=0.1, size=N_CASES)
    ways = [replace(first, gains=base), replace(second, gains=base + noise - noise.mean() + more)]
    found, shares = halves.averaged(ways, seed=0)
    mean = sum(shares.get(each.name, 0.0) * each.weights for each in ways)
    np.testing.assert_allclose(found.weights, mean)
    return shares


def test_a_way_counts_by_how_sure_it_is_that_it_is_the_best() -> None:
    halves = window(next=1.0)
    assert two_ways(halves, 0.05) == {"b": 1.0}
    assert two_ways(halves, -0.05) == {"a": 1.0}
    even = two_ways(halves, 0.0)
    assert even["a"] == pytest.approx(0.5, abs=0.1)
    assert sum(even.values()) == pytest.approx(1)


def test_the_default_weights_are_beside_the_lists_and_the_blend() -> None:
    halves = window(next=1.0, text=1.0)
    simple, blend, default = (halves.fixed(name, START) for name in ("next", "blend", "default"))
    names = [each.name for each in halves.mixtures(simple, blend, default)]
    assert names[0] == "next"
    assert names[-1] == "default"
    assert {"next = default", "blend = default", "next = blend = default"} < set(names)
    # Halves of one period can't warn of what all of it shares, so that the blend never stands alone beside a list.
    assert "blend" not in names
    assert [each.name for each in halves.mixtures(None, blend, default)] == ["default", "blend = default", "blend"]


def test_the_evidence_has_an_interval_around_each_difference() -> None:
    base = np.random.default_rng(2).random(N_CASES)
    best = way("best", base + np.random.default_rng(3).normal(0.05, 0.1, N_CASES))
    row = row_of(way("other", base), best, OWNERS)
    assert row["low"] < row["chosen_less_this"] < row["high"]
    assert row_of(best, best, OWNERS)["low"] == row_of(best, best, OWNERS)["high"] == 0
