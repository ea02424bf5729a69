"""The `rotation` term: what a shopper was shown lately makes room, and comes back as the showing fades."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from endcap.index.index import ItemIndex
from endcap.profiles.entries import Impression
from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.values import Sparse, Values


def rotation_scores(index: ItemIndex, impressions: Iterable[Impression], now_ms: int, half_life_s: float) -> Sparse:
    """Minus how much of each item's latest showing is left: -1 for one shown this moment.

    A variant that was shown sets its whole group back, or the next variant would take its place.
    """
    latest: dict[int, int] = {}
    for impression in impressions:
        for row in index.rows_of_key(impression.key):
            group = int(index.groups[row])
            latest[group] = max(latest.get(group, impression.timestamp_ms), impression.timestamp_ms)
    left = {group: 0.5 ** (max(0, now_ms - at_ms) / 1000 / half_life_s) for group, at_ms in latest.items()}
    rows = index.members(left)
    values = np.asarray([-left[group] for group in index.groups[rows].tolist()], dtype=np.float32)
    return Sparse(index.n_items, rows, values)


def _values(context: ScoringContext) -> Values | None:
    if not context.impressions:
        return None
    return rotation_scores(context.index, context.impressions, context.now_ms, context.settings.rotation_half_life_s)


ROTATION: Final = Term(name="rotation", default_weight=1.0, source="behaviour", values=_values, asked=True)
