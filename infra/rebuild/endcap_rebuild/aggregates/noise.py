"""Noise from Google's library for differential privacy, by way of PyDP.

Its Laplace noise for whole numbers is drawn on a grid, so that the last bits of a float do not tell what was added
(Mironov, CCS 2012), and by the system's source of secrets. Nothing here takes a seed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from endcap.arrays import I64
from endcap.errors import InvalidInputError

Noise = Callable[[I64, float, int], I64]
"""Counts, epsilon, most that one user adds to all counts together -> noisy counts."""


def laplace(counts: I64, epsilon: float, sensitivity: int) -> I64:
    """The counts, each with Laplace noise of scale sensitivity / epsilon.

    Raises
    ------
    InvalidInputError : the library is not installed; there are no wheels of it for this machine
    """
    try:
        from pydp.algorithms.numerical_mechanisms import LaplaceMechanism
    except ImportError as exc:
        raise InvalidInputError(
            "python-dp is not installed; pip install 'endcap[rebuild]' brings it on Linux on x86_64 and on macOS"
        ) from exc
    mechanism = LaplaceMechanism(epsilon, float(sensitivity))
    return np.array([mechanism.add_noise(int(count)) for count in counts], dtype=np.int64)
