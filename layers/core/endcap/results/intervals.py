"""How sure a share is."""

from __future__ import annotations

import math
from typing import Final

CONFIDENCE: Final = 0.95
Z: Final = 1.959963984540054
"""Of the normal distribution, for that confidence on both sides."""

FEW_LISTS: Final = 20
"""Of fewer a share says nothing to people; it is told as what it is, so many of so many."""


def share(hits: int, of: int) -> dict[str, float] | None:
    """A share with Wilson's interval; None of nothing.

    References: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    if of <= 0:
        return None
    p, z2 = hits / of, Z * Z
    middle = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = Z / (1 + z2 / of) * math.sqrt(p * (1 - p) / of + z2 / (4 * of * of))
    return {"value": p, "low": max(0.0, middle - half), "high": min(1.0, middle + half)}
