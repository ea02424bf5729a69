"""Users who are no shoppers: bots, crawlers, accounts that a shop's own scripts or many people share.

How much a user does is compared with what is usual by median and median absolute deviation (MAD) of the log counts,
which the outliers themselves hardly move. Doing a lot makes nobody a bot: wholesalers and film lovers do. Left out is
who does a lot **and** shows at least one sign that people do not show:

repetition   20 or more events for each item touched, and far more than others
pace         1,200 or more distinct moments within one hour: one every three seconds, without a break
clockwork    nine in ten of 200 or more pauses of less than an hour within a tenth of their median
crawl        half of a catalogue, and at least 200 items, within 24 hours
sleepless    events in 22 or more of 24 hours

Times count only where they are a usable clock. References: Iglewicz & Hoaglin, How to Detect and Handle Outliers, 1993
(the modified z-score and its bound of 3.5); Rousseeuw & Croux, JASA 1993 (the factor 1.4826).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F64, I64
from endcap_rebuild.data.event_table import EventTable

MIN_USERS: Final = 20
"""With fewer users nothing is usual."""
MIN_EVENTS: Final = 50
TIMES_MEDIAN: Final = 5.0
FAR: Final = 3.5
REPETITION: Final = 20.0
PACE: Final = 1_200
CLOCKWORK_PAUSES: Final = 200
CRAWL: Final = 0.5
CRAWL_ITEMS: Final = 200
SLEEPLESS_HOURS: Final = 22
MAX_NAMED: Final = 50
"""The busiest are named, the rest is counted."""

# Shoppers whose counts hardly differ would make any difference look large: log counts half an e-fold apart are alike.
_LEAST_SPREAD: Final = 0.5
_MAD_TO_DEVIATION: Final = 1.4826
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS


@dataclass(frozen=True)
class Outlier:
    """One user who is left out, or would be.

    Attributes
    ----------
    distance : modified z-score of the log count
    signs : why, in the words of the module
    """

    user_id: str
    events: int
    items: int
    distance: float
    signs: tuple[str, ...]


@dataclass
class OutlierReport:
    """What was found among the users of a shop.

    Attributes
    ----------
    users, events : of all outliers
    left_out : whether they were left out
    usual_events : the median over users
    busy_users : users whose count is far from usual and who show no sign; they stay
    named : the outliers with the most events, at most `MAX_NAMED`
    """

    users: int = 0
    events: int = 0
    left_out: bool = False
    usual_events: float = 0.0
    busy_users: int = 0
    named: list[Outlier] = field(default_factory=list)


def find_outliers(table: EventTable, n_items: int, clock: bool) -> tuple[NDArray[np.bool_], OutlierReport]:
    """Who is an outlier, bool (users,), and what to say of it.

    Parameters
    ----------
    n_items : size of the catalogue
    clock : whether timestamps are times (see `clock.clock_usable`)
    """
    bounds = table.user_bounds()
    counts = np.diff(bounds)
    chosen = np.zeros(len(counts), dtype=np.bool_)
    acting = counts > 0
    if np.count_nonzero(acting) < MIN_USERS:
        return chosen, OutlierReport()
    items = _distinct_items(table, len(counts))
    per_item = counts / np.maximum(items, 1)
    distance, repeating = modified_z(counts, acting), modified_z(per_item, acting)
    usual = float(np.median(counts[acting]))
    busy = np.flatnonzero(counts >= max(MIN_EVENTS, TIMES_MEDIAN * usual))
    named = []
    for user in busy.tolist():
        rows = slice(int(bounds[user]), int(bounds[user + 1]))
        signs = ["repetition"] if per_item[user] >= REPETITION and repeating[user] > FAR else []
        if clock:
            signs += signs_in_time(table.time_ms[rows], table.item[rows], n_items)
        if signs:
            chosen[user] = True
            told = round(float(distance[user]), 2)
            named.append(Outlier(table.user_ids[user], int(counts[user]), int(items[user]), told, tuple(signs)))
    named.sort(key=lambda outlier: (-outlier.events, outlier.user_id))
    return chosen, OutlierReport(
        users=len(named),
        events=int(counts[chosen].sum()),
        usual_events=usual,
        busy_users=int(np.count_nonzero((distance > FAR) & ~chosen)),
        named=named[:MAX_NAMED],
    )


def modified_z(values: NDArray[Any], among: NDArray[np.bool_]) -> F64:
    """float64 (users,): how many robust deviations log(1 + value) lies above the median of those `among` them."""
    logs = np.log1p(values.astype(np.float64))
    middle = np.median(logs[among])
    spread = _MAD_TO_DEVIATION * float(np.median(np.abs(logs[among] - middle)))
    return np.asarray((logs - middle) / max(spread, _LEAST_SPREAD))


def signs_in_time(times_ms: I64, items: NDArray[np.integer[Any]], n_items: int) -> list[str]:
    """The signs that one user's times show.

    Parameters
    ----------
    times_ms : int64 (e,), rising; items : int (e,)
    """
    moments = np.unique(times_ms)
    signs = []
    if int((np.searchsorted(moments, moments + _HOUR_MS) - np.arange(len(moments))).max(initial=0)) >= PACE:
        signs.append("pace")
    if _is_clockwork(moments):
        signs.append("clockwork")
    if _most_items_of_a_day(times_ms, items) >= max(CRAWL * n_items, CRAWL_ITEMS):
        signs.append("crawl")
    hours = np.unique(moments // _HOUR_MS)
    if int((np.searchsorted(hours, hours + 24) - np.arange(len(hours))).max(initial=0)) >= SLEEPLESS_HOURS:
        signs.append("sleepless")
    return signs


def _is_clockwork(moments: I64) -> bool:
    pauses = np.diff(moments)
    pauses = pauses[pauses < _HOUR_MS]
    if len(pauses) < CLOCKWORK_PAUSES:
        return False
    middle = float(np.median(pauses))
    return float(np.quantile(np.abs(pauses - middle), 0.9)) <= 0.1 * middle


def _most_items_of_a_day(times_ms: I64, items: NDArray[np.integer[Any]]) -> int:
    """Distinct items within 24 hours, whenever these begin: days begin elsewhere at another time."""
    held: Counter[int] = Counter()
    most = first = 0
    times, own = times_ms.tolist(), items.tolist()
    for at_ms, item in zip(times, own, strict=True):
        held[item] += 1
        while times[first] <= at_ms - _DAY_MS:
            held[own[first]] -= 1
            if not held[own[first]]:
                del held[own[first]]
            first += 1
        most = max(most, len(held))
    return most


def _distinct_items(table: EventTable, n_users: int) -> I64:
    pairs = np.unique(table.user.astype(np.int64) << 32 | table.item)
    return np.bincount(pairs >> 32, minlength=n_users).astype(np.int64)


def anonymous(report: OutlierReport) -> dict[str, Any]:
    """The report as JSON without ids, for what outlives an erasure."""
    found = asdict(report)
    for outlier in found["named"]:
        del outlier["user_id"]
    return found
