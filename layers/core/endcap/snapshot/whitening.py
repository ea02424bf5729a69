"""Whitening of text vectors, by a snapshot's own mean and projection."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32
from endcap.snapshot.snapshot import Snapshot


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
