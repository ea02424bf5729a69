"""From a number back to the items that have it: groups, brands, and the distinct sets of categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F16, I32, I64


@dataclass(frozen=True)
class CategorySets:
    """Distinct sets of categories.

    Attributes
    ----------
    of_item : int32 (n_items,), the number of each item's set
    count : how many sets there are
    owner, categories, shares : flat, which set, vocabulary id, and share in the items' description
    """

    of_item: I32
    count: int
    owner: I64
    categories: I64
    shares: F16


def inverted(numbers: NDArray[Any]) -> tuple[I32, I32]:
    """The rows sorted by their number, and where each number from 0 on begins among them; -1 has no rows."""
    order = np.argsort(numbers, kind="stable").astype(np.int32)
    starts = np.searchsorted(numbers[order], np.arange(int(numbers.max(initial=-1)) + 2))
    return order, starts.astype(np.int32)


def rows_of(by_number: tuple[I32, I32], numbers: I64) -> I64:
    """The rows of some numbers, one after the other; a number that no row has is passed over."""
    order, starts = by_number
    known = numbers[(numbers >= 0) & (numbers < len(starts) - 1)]
    return order[ranges(starts[known], starts[known + 1])].astype(np.int64)


def ranges(starts: NDArray[Any], ends: NDArray[Any]) -> I64:
    """The numbers from each start up to its end, one range after the other: int64."""
    lengths = (ends - starts).astype(np.int64)
    before = np.cumsum(lengths) - lengths
    return np.asarray(np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths), dtype=np.int64)
