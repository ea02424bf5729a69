"""Where a training runs, and that it ends with the same numbers each time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from endcap.errors import InvalidInputError


def device_of(name: str) -> torch.device:
    """The device asked for; "auto" takes CUDA where there is one.

    Raises
    ------
    InvalidInputError : "cuda" without any
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InvalidInputError("device cuda was asked for, but torch finds none here")
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)


@contextmanager
def reproducible(threads: int) -> Iterator[None]:
    """Algorithms that give the same sums each time, on a fixed number of threads; put back afterwards."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    filling = torch.utils.deterministic.fill_uninitialized_memory
    torch.utils.deterministic.fill_uninitialized_memory = False  # a safety net that costs a pass over every result
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # CUDA asks for this before it is deterministic
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1], warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = filling
