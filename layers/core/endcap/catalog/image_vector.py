"""The vector of an item's picture, by whatever model of images the shop has: only its direction counts.

It is kept as one byte a number. Nothing here imports numpy, as functions that only store items do without.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import Final

LEAST_WIDTH: Final = 2
MOST_WIDTH: Final = 2048
_LEVELS: Final = 127
_WANTED: Final = (
    f"needs {LEAST_WIDTH} to {MOST_WIDTH:,} finite numbers that are not all 0, as a list, as JSON in text, or as "
    "GET /items/{item_id} answers it"
)


def image_levels(value: object) -> bytes:
    """Numbers as int8, the largest as ±127; b"" for None, "" and what is bytes already as it is.

    Parameters
    ----------
    value : numbers; the same as JSON in text, as tables have it; or base64 of what this returns, see `image_text`

    Raises
    ------
    ValueError : it is nothing of the kind, has too few or too many numbers, one that is not finite, or only zeros
    """
    if value is None or value == "":
        return b""
    if isinstance(value, bytes):
        levels = value
    elif isinstance(value, str) and not value.lstrip().startswith("["):
        levels = _decoded(value)
    else:
        levels = _scaled(_numbers(value))
    if not LEAST_WIDTH <= len(levels) <= MOST_WIDTH or not any(levels):
        raise ValueError(_WANTED)
    return levels


def image_text(levels: bytes) -> str:
    """Base64 of a vector: how it is stored, and how `GET /items/{item_id}` shows it."""
    return base64.b64encode(levels).decode("ascii")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ValueError(_WANTED) from exc


def _numbers(value: object) -> list[float]:
    try:
        given = json.loads(value) if isinstance(value, str) else value
        if not isinstance(given, list | tuple) or not LEAST_WIDTH <= len(given) <= MOST_WIDTH:
            raise ValueError(_WANTED)
        if any(isinstance(number, bool) or not isinstance(number, int | float) for number in given):
            raise ValueError(_WANTED)
        numbers = [float(number) for number in given]
    except (ValueError, OverflowError, RecursionError) as exc:
        raise ValueError(_WANTED) from exc
    if not all(map(math.isfinite, numbers)):
        raise ValueError(_WANTED)
    return numbers


def _scaled(numbers: list[float]) -> bytes:
    peak = max(map(abs, numbers))
    return bytes(round(number / peak * _LEVELS) & 0xFF for number in numbers) if peak else b""
