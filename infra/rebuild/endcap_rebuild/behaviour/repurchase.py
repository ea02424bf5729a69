"""How each item is bought again: the share of purchases that another follows, and the gap in between.

A purchase either is followed by another of the same shopper, after a log-normal gap, or never is. Most of the last
purchases in any data are too recent to tell, and leaving them out would make shares and gaps too small; so both are
fitted by expectation-maximisation of the mixture cure model, in which a shopper who has not come back yet counts as
one who will with the probability that the model gives. Items with few purchases lean on their category, categories
on the shop. References: Boag, JRSS B 1949; Farewell, Biometrics 1982; moments of the truncated normal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from endcap.arrays import F64, I64
from endcap.catalog.item import Item
from endcap.ranking.terms.repurchase import DAY_MS
from endcap.snapshot.parts import Repurchase
from endcap_rebuild.data.event_table import EventTable, settled
from endcap_rebuild.data.row_weights import is_bought

_PRIOR: Final = 20.0  # purchases, or gaps, that a category's (the shop's) figures weigh in an item's (a category's)
_ROUNDS: Final = 30
_LEAST_GAPS: Final = 100  # fewer gaps in the whole shop say nothing
_LEAST_SPREAD: Final = 0.2
_LEAST_WAIT_DAYS: Final = 0.5
_TWO_PI: Final = 2 * np.pi


@dataclass(frozen=True)
class Purchases:
    """Purchases at least a day apart: gaps between two of one shopper and thing, and waits since the last one.

    gap_of, wait_of : int64, the thing; gaps, waits : float64, natural logarithm of days
    """

    gap_of: I64
    gaps: F64
    wait_of: I64
    waits: F64


def fit_repurchase(table: EventTable, items: Sequence[Item], cutoff_ms: int, clock: bool) -> Repurchase | None:
    """Shares and gaps of the items; None without a usable clock, or where hardly anything was bought twice.

    Parameters
    ----------
    cutoff_ms : the moment up to which shoppers could have come back
    """
    if not clock:
        return None
    things = _numbers([item.group_id or item.item_id for item in items])
    table = settled(table, cutoff_ms)
    bought = purchases(table.rows(is_bought(table)), things, cutoff_ms)
    if len(bought.gaps) < _LEAST_GAPS:
        return None
    # A thing's category is that of its first variant; one without category leans on the shop as a class of its own.
    first_of = np.unique(things, return_index=True)[1]
    category_of = _numbers([items[k].categories[-1] if items[k].categories else "" for k in first_of.tolist()])
    share, mean, spread = _fit(bought, category_of)
    columns = (share[things], np.exp(mean)[things], spread[things])
    return Repurchase(*(column.astype(np.float32) for column in columns))


def purchases(table: EventTable, things: I64, cutoff_ms: int) -> Purchases:
    """Gaps and waits of a table of purchases.

    Parameters
    ----------
    things : int64 (items,), what counts as the same thing when bought again, numbered from 0
    """
    thing = things[table.item]
    order = np.lexsort((table.time_ms, thing, table.user))
    user, thing, at = table.user[order], thing[order], table.time_ms[order]
    kept = _starts(np.append(True, (user[1:] != user[:-1]) | (thing[1:] != thing[:-1])), at) if len(at) else order
    user, thing, at = user[kept], thing[kept], at[kept]
    again = (user[1:] == user[:-1]) & (thing[1:] == thing[:-1])
    last = np.append(~again, True) if len(at) else np.empty(0, dtype=np.bool_)
    waits = np.maximum((cutoff_ms - at[last]) / DAY_MS, _LEAST_WAIT_DAYS)
    return Purchases(thing[1:][again], np.log(np.diff(at)[again] / DAY_MS), thing[last], np.log(waits))


def _starts(first: NDArray[np.bool_], at: I64) -> I64:
    """Rows that begin a purchase: the first of a shopper and thing, then each a day or more after such a start."""
    kept, start = [], 0
    for row, (is_first, at_ms) in enumerate(zip(first.tolist(), at.tolist(), strict=True)):
        if is_first or at_ms - start >= DAY_MS:
            kept.append(row)
            start = at_ms
    return np.asarray(kept, dtype=np.int64)


def _fit(bought: Purchases, category_of: I64) -> tuple[F64, F64, F64]:
    """Share, mean and spread of the log gap of each thing: float64 (things,)."""
    n, n_categories = len(category_of), int(category_of.max()) + 1

    def total(of: I64, values: F64) -> F64:
        return np.bincount(of, values, minlength=n).astype(np.float64)

    def by_category(values: F64) -> F64:
        return np.bincount(category_of, values, minlength=n_categories).astype(np.float64)

    ones = np.ones(len(bought.gaps))
    seen = (total(bought.gap_of, ones), total(bought.gap_of, bought.gaps), total(bought.gap_of, bought.gaps**2))
    trials = seen[0] + np.bincount(bought.wait_of, minlength=n)
    mean = np.full(n, bought.gaps.mean())
    spread = np.full(n, max(float(bought.gaps.std()), _LEAST_SPREAD))
    share = np.full(n, len(bought.gaps) / trials.sum())
    for _ in range(_ROUNDS):
        chance, first, second = _expected(bought, share, mean, spread)
        times = seen[0] + total(bought.wait_of, chance)
        sums = seen[1] + total(bought.wait_of, chance * first)
        squares = seen[2] + total(bought.wait_of, chance * second)
        counts = (times, sums, squares, trials.astype(np.float64))
        shop = _moments(*(np.atleast_1d(part.sum()) for part in counts), prior=None)
        categories = _moments(*map(by_category, counts), prior=shop)
        share, mean, spread = _moments(*counts, prior=tuple(part[category_of] for part in categories))
    return share, mean, spread


def _expected(bought: Purchases, share: F64, mean: F64, spread: F64) -> tuple[F64, F64, F64]:
    """For each wait: the probability that the shopper still comes back, and the first two moments of their log gap."""
    of = bought.wait_of
    z = (bought.waits - mean[of]) / spread[of]
    still = share[of] * ndtr(-z)
    hazard = np.exp(-0.5 * z**2 - log_ndtr(-z)) / np.sqrt(_TWO_PI)
    first = mean[of] + spread[of] * hazard
    second = mean[of] ** 2 + spread[of] ** 2 + spread[of] * hazard * (bought.waits + mean[of])
    return still / (1 - share[of] + still), first, second


def _moments(*counts: F64, prior: tuple[F64, ...] | None) -> tuple[F64, F64, F64]:
    """Share, mean and spread of the log gap, drawn towards `prior` where there is one.

    Parameters
    ----------
    counts : gaps, sums of their logarithms and of the squares of these, and purchases
    """
    times, sums, squares, trials = counts
    weight = 0.0 if prior is None else _PRIOR
    share, mean, spread = (np.zeros(1),) * 3 if prior is None else prior
    new_share = (times + weight * share) / (trials + weight)
    new_mean = (sums + weight * mean) / (times + weight)
    variance = (squares - 2 * new_mean * sums + times * new_mean**2 + weight * spread**2) / (times + weight)
    return new_share, new_mean, np.sqrt(np.maximum(variance, _LEAST_SPREAD**2))


def _numbers(names: Sequence[str]) -> I64:
    """A number from 0 for each distinct name."""
    known: dict[str, int] = {}
    return np.asarray([known.setdefault(name, len(known)) for name in names], dtype=np.int64)
