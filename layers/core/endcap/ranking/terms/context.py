"""Contexts that shoppers come in (device, country, referrer) and what is in demand there.

Events say theirs in `properties`, requests in `context`, by the same names; a rebuild counts demand for each value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from endcap.arrays import F32, I64
from endcap.events.contexts import context_value
from endcap.index.index import ItemIndex
from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.values import Values
from endcap.snapshot.snapshot import Snapshot

_ROUNDING: Final = 2**-10  # twice what fp16 takes from a stored log demand: an item that sells there as everywhere


def known_contexts(snapshot: Snapshot, stated: Mapping[str, str]) -> tuple[int, ...]:
    """The rows of `snapshot.contexts` that a request's context names, ascending; unknown names and values are none."""
    if snapshot.contexts is None or not stated:
        return ()
    wanted = {(name, context_value(value)) for name, value in stated.items()}
    return tuple(row for row, context in enumerate(snapshot.contexts.contexts) if context in wanted)


def context_scores(index: ItemIndex, rows: tuple[int, ...]) -> F32:
    """How much more, or less, each item is in demand in the contexts than everywhere: float32 (n_items,).

    Summed over the contexts log((d + 1) / (e + 1)): d is the demand there, e what it would be if the item sold there as
    it does everywhere. With few events of either it is near 0. Added to log popularity it gives that of the context.
    """
    scores = np.zeros(index.n_items, dtype=np.float32)
    for row in rows:
        scores += _lift(index, row, None)
    return scores


def telling_context(
    index: ItemIndex, rows: tuple[int, ...], item: int, *, against: bool = False
) -> tuple[str, str] | None:
    """The (name, value) among the contexts that says most for, or against, an item; None where none does."""
    known = index.snapshot.contexts
    if known is None or not rows:
        return None
    sign = -1 if against else 1
    lifts = [sign * float(_lift(index, row, np.asarray([item]))[0]) for row in rows]
    best = int(np.argmax(lifts))
    return known.contexts[rows[best]] if lifts[best] > 0 else None


def _lift(index: ItemIndex, row: int, positions: I64 | None) -> F32:
    """The summand of one context, float32, for the items at `positions`; for all where that is None."""
    known = index.snapshot.contexts
    expected = np.expm1(index.popularity if positions is None else index.popularity[positions])
    if known is None:
        return np.zeros_like(expected)
    lift = -np.log1p(expected * np.float32(known.share[row]))
    items, weights = (np.asarray(part) for part in known.items.row(row))
    if positions is not None:
        at = np.minimum(np.searchsorted(items, positions), max(0, len(items) - 1))
        places = np.flatnonzero(items[at] == positions) if len(items) else np.empty(0, dtype=np.int64)
        weights = weights[at[places]]
    else:
        places = items.astype(np.int64)
    lift[places] += weights
    lift[places[np.abs(lift[places]) <= weights.astype(np.float32) * _ROUNDING]] = 0
    return np.asarray(lift, dtype=np.float32)


@dataclass(frozen=True)
class _Lift:
    """The demand in some contexts, for the whole index worked out once."""

    index: ItemIndex
    rows: tuple[int, ...]
    scale: np.float32

    def add_to(self, total: F32, factor: np.float32) -> float:
        total += (factor * self.scale) * self._everywhere()
        return 0.0

    def at(self, positions: I64) -> F32:
        scores = np.zeros(len(positions), dtype=np.float32)
        for row in self.rows:
            scores += _lift(self.index, row, positions)
        return scores * self.scale

    def everywhere(self) -> F32:
        return self._everywhere() * self.scale

    def _everywhere(self) -> F32:
        kept = self.index.kept.get(("context", self.rows))
        if kept is None:
            kept = self.index.keep(("context", self.rows), context_scores(self.index, self.rows))
        return kept


def _values(context: ScoringContext) -> Values | None:
    if not context.contexts:
        return None
    return _Lift(context.index, context.contexts, np.float32(context.features.demand))


CONTEXT: Final = Term(name="context", default_weight=0.15, source="popular", values=_values, base=True)
"""Popularity where the shopper is; with the weight and scale of `popularity` the two add up to it."""
