"""Contexts that shoppers come in (device, country, referrer) and what is in demand there.

Events say theirs in `properties`, requests in `context`, by the same names; a rebuild counts demand for each value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from endcap.arrays import F32
from endcap.events.contexts import context_value
from endcap.index.index import ItemIndex
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
        scores += _lift(index, row, slice(0, index.n_items))
    return scores


def telling_context(
    index: ItemIndex, rows: tuple[int, ...], item: int, *, against: bool = False
) -> tuple[str, str] | None:
    """The (name, value) among the contexts that says most for, or against, an item; None where none does."""
    known = index.snapshot.contexts
    if known is None or not rows:
        return None
    sign = -1 if against else 1
    lifts = [sign * float(_lift(index, row, slice(item, item + 1))[0]) for row in rows]
    best = int(np.argmax(lifts))
    return known.contexts[rows[best]] if lifts[best] > 0 else None


def _lift(index: ItemIndex, row: int, among: slice) -> F32:
    """The summand of one context, float32, for some of the items."""
    known = index.snapshot.contexts
    expected = np.expm1(index.popularity[among])
    if known is None:
        return np.zeros_like(expected)
    lift = -np.log1p(expected * np.float32(known.share[row]))
    items, weights = known.items.row(row)
    here = (items >= among.start) & (items < among.stop)
    places = items[here] - among.start
    lift[places] += weights[here]
    lift[places[np.abs(lift[places]) <= weights[here].astype(np.float32) * _ROUNDING]] = 0
    return np.asarray(lift, dtype=np.float32)
