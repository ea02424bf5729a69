"""Limits on how unevenly a snapshot's lists fall on the catalogue, which a shop may set.

A rebuild measures it on the lists of its validation window and puts it into the manifest, `metrics.fairness`:
`lists` (how many were made), `exposure_gini` (0 = even, towards 1 = a few items get everything), `coverage` (share of
the catalogue that is shown at all) and `popularity_lift` (how much more popular the items shown are than those of the
histories; 0.2 = a fifth). Figures of different numbers of lists are not comparable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from endcap.errors import SnapshotError


class FairnessError(SnapshotError):
    """The lists are outside a limit that the shop has set."""


@dataclass(frozen=True, slots=True)
class FairnessLimits:
    """What lists must keep to; None sets no limit."""

    max_gini: float | None = None
    min_coverage: float | None = None
    max_popularity_lift: float | None = None

    def _rows(self) -> tuple[tuple[str, int, float | None], ...]:
        """Figure, 1 where more is worse and -1 where less is, limit."""
        return (
            ("exposure_gini", 1, self.max_gini),
            ("coverage", -1, self.min_coverage),
            ("popularity_lift", 1, self.max_popularity_lift),
        )

    def refusals(self, measured: Mapping[str, Any] | None) -> list[str]:
        """Why lists are refused, one sentence for each limit; empty where they keep to all.

        Parameters
        ----------
        measured : `metrics.fairness` of a manifest; a figure that is missing, or no number, keeps to no limit
        """
        found = []
        for figure, sign, limit in self._rows():
            if limit is None:
                continue
            value = (measured or {}).get(figure)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                found.append(f"{figure} was not measured, and its limit is {limit:g}")
            elif sign * (value - limit) > 0:
                found.append(f"{figure} is {value:.4f}, {'above' if sign > 0 else 'below'} the limit of {limit:g}")
        return found
