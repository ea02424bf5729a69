"""What having been chosen before is worth, set by the repeats beside all other terms."""

from __future__ import annotations

import numpy as np
import pytest

from endcap.ranking.terms.registry import TERMS
from endcap_rebuild.tuning.candidates import Pools
from endcap_rebuild.tuning.repeats import REPEAT_TERM, with_repeats

N_CASES, SIZE, SEEN = 400, 40, 5
ONES = np.ones(len(TERMS))
OWNERS = np.arange(N_CASES)
ROW, NEXT, DEMAND = (TERMS.index(name) for name in (REPEAT_TERM, "next", "popularity"))


def window(share_repeated: float) -> Pools:
    """Cases with five seen items each; a list knows something of new targets, and the wrong thing of repeated ones."""
    chance = np.random.default_rng(4)
    terms = np.zeros((len(TERMS), N_CASES * SIZE), dtype=np.float32)
    seen = np.tile(np.arange(SIZE) < SEEN, N_CASES)
    repeated = np.arange(N_CASES) < round(share_repeated * N_CASES)
    starts = np.arange(N_CASES + 1) * SIZE
    places = np.where(repeated, chance.integers(0, SEEN, N_CASES), chance.integers(SEEN, SIZE, N_CASES))
    targets = starts[:-1] + places
    terms[ROW] = seen
    terms[NEXT] = chance.normal(size=N_CASES * SIZE)
    terms[NEXT, targets] += np.where(repeated, -1.0, 2.0)
    terms[NEXT] *= 0.3
    return Pools(terms, starts, targets)


def weights(again: float = 0.0, of_next: float = 1.0) -> np.ndarray:
    found = np.zeros(len(TERMS))
    found[NEXT], found[ROW] = of_next, again
    return found


def test_where_shoppers_buy_the_same_it_is_large_and_where_they_do_not_it_is_nothing() -> None:
    always, *_ = with_repeats(window(1.0), weights(), ONES, OWNERS)
    never, *_ = with_repeats(window(0.0), weights(again=3.0), ONES, OWNERS)
    assert always[ROW] > 0.5
    assert never[ROW] == 0


def test_the_other_terms_stay_and_what_it_was_before_is_no_matter() -> None:
    pools = window(0.6)
    found, _, evidence = with_repeats(pools, weights(), ONES, OWNERS)
    np.testing.assert_array_equal(np.delete(found, ROW), np.delete(weights(), ROW))
    assert with_repeats(pools, weights(again=7.0), ONES, OWNERS)[2] == evidence


def test_it_is_a_share_of_what_the_others_weigh_together_by_the_scale_of_its_term() -> None:
    pools, scales = window(0.6), np.where(np.arange(len(TERMS)) == ROW, 4.0, 1.0)
    plain, _, evidence = with_repeats(pools, weights(), ONES, OWNERS)
    assert plain[ROW] == pytest.approx(evidence["share"])
    # Twice the scores rank alike, and a term of a larger scale has to weigh more for the same.
    assert with_repeats(pools, weights(of_next=2.0), ONES, OWNERS)[0][ROW] == pytest.approx(2 * plain[ROW])
    pools.terms[ROW] *= 4
    assert with_repeats(pools, weights(), scales, OWNERS)[0][ROW] == pytest.approx(plain[ROW])


def test_it_is_the_smallest_that_is_about_as_good_as_the_best() -> None:
    found, _, evidence = with_repeats(window(1.0), weights(), ONES, OWNERS)
    gains = {row["share"]: row["ndcg_at_10"] for row in evidence["tried"]}
    assert found[ROW] == evidence["share"] < max(gains)
    # All seen items stand before all others then, so that more of it changes nothing.
    assert gains[evidence["share"]] == pytest.approx(max(gains.values()), abs=0.02)
    assert all(gains[share] < max(gains.values()) for share in gains if share < evidence["share"])


def in_demand(pools: Pools, among_seen: float, among_others: float) -> Pools:
    """The window with a demand that says so much for targets that were seen, and for the others."""
    chance = np.random.default_rng(5)
    pools.terms[DEMAND] = chance.random(pools.terms.shape[1]) * 2
    seen = pools.terms[ROW, pools.targets] > 0
    pools.terms[DEMAND, pools.targets] += np.where(seen, among_seen, among_others)
    return pools


def test_demand_counts_where_what_sells_now_is_what_comes_again() -> None:
    found, demand, evidence = with_repeats(in_demand(window(1.0), 2.0, 0.0), weights(), ONES, OWNERS)
    gains = {row["demand"]: row["ndcg_at_10"] for row in evidence["demands_tried"]}
    best = [each for each, gain in gains.items() if gain > max(gains.values()) - 0.01]
    assert 0 < min(best) <= demand <= max(best)
    assert min(gains[each] for each in best) > gains[0.0] + 0.05
    assert found[DEMAND] == 0  # it is no weight of demand for items that are new to a shopper


def test_demand_counts_for_nothing_where_what_comes_again_is_not_what_sells() -> None:
    assert with_repeats(in_demand(window(1.0), -1.0, 0.0), weights(), ONES, OWNERS)[1] == 0
    assert with_repeats(in_demand(window(0.0), 0.0, 2.0), weights(), ONES, OWNERS)[1] == 0


def test_a_long_history_in_which_each_item_says_little_still_comes_first_where_all_is_bought_again() -> None:
    pools = window(1.0)
    pools.terms[ROW] *= 0.02
    found, _, evidence = with_repeats(pools, weights(), ONES, OWNERS)
    gains = {row["share"]: row["ndcg_at_10"] for row in evidence["tried"]}
    assert found[ROW] > 8
    assert gains[evidence["share"]] == pytest.approx(max(gains.values()), abs=0.02)
