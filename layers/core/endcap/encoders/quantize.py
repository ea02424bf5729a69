"""Unit vectors as int8."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from endcap.arrays import F32, I8

INT8_LEVELS_PER_UNIT = 254.0  # one level = 1/254; components of a unit vector rarely pass 0.5


def quantize_unit(vectors: npt.ArrayLike) -> I8:
    """Unit vectors as int8, on one fixed scale: level = value x 254.

    A vector with a component beyond 1/2 is shrunk to fit, direction kept, so that no component is clipped;
    `dequantize_unit` restores the length.

    Parameters
    ----------
    vectors : float (..., d), L2-normalised

    Returns
    -------
    int8 (..., d) in [-127, 127]; cosine to the input >= 0.9995 up to d = 384
    """
    values = np.asarray(vectors, dtype=np.float32) * np.float32(INT8_LEVELS_PER_UNIT)
    peak = np.max(np.abs(values), axis=-1, keepdims=True, initial=0.0)
    shrink = np.float32(127.0) / np.maximum(peak, np.float32(127.0))
    levels: I8 = np.rint(values * shrink).astype(np.int8)
    return levels


def dequantize_unit(levels: npt.ArrayLike) -> F32:
    """float32 (..., d) unit vectors of what `quantize_unit` wrote; an all-zero row stays zero."""
    values = np.asarray(levels, dtype=np.int8).astype(np.float32)
    norms = np.linalg.norm(values, axis=-1, keepdims=True)
    units: F32 = values / np.maximum(norms, np.float32(1.0))  # a non-zero row of integers has length 1 at least
    return units
