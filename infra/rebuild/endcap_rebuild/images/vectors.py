"""The pictures of a catalogue as one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from endcap.arrays import F32
from endcap.catalog.item import Item
from endcap.encoders.quantize import dequantize_unit
from endcap.index.vectors import without_mean


class Pictures(NamedTuple):
    """The pictures of a catalogue.

    Attributes
    ----------
    vectors : float32 (items, width), less their mean, unit rows; zero for an item without
    mean : float32 (width,)
    other_width : items whose vector has another width than most, and does not count
    """

    vectors: F32
    mean: F32
    other_width: int

    @property
    def known(self) -> int:
        """Items with a vector that counts."""
        return int(self.vectors.any(axis=1).sum())


def pictures_of(items: Sequence[Item]) -> Pictures | None:
    """The vectors that items bring, in the width that most of them have (the widest of equals); None without any."""
    widths = Counter(len(item.image_vector) for item in items if item.image_vector)
    if not widths:
        return None
    width = max(widths, key=lambda one: (widths[one], one))
    levels = b"".join(item.image_vector if len(item.image_vector) == width else b"\0" * width for item in items)
    units = dequantize_unit(np.frombuffer(levels, dtype=np.int8).reshape(len(items), width))
    known = units.any(axis=1)
    mean = units[known].mean(axis=0).astype(np.float32)
    return Pictures(without_mean(units, mean), mean, sum(widths.values()) - int(known.sum()))
