"""The item vectors that a snapshot ships: unit(W · whitened text + ID)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32
from endcap.encoders.user import units


def projection_of(weights: Mapping[str, F32]) -> F32:
    """float32 (d_item, d_item): `whitened text @ projection`, brought to length 1, is the vector of an unseen item."""
    matrix = weights["text.weight"].T
    return np.ascontiguousarray(matrix * np.float32(np.sqrt(matrix.shape[0])), dtype=np.float32)


def final_item_vectors(weights: Mapping[str, F32], white: F32, counts: NDArray[np.integer[Any]]) -> F32:
    """float32 (n, d_item): unit rows; zero where an item has neither text nor interactions.

    Parameters
    ----------
    weights : the state of a `model.Tower` as float32 arrays
    white : float32 (n, d_item), whitened texts
    counts : (n,), interactions that the model was trained on; an item without any has no ID part
    """
    touched = (np.asarray(counts) > 0)[:, None]
    return units(white @ projection_of(weights) + np.where(touched, weights["ids"], np.float32(0)))


def projection_file(projection: F32) -> bytes:
    """The bytes of `item_projection.npy`."""
    buffer = io.BytesIO()
    np.save(buffer, projection, allow_pickle=False)
    return buffer.getvalue()
