"""Which items a list shows, place by place: the score's order, filtered, varied and arranged."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from endcap.arrays import F32, F64, I64, Mask
from endcap.filters.eligibility import allowed, seen_items, sellable, variants_of
from endcap.filters.evaluate import FilterContext, mask_of
from endcap.index.index import ItemIndex
from endcap.ranking.calibration import mix_of
from endcap.ranking.candidates import best_first
from endcap.ranking.features import RankingSettings, UserFeatures
from endcap.ranking.rerank import rerank_greedily
from endcap.ranking.slots import BestFirst, Slot, SlotPool, arrange
from endcap.ranking.terms.related import Anchors
from endcap.ranking.terms.repurchase import Due
from endcap.recommend.request import RecommendationRequest

DIVERSITY_POOL: Final = 300  # best candidates among which re-ranking may choose; one size, so that pages fit together


@dataclass(frozen=True)
class Scored:
    """Every item's score for one request, and what it is made of.

    Attributes
    ----------
    terms : float32 (len(TERMS), n_items); factors : float64 (len(TERMS),)
    due : what may be bought again, where that is asked for
    contexts : rows of the snapshot's contexts that the request names
    """

    index: ItemIndex
    features: UserFeatures
    settings: RankingSettings
    anchors: Anchors | None
    terms: F32
    factors: F64
    due: Due | None = None
    contexts: tuple[int, ...] = ()

    def best(self, mask: Mask, limit: int, *, all_variants: bool = False) -> tuple[I64, F64]:
        """The best of the items in `mask`, and their scores."""
        return best_first(self.index, self.terms, self.factors, mask, limit, all_variants=all_variants)


def slots_of(scored: Scored, request: RecommendationRequest, about: FilterContext, wanted: int) -> list[Slot]:
    """The first `wanted` places of the list."""
    index = scored.index
    mask = allowed(index, about.now_ms, request.shown_items, request.exclude_items, request.candidates)
    if request.filter is not None:
        mask &= mask_of(request.filter, index, about)
    if scored.anchors is not None:
        mask &= ~variants_of(index, request.items)
    if scored.due is not None:
        mask &= np.isin(np.arange(index.n_items), scored.due.rows)
    pinned = {pin.position - 1: row for pin in request.pinned if (row := index.position(pin.item_id)) is not None}
    pinned = {slot: row for slot, row in pinned.items() if mask[row]}  # what was seen may be pinned
    if scored.due is None:
        seen = seen_items(about.profile, request.exclude_seen)
        if request.exclude_seen != "none":
            seen.update(request.seen_items)
        mask &= ~variants_of(index, seen)
    ranking = partial(_varied, scored, mask, request.diversity, request.calibration)
    if not (pinned or request.promotions or request.caps):
        return [Slot(row) for row in ranking(wanted).tolist()]
    promoted = [_promoted(scored, mask & mask_of(p.filter, index, about)) for p in request.promotions]
    return arrange(index, SlotPool(ranking, promoted, pinned), request.promotions, request.caps, wanted)


def _varied(scored: Scored, mask: Mask, diversity: float, calibration: float, wanted: int) -> I64:
    """The `wanted` best rows, re-ranked for variety and for the mix of the history where it is asked for."""
    if diversity == 0 and calibration == 0:
        return scored.best(mask, wanted)[0]
    positions, scores = scored.best(mask, max(wanted, DIVERSITY_POOL))
    pool = min(DIVERSITY_POOL, len(positions))
    vectors = scored.index.white_rows(positions[:pool])
    mix = mix_of(scored.index, scored.features, positions[:pool]) if calibration else None
    order = rerank_greedily(scores[:pool], vectors, min(wanted, pool), diversity, calibration, mix)
    order = np.concatenate([order, np.arange(pool, len(positions))])[:wanted]
    return np.asarray(positions[order], dtype=np.int64)


def _promoted(scored: Scored, mask: Mask) -> BestFirst:
    def best(wanted: int) -> I64:
        return scored.best(mask, wanted)[0]

    return best


def given_order(scored: Scored, request: RecommendationRequest, clock_ms: int) -> list[Slot]:
    """All known candidates: what can be sold first."""
    rows = scored.index.positions(request.candidates or ())
    mask = np.zeros(scored.index.n_items, dtype=np.bool_)
    mask[rows] = True
    order = scored.best(mask, len(rows), all_variants=True)[0] if len(rows) else rows
    on_sale = sellable(scored.index, clock_ms)[order]
    return [Slot(row) for row in np.concatenate([order[on_sale], order[~on_sale]]).tolist()]
