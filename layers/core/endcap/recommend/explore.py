"""Exploration: some places of a list go to items that the scores alone would not show there, by stated probabilities.

It comes last, and fills only its own places: at each one categorical draw among the item that stands there and the next
ones of the ranking. An arm's probability is that of winning a round of Thompson sampling (Chapelle & Li, NIPS 2011)
under Beta posteriors of its clicks and impressions, computed and not sampled, so that it can be logged as the exact
propensity that offline replay divides by. A tenth of the draws is uniform, which bounds those quotients.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from endcap.arrays import F64
from endcap.events.counts import Demand
from endcap.ranking.slots import Slot
from endcap.recommend.request import RankedItem, RecommendationRequest

MAX_ARMS: Final = 20
PRIOR: Final = (1.0, 19.0)
"""Clicks and passes that each arm starts with: one click in twenty impressions."""
UNIFORM_SHARE: Final = 0.1
_GRID: Final = np.linspace(-16.0, 10.0, 2601)  # log-odds of a click rate
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Draw:
    """One explored place: the arms' item ids and probabilities; the first one is what stood there."""

    arms: Mapping[str, float]


def explores(request: RecommendationRequest) -> bool:
    """Whether places of the answer may be explored: not as of a moment, not in given orders or for counterfactuals."""
    fixed = request.as_of_ms is not None or request.complete or request.window is not None or request.counterfactual
    return request.exploration > 0 and not fixed


def win_probabilities(clicked: Sequence[int], shown: Sequence[int]) -> F64:
    """Float64 (n,): how likely each arm is to have the highest click rate, mixed with a uniform tenth; the sum is 1.

    Parameters
    ----------
    clicked, shown : (n,), approximate counts, so that more clicks than impressions count as all clicked
    """
    clicks = np.asarray(clicked, dtype=np.float64)
    passes = np.maximum(np.asarray(shown, dtype=np.float64) - clicks, 0.0)
    a, b = clicks[:, None] + PRIOR[0], passes[:, None] + PRIOR[1]
    # The density of the log-odds z is x^a (1 - x)^b with x = 1 / (1 + exp(-z)), up to a factor.
    log_density = -a * np.logaddexp(0.0, -_GRID) - b * np.logaddexp(0.0, _GRID)  # (n, grid)
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    density /= density.sum(axis=1, keepdims=True)
    below = np.log(np.maximum(density.cumsum(axis=1) - density / 2, 1e-300))
    wins = (density * np.exp(below.sum(axis=0) - below)).sum(axis=1)  # all others lie below
    wins = np.maximum(wins, 0.0) / wins.sum()
    return np.asarray((1 - UNIFORM_SHARE) * wins + UNIFORM_SHARE / len(wins), dtype=np.float64)


def explore(
    page: Sequence[Slot],
    reserve: Sequence[Slot],
    start: int,
    request: RecommendationRequest,
    counts: Demand,
    item_id: Callable[[int], str],
) -> tuple[list[Slot], dict[int, Draw]]:
    """The page with its explored places drawn.

    Of the first n places of a list floor(n x share) are explored, but for those that are pinned or promoted. The draws
    follow from the request's recommendation id: the same id and counts give the same page.

    Parameters
    ----------
    reserve : the next places of the ranking
    start : places before the page
    counts : clicks and impressions
    item_id : row -> item id

    Returns
    -------
    the page, and index within it -> what was drawn there
    """
    seed = int.from_bytes(hashlib.sha256(request.recommendation_id.encode()).digest()[:16])
    chance = np.random.Generator(np.random.PCG64(seed))
    left = [slot for slot in reserve if not (slot.pinned or slot.promotion)][: MAX_ARMS - 1]
    slots, draws = list(page), dict[int, Draw]()
    for k, slot in enumerate(page):
        quota = [int(n * request.exploration + _ROUNDING) for n in (start + k, start + k + 1)]
        if quota[0] == quota[1] or slot.pinned or slot.promotion or not left:
            continue
        arms = [slot, *left]
        names = [item_id(arm.row) for arm in arms]
        odds = win_probabilities([counts.clicked.get(n, 0) for n in names], [counts.shown.get(n, 0) for n in names])
        drawn = min(int(np.searchsorted(odds.cumsum(), chance.random(), side="right")), len(arms) - 1)
        draws[k] = Draw(dict(zip(names, odds.tolist(), strict=True)))
        slots[k] = arms[drawn]
        if drawn:
            del left[drawn - 1]
    return slots, draws


def with_propensities(items: Sequence[RankedItem], draws: Mapping[int, Draw]) -> tuple[RankedItem, ...]:
    """The items of an explored page, each with the probability that it stands where it does."""
    told = []
    for k, item in enumerate(items):
        if k in draws:
            arms = draws[k].arms
            told.append(replace(item, source="exploration", propensity=arms[item.item_id], arms=arms))
        else:
            told.append(replace(item, propensity=1.0))
    return tuple(told)
