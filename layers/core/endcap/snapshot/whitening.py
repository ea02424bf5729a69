"""Whitening of text vectors, by a snapshot's own mean and projection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, I8
from endcap.snapshot.format import EXACT_ELEMENTS

if TYPE_CHECKING:
    from endcap.snapshot.snapshot import Snapshot

_BLOCK: Final = 16_384  # rows that are whitened at a time
_SAMPLE: Final = 64
_SAME: Final = 0.02
"""How far item vectors may be from the whitened text, by rounding, and still be just that."""


def whiten(snapshot: Snapshot, text_vectors: NDArray[np.floating[Any]]) -> F32:
    """Text vectors in the space of the items: centred, projected, length 1 (a vector equal to the mean gives zero).

    Parameters
    ----------
    text_vectors : (..., d_text), the encoder's output

    Returns
    -------
    float32 (..., d_item)
    """
    return whiten_with(snapshot.whitening_mean, snapshot.whitening_projection, text_vectors)


def whiten_with(mean: F32, projection: F32, text_vectors: NDArray[np.floating[Any]]) -> F32:
    """`whiten` with the mean (d_text,) and projection (d_text, d_item) given; all-zero inputs stay zero."""
    vectors = np.asarray(text_vectors, dtype=np.float32)
    present = np.any(vectors != 0, axis=-1, keepdims=True)
    projected = ((vectors - mean) @ projection) * present
    length = np.linalg.norm(projected, axis=-1, keepdims=True)
    return np.asarray(projected / np.where(length > 1e-6, length, np.inf), dtype=np.float32)


def coarse_white(text: NDArray[np.floating[Any]], mean: F32, projection: F32) -> tuple[I8, float]:
    """Whitened rows of `text` (n, d_text) as int8 (n, d_item), and the scale that gives them back."""
    starts = range(0, len(text), _BLOCK)
    blocks = [whiten_with(mean, projection, text[start : start + _BLOCK]).astype(np.float16) for start in starts]
    peak = max((float(np.abs(block).max(initial=0.0)) for block in blocks), default=0.0) or 1.0
    levels = [np.rint(block * np.float32(127 / peak)).astype(np.int8) for block in blocks]
    return np.concatenate(levels or [np.zeros((0, projection.shape[1]), dtype=np.int8)]), peak / 127


def is_text_alone(
    items: NDArray[np.floating[Any]], text: NDArray[np.floating[Any]], mean: F32, projection: F32
) -> bool:
    """Whether the item vectors (n, d_item) are the whitened text (n, d_text) and nothing else."""
    sample = np.arange(0, len(items), max(1, len(items) // _SAMPLE))
    of_text = whiten_with(mean, projection, text[sample])
    return bool(np.abs(of_text - items[sample].astype(np.float32)).max(initial=0.0) < _SAME)


def wants_white(items: NDArray[np.floating[Any]], text: NDArray[np.floating[Any]], mean: F32, projection: F32) -> bool:
    """Whether whitened rows are worth a table of their own: too many to be held, and not the item vectors."""
    return items.size > EXACT_ELEMENTS and not is_text_alone(items, text, mean, projection)
