"""New items beside known ones: their share of the places by their share of the choices."""

from __future__ import annotations

import numpy as np
import pytest

from endcap.ranking.terms.registry import TERMS
from endcap_rebuild.tuning.balance import LEAST_NEW, NEW_TERM, TIMES, USUAL, balanced, bonuses_needed
from endcap_rebuild.tuning.candidates import Pools

N_CASES, KNOWN, NEW = 400, 40, 20
ONES = np.ones(len(TERMS))
OWNERS = np.arange(N_CASES)
ROW, NEXT = TERMS.index(NEW_TERM), TERMS.index("next")
DEFAULT = np.where(np.arange(len(TERMS)) == ROW, 1.0, 0.0) + np.where(np.arange(len(TERMS)) == NEXT, 4.0, 0.0)


def window(share_new: float, *, known_lift: float = 1.5, new_lift: float = 1.5, handicap: float = 2.0) -> Pools:
    """Cases with known and new items; a new one scores less by the handicap, the target's score is lifted."""
    chance = np.random.default_rng(1)
    size = KNOWN + NEW
    terms = np.zeros((len(TERMS), N_CASES * size), dtype=np.float32)
    is_new = np.tile(np.arange(size) >= KNOWN, N_CASES)
    cold = np.arange(N_CASES) < round(share_new * N_CASES)
    starts = np.arange(N_CASES + 1) * size
    targets = starts[:-1] + np.where(cold, KNOWN + chance.integers(0, NEW, N_CASES), chance.integers(0, KNOWN, N_CASES))
    terms[ROW] = is_new
    terms[NEXT] = chance.normal(size=N_CASES * size) - handicap * is_new
    terms[NEXT, targets] += np.where(cold, new_lift, known_lift)
    return Pools(terms, starts, targets)


def weights(new: float = 0.0) -> np.ndarray:
    found = np.zeros(len(TERMS))
    found[NEXT], found[ROW] = 1.0, new
    return found


def places_of_new(pools: Pools, bonus: float) -> float:
    scores = pools.scores(weights(bonus))
    firsts = [
        start + np.argsort(-scores[start:end])[:10] for start, end in zip(pools.starts, pools.starts[1:], strict=False)
    ]
    return float((pools.terms[ROW][np.concatenate(firsts)] > 0).mean())


@pytest.mark.parametrize("bonus", [0.0, 0.7, 2.0, 5.0])
def test_a_bonus_gives_new_items_the_places_that_it_is_said_to(bonus: float) -> None:
    pools = window(0.2)
    needed = bonuses_needed(pools, pools.scores(weights()), pools.terms[ROW] > 0)
    assert float((needed < bonus).mean()) == pytest.approx(places_of_new(pools, bonus), abs=1e-9)


def test_new_items_get_half_of_their_share_of_the_choices() -> None:
    pools = window(0.2)
    found, evidence = balanced(pools, weights(0.1), DEFAULT, ONES, OWNERS)
    assert evidence["times"] == USUAL == 0.5
    assert evidence["share_of_choices"] == pytest.approx(0.2)
    assert places_of_new(pools, found[ROW]) == pytest.approx(0.1, abs=0.01)
    assert found[NEXT] == 1.0
    tried = {row["times"]: row for row in evidence["tried"]}
    assert tuple(tried) == TIMES
    assert tried[1.0]["share_of_places"] == pytest.approx(0.2, abs=0.01)
    assert tried[1.0]["recall_of_new_at_10"] > evidence["searched"]["recall_of_new_at_10"]


def test_where_new_ones_are_guessed_they_get_less_and_where_they_are_known_best_more() -> None:
    guessed = window(0.5, known_lift=1.5, new_lift=-4.0)
    known = window(0.3, known_lift=-4.0, new_lift=1.0)
    assert balanced(guessed, weights(), DEFAULT, ONES, OWNERS)[1]["times"] < USUAL
    assert balanced(known, weights(), DEFAULT, ONES, OWNERS)[1]["times"] > USUAL


def test_the_bonus_counts_by_the_scale_of_its_term() -> None:
    pools, scales = window(0.2), np.where(np.arange(len(TERMS)) == ROW, 4.0, 1.0)
    plain, scaled = (balanced(pools, weights(), DEFAULT, each, OWNERS)[0] for each in (ONES, scales))
    assert scaled[ROW] == pytest.approx(4 * plain[ROW])


def test_of_too_few_choices_the_bonus_is_the_default_beside_whatever_leads() -> None:
    pools = window((LEAST_NEW - 1) / N_CASES)
    found, evidence = balanced(pools, weights(0.9), DEFAULT, ONES, OWNERS)
    assert found[ROW] / found[NEXT] == pytest.approx(1 / 4)
    assert evidence == {"cases": LEAST_NEW - 1, "share_of_choices": pytest.approx((LEAST_NEW - 1) / N_CASES)}


def test_new_items_that_are_shown_often_enough_get_no_malus() -> None:
    found, _ = balanced(window(0.1, handicap=-2.0), weights(), DEFAULT, ONES, OWNERS)
    assert found[ROW] >= 0
