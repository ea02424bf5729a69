"""Which items a list shows, slot by slot: the score's order, filtered, varied and arranged."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from endcap.arrays import I64, Mask
from endcap.filters.eligibility import not_among, seen_items, sellable, variants_of
from endcap.filters.evaluate import FilterContext, mask_of
from endcap.ranking.calibration import mix_of
from endcap.ranking.candidates import best_first
from endcap.ranking.rerank import rerank_greedily
from endcap.ranking.score import Scores
from endcap.ranking.slots import BestFirst, Slot, SlotPool, arrange
from endcap.recommend.ordering import in_order
from endcap.recommend.request import RecommendationRequest
from endcap.recommend.resolve import ResolvedItems
from endcap.understanding.conditions import meeting

DIVERSITY_POOL: Final = 300  # best candidates among which re-ranking may choose; one size, so that pages fit together


class Sieve(NamedTuple):
    """One thing that keeps items out, and those that it lets pass: bool (n_items,), or one for each of `among`."""

    name: str
    passes: Mask


ON_SALE: Final = "on_sale"
EXCLUDED: Final = "excluded"
FILTER: Final = "filter"
NAMED: Final = "named"
SEEN: Final = "seen"


def sieves(
    scores: Scores, request: RecommendationRequest, items: ResolvedItems, about: FilterContext
) -> Iterator[Sieve]:
    """What keeps items out of a list, one after the other; the last one is what was seen."""
    index, among = scores.index, scores.context.among
    yield Sieve(ON_SALE, sellable(index, about.now_ms, among))
    yield Sieve(EXCLUDED, not_among(index, items.shown, items.excluded, among))
    if request.filter is not None:
        yield Sieve(FILTER, mask_of(request.filter, index, about, among))
    if request.understood is not None:
        yield Sieve(FILTER, meeting(index, request.understood, about, among))
    if items.anchors is not None:
        yield Sieve(NAMED, ~variants_of(index, items.named, among))
    seen = np.zeros(0, dtype=np.int64)
    if scores.context.due is None and request.exclude_seen != "none":
        own = index.positions(seen_items(about.profile, request.exclude_seen))
        seen = np.concatenate([own, items.seen])
    yield Sieve(SEEN, ~variants_of(index, seen, among))


def slots_of(
    scores: Scores, request: RecommendationRequest, items: ResolvedItems, about: FilterContext, wanted: int
) -> list[Slot]:
    """The first `wanted` slots of the list."""
    index, among = scores.index, scores.context.among
    mask = np.ones(index.n_items if among is None else len(among), dtype=np.bool_)
    pinned: dict[int, int] = {}
    for sieve in sieves(scores, request, items, about):
        if sieve.name == SEEN:  # what was seen may be pinned
            pinned = {slot: row for slot, row in items.pinned.items() if holds(mask, row, among)}
        mask &= sieve.passes
    ranking = partial(_varied, scores, mask, request.diversity, request.calibration)
    if request.understood is not None and request.understood.sort is not None:
        ranking = partial(in_order, scores, mask, request.understood.sort)
    if not (pinned or request.promotions or request.caps):
        return [Slot(row) for row in ranking(wanted).tolist()]
    promoted = [_promoted(scores, mask & mask_of(p.filter, index, about, among)) for p in request.promotions]
    return arrange(index, SlotPool(ranking, promoted, pinned), request.promotions, request.caps, wanted)


def holds(mask: Mask, row: int, among: I64 | None) -> bool:
    """Whether a row is in `mask`, which stands for all rows or for those of `among`."""
    if among is None:
        return bool(mask[row])
    at = int(np.searchsorted(among, row))
    return at < len(among) and int(among[at]) == row and bool(mask[at])


def _varied(scores: Scores, mask: Mask, diversity: float, calibration: float, wanted: int) -> I64:
    """The `wanted` best rows, re-ranked for variety and for the mix of the history where it is asked for."""
    if diversity == 0 and calibration == 0:
        return best_first(scores, mask, wanted)[0]
    positions, found = best_first(scores, mask, max(wanted, DIVERSITY_POOL))
    pool = min(DIVERSITY_POOL, len(positions))
    vectors = scores.index.white.rows(positions[:pool])
    mix = mix_of(scores.index, scores.context.features, positions[:pool]) if calibration else None
    order = rerank_greedily(found[:pool], vectors, min(wanted, pool), diversity, calibration, mix)
    order = np.concatenate([order, np.arange(pool, len(positions))])[:wanted]
    return np.asarray(positions[order], dtype=np.int64)


def _promoted(scores: Scores, mask: Mask) -> BestFirst:
    def best(wanted: int) -> I64:
        return best_first(scores, mask, wanted)[0]

    return best


def given_order(scores: Scores, clock_ms: int) -> list[Slot]:
    """All known candidates: what can be sold first."""
    rows = scores.context.among
    if rows is None or not len(rows):
        return []
    order = best_first(scores, np.ones(len(rows), dtype=np.bool_), len(rows), all_variants=True)[0]
    on_sale = sellable(scores.index, clock_ms, order)
    return [Slot(row) for row in np.concatenate([order[on_sale], order[~on_sale]]).tolist()]
