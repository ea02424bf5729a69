"""What each user may add to the tables: a bounded number of items and of pairs, each counted once.

What is taken of a user depends on nothing but what that user did, chance, and what has been released already. Anything
else that looked at others (what is usual, whether anybody ever bought) would let one user change what is taken of
another, and the bound would not hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from endcap.arrays import I64
from endcap.events.types import DAY_S
from endcap_rebuild.data.event_table import EventTable
from endcap_rebuild.data.row_weights import is_bought, is_strong

Pair = tuple[int, int]

_LARGEST_BASKET = 50
_DAY_MS = int(DAY_S * 1000)


def item_counts(table: EventTable, n_items: int, most: int, chance: np.random.Generator) -> I64:
    """int64 (n,): users who chose each item by an event that speaks for it, at most `most` items of each user."""
    table = table.rows(table.strength > 0)
    counts = np.zeros(n_items, dtype=np.int64)
    bounds = table.user_bounds()
    for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        if own := np.unique(table.item[start:end]).tolist():
            counts[chance.choice(own, min(most, len(own)), replace=False)] += 1
    return counts


def pair_counts(table: EventTable, most: int, popularity: I64, chance: np.random.Generator) -> Counter[Pair]:
    """(item, later item) -> users who had both in one basket, at most `most` pairs of each user.

    Of a user's pairs those of the most popular items are taken, as pairs that few have are not told anyway.

    A basket is what a user bought in one session, or on one day where there is none; of users who never buy it is what
    they rated well. Of large baskets fifty items are drawn.

    Parameters
    ----------
    popularity : int64 (n,), as released, with its noise: the true one would tell of others
    """
    found: Counter[Pair] = Counter()
    bounds = table.user_bounds()
    bought, strong = is_bought(table) & (table.strength > 0), is_strong(table)
    for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        rows = np.arange(start, end)
        rows = rows[bought[rows]] if bought[rows].any() else rows[strong[rows]]
        pairs = sorted({pair for basket in _baskets(table, rows, chance) for pair in combinations(basket, 2)})
        if pairs:
            known = np.maximum(popularity[np.array(pairs)], 0).astype(np.float64).prod(axis=1)
            best = np.lexsort((chance.random(len(pairs)), -known))[:most]
            found.update(pairs[k] for k in best.tolist())
    return found


def _baskets(table: EventTable, rows: I64, chance: np.random.Generator) -> Iterator[list[int]]:
    session = table.session[rows].astype(np.int64)
    moment = np.where(session >= 0, session, -1 - table.time_ms[rows] // _DAY_MS)
    for one in np.unique(moment).tolist():
        items = np.unique(table.item[rows[moment == one]])
        if len(items) > _LARGEST_BASKET:
            items = np.sort(chance.choice(items, _LARGEST_BASKET, replace=False))
        yield items.tolist()
