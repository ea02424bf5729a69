"""What the lists of the validation window show, for the limits of `endcap.snapshot.fairness`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from endcap.arrays import F64, I32
from endcap.index.index import ItemIndex
from endcap.profiles.profile import UserProfile
from endcap.ranking.features import RankingSettings
from endcap_rebuild.metrics.exposure import exposure_by_owner, gini, mean_of_lists
from endcap_rebuild.metrics.ranks import K, best_list
from endcap_rebuild.tuning.candidates import case_terms
from endcap_rebuild.tuning.list_search import MIN_CASES
from endcap_rebuild.tuning.split import Cases, spread

MOST_LISTS: Final = 2_000


def shown_by(
    index: ItemIndex, cases: Cases, profiles: Sequence[UserProfile], settings: RankingSettings, factors: F64
) -> dict[str, Any] | None:
    """`metrics.fairness` of a manifest; None with fewer cases than weights are tuned on, or empty lists.

    Parameters
    ----------
    profiles : one per case
    factors : float64 (len(TERMS),), weights by scale
    """
    if len(cases) < MIN_CASES:
        return None
    rows = spread(len(cases), MOST_LISTS)
    some = cases.chosen(rows)
    lists = _lists(index, some, [profiles[k] for k in rows.tolist()], settings, factors)
    n = index.n_items
    exposure = np.asarray(exposure_by_owner(lists, np.zeros(len(lists), dtype=np.int64), 1, n).todense())[0]
    if not exposure.any():  # everybody has everything
        return None
    pairs = np.unique(cases.table.user.astype(np.int64) << 32 | cases.table.item)
    popularity = np.bincount(pairs & 0xFFFFFFFF, minlength=n) / max(len(cases.table.user_ids), 1)
    known = np.array([popularity[some.seen(case)].mean() for case in range(len(some))])
    lift = np.nanmean(mean_of_lists(lists, popularity)) / known.mean() - 1
    return {
        "lists": len(lists),
        "exposure_gini": round(float(gini(exposure)), 5),
        "coverage": round(float(np.count_nonzero(exposure) / n), 5),
        "popularity_lift": round(float(lift), 5),
    }


def _lists(
    index: ItemIndex, cases: Cases, profiles: Sequence[UserProfile], settings: RankingSettings, factors: F64
) -> I32:
    """int32 (c, K): the first places as they are served to somebody who wants nothing again."""
    small = factors.astype(np.float32)
    precedence = np.empty(index.n_items, dtype=np.int64)
    precedence[np.lexsort((index.tie_keys, -index.popularity))] = np.arange(index.n_items)
    found = []
    for case, terms in enumerate(case_terms(index, cases, profiles, settings, factors)):
        found.append(best_list(small @ terms, np.append(cases.seen(case), cases.absent), precedence, K))
    return np.stack(found)
