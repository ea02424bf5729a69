"""The `rotation` term: what a shopper was shown lately makes room, and comes back as the showing fades."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from endcap.arrays import F32
from endcap.index.index import ItemIndex
from endcap.profiles.profile import Impression


def rotation_scores(index: ItemIndex, impressions: Iterable[Impression], now_ms: int, half_life_s: float) -> F32:
    """Minus how much of each item's latest showing is left: float32 (n_items,), -1 for one shown this moment.

    A variant that was shown sets its whole group back, or the next variant would take its place.
    """
    scores = np.zeros(index.n_items, dtype=np.float32)
    latest: dict[int, int] = {}
    for impression in impressions:
        for row in index.rows_of_key(impression.key):
            group = int(index.groups[row])
            latest[group] = max(latest.get(group, impression.timestamp_ms), impression.timestamp_ms)
    if latest:
        left = np.zeros(int(index.groups.max()) + 1, dtype=np.float32)
        for group, shown_ms in latest.items():
            left[group] = 0.5 ** (max(0, now_ms - shown_ms) / 1000 / half_life_s)
        scores -= left[index.groups]
    return scores
