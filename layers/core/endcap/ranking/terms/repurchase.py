"""What a shopper has bought and may buy again about now, by how each item is usually bought again.

After a purchase an item is bought again or never. With share r it is, after a log-normal gap; so, of those who have not
come back within t days, the share that does within the next w is

    p = r (F(t + w) - F(t)) / (1 - r F(t)),   F(t) = Phi((ln t - ln median) / spread),

small right after the purchase of something with a long gap, small again when the usual moment has long passed, and
always small for what nobody buys twice. r, median and spread are the item's own (`snapshot.parts.Repurchase`), drawn
towards what this shopper has done with it. The constants were chosen on validation orders, see docs/results.md.

References: mixture cure models, Boag, JRSS B 1949; repeat purchases by shopper and item, Bhagat et al., KDD 2018.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from statistics import median
from typing import Final

import numpy as np

from endcap.arrays import F64, I64
from endcap.events.types import BOUGHT
from endcap.index.index import ItemIndex
from endcap.profiles.entries import Entry
from endcap.profiles.profile import UserProfile
from endcap.profiles.settled import settled
from endcap.ranking.terms.inputs import Due, Habit
from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.values import Sparse, Values

DAY_MS: Final = 86_400_000
HORIZON_DAYS: Final = 7.0
SHARE_PRIOR: Final = 2.0  # purchases of this shopper that weigh as much as what everyone does
GAP_PRIOR: Final = 5.0  # the same in gaps
LEAST_SHARE: Final = 0.1  # what fewer buyers than this buy again is bought once: it does not come up
UNKNOWN_SHARE: Final = 0.25  # where a snapshot knows nothing of repurchases
_MOST_SHARE: Final = 0.99
_FAINT: Final = 0.001  # probabilities far above it rank by their ratio, those far below are all alike


def due_items(index: ItemIndex, profile: UserProfile, now_ms: int) -> Due:
    """What `profile` has bought and may buy again at `now_ms`.

    Variants of one group are one thing, and each that was bought may come up. Left out are things bought within the
    last day, purchases that were given back, and things that hardly anyone buys again. Where the snapshot has no
    usable clock, or knows nothing of repurchases, the number of purchases decides alone.
    """
    bought: dict[int, list[Entry]] = {}
    rows: dict[int, set[int]] = {}
    for entry in settled([*{*profile.interactions, *profile.strong}], index.thing):
        row = index.position(entry.item_id)
        if row is not None and entry.event_type in BOUGHT:
            group = int(index.groups[row])
            bought.setdefault(group, []).append(entry)
            rows.setdefault(group, set()).add(row)
    found: dict[int, tuple[float, Habit]] = {}
    for group, entries in bought.items():
        judged = _judged(index, min(rows[group]), (e.timestamp_ms for e in entries), now_ms)
        if judged is not None:
            found |= dict.fromkeys(rows[group], judged)
    order = sorted(found)
    return Due(
        np.asarray(order, dtype=np.int64),
        np.asarray([found[row][0] for row in order], dtype=np.float32),
        tuple(found[row][1] for row in order),
    )


def _judged(index: ItemIndex, row: int, times_ms: Iterable[int], now_ms: int) -> tuple[float, Habit] | None:
    known = index.snapshot.repurchase
    if known is None or not index.snapshot.clock_usable:
        times = len(set(times_ms))
        return _score(_share(UNKNOWN_SHARE, times)), Habit(times)
    starts = occasions(times_ms)
    days = (now_ms - starts[-1]) / DAY_MS
    if row < len(known.share):
        share, gap, spread = float(known.share[row]), float(known.gap_days[row]), float(known.gap_spread[row])
    else:  # newer than the snapshot: as the shop's average item
        share, gap, spread = (float(np.mean(part)) for part in (known.share, known.gap_days, known.gap_spread))
    share = _share(share, len(starts))
    if days < 1 or share < LEAST_SHARE:
        return None
    own = [(b - a) / DAY_MS for a, b in pairwise(starts)]
    expected = (GAP_PRIOR * math.log(gap) + math.fsum(map(math.log, own))) / (GAP_PRIOR + len(own))
    habit = Habit(len(starts), days, median(own) if own else None, gap)
    return _score(probability(share, expected, spread, days)), habit


def occasions(times_ms: Iterable[int]) -> list[int]:
    """Starts of the purchases, oldest first: what follows within a day of a start belongs to it."""
    starts: list[int] = []
    for at_ms in sorted(times_ms):
        if not starts or at_ms - starts[-1] >= DAY_MS:
            starts.append(at_ms)
    return starts


def probability(share: float, log_gap: float, spread: float, days: float) -> float:
    """Probability of another purchase within `HORIZON_DAYS`, `days` > 0 after the last one: 0..1.

    Parameters
    ----------
    share : below 1, how likely there is another purchase at all
    log_gap, spread : mean and standard deviation of the natural logarithm of the gap in days
    """
    left, later = (_survival((math.log(t) - log_gap) / spread) for t in (days, days + HORIZON_DAYS))
    return share * (left - later) / (1 - share + share * left)


def _share(prior: float, times: int) -> float:
    """The share of repurchases after `times` purchases, `times` - 1 of which were one."""
    return min(_MOST_SHARE, (prior * SHARE_PRIOR + times - 1) / (SHARE_PRIOR + times - 1))


def _score(chance: float) -> float:
    return math.log1p(chance / _FAINT)


def _survival(z: float) -> float:
    """1 - Phi(z)."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def _values(context: ScoringContext) -> Values | None:
    if context.due is None:
        return None
    return Sparse(context.index.n_items, context.due.rows, context.due.scores)


def _support(context: ScoringContext, positions: I64) -> F64:
    groups = context.index.groups
    same = groups[context.features.positions][:, None] == groups[positions]
    return np.asarray(same, dtype=np.float64)


DUE: Final = Term(name="due", default_weight=2.0, source="behaviour", values=_values, support=_support, asked=True)
