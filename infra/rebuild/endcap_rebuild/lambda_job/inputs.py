"""What an execution of the state machine finds in the bucket: its exports, the archive, what earlier ones kept."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from endcap.aws.snapshots import POINTER
from endcap.cost.rebuilds import RebuildSize
from endcap.errors import InvalidInputError
from endcap.filenames import MONTH_ENDING
from endcap_rebuild.base_encoders.recipes import RECIPES
from endcap_rebuild.sagemaker.publishing import CACHE_PREFIX, ENCODERS_PREFIX, Publisher

TABLES: Final = ("items", "profiles", "erasures")
ARCHIVE: Final = "events/"
_SUMMARY: Final = "/manifest-summary.json"
_EVENT_BYTES: Final = 40
"""Of an archived event, packed; gzipped a shop's own are some 80, and an estimate is to be on the safe side."""
_PLAIN_BYTES: Final = 200
"""The same of one that is not."""
_VECTOR_BYTES: Final = 4 * 192 + 8
_PACKED: Final = (".gz", MONTH_ENDING)
_UNREADABLE: Final = (".parquet",)
"""Kinds of file that only a training job has a reader for, but for months of the archive itself."""


@dataclass(frozen=True)
class Inputs:
    """What there is to read.

    Attributes
    ----------
    size : of it
    unreadable : kinds of file that can't be read here
    encoders : whether there is a text encoder to begin with
    """

    size: RebuildSize
    unreadable: tuple[str, ...]
    encoders: bool


def inputs_of(bucket: Publisher, execution: str) -> Inputs:
    """Look at an execution's exports and the archive, without fetching them.

    Raises
    ------
    InvalidInputError : the items were not exported to the end
    ThrottledError, DependencyError
    """
    exports = bucket.sizes(exports_prefix(execution))
    archive, kept = bucket.sizes(ARCHIVE), bucket.sizes(CACHE_PREFIX)
    items = _items(bucket, exports, f"{exports_prefix(execution)}items/")
    texts = sum(size for key, size in kept.items() if key.startswith(f"{CACHE_PREFIX}texts/"))
    events = sum(size / (_EVENT_BYTES if key.endswith(_PACKED) else _PLAIN_BYTES) for key, size in archive.items())
    stored = (exports, archive, kept)
    size = RebuildSize(
        items=items,
        events=math.ceil(events),
        new_texts=max(0, items - texts // _VECTOR_BYTES),
        files=sum(map(len, stored)),
        stored_mb=sum(sum(part.values()) for part in stored) / 1e6,
    )
    foreign = [key for key in archive if not key.endswith(MONTH_ENDING)]
    unreadable = sorted({ending for key in foreign for ending in _UNREADABLE if key.endswith(ending)})
    staged = {*bucket.sizes(ENCODERS_PREFIX), *(key.removeprefix(CACHE_PREFIX) for key in kept)}
    return Inputs(size, tuple(unreadable), _has_encoder(staged) or bool(bucket.sizes(POINTER)))


def exports_prefix(execution: str) -> str:
    """Where the state machine has the tables written to."""
    return f"exports/{execution}/"


def fetch(bucket: Publisher, execution: str, folder: Path, encoders: Path) -> None:
    """Lay the exports and the archive into `folder` as a rebuild reads them, and staged encoders into `encoders`.

    Raises
    ------
    ThrottledError, DependencyError
    """
    for table in TABLES:
        bucket.fetch(f"{exports_prefix(execution)}{table}/", folder / table)
    bucket.fetch(ARCHIVE, folder / "events")
    bucket.fetch(ENCODERS_PREFIX, encoders)


def _items(bucket: Publisher, exports: dict[str, int], prefix: str) -> int:
    summaries = sorted(key for key in exports if key.startswith(prefix) and key.endswith(_SUMMARY))
    if not summaries:
        raise InvalidInputError(f"{prefix} holds no export that is finished")
    try:
        return int(json.loads(bucket.read(summaries[-1]))["itemCount"])
    except (ValueError, KeyError, TypeError) as exc:
        raise InvalidInputError(f"{summaries[-1]} can't be read: {exc!r}") from exc


def _has_encoder(keys: set[str]) -> bool:
    """Whether a whole base encoder is among the objects below `encoders/`."""
    return any(
        all(f"{ENCODERS_PREFIX}{recipe.folder}/{name}" in keys for name in recipe.sha256) for recipe in RECIPES.values()
    )
