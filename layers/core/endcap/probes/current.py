"""The current snapshot, as much of it as a candidate is compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, I64, Mask
from endcap.errors import SnapshotIntegrityError
from endcap.filenames import MANIFEST
from endcap.snapshot.examination import files_compared
from endcap.snapshot.figures import Compared
from endcap.snapshot.files import check_files, load_array
from endcap.snapshot.ids import ItemIds
from endcap.snapshot.snapshot import Snapshot

MOST_POPULAR: Final = 100
FEWEST_POPULAR: Final = 3
WIDER: Final = 5
"""A popular item of now may stand this many times lower in the candidate."""


@dataclass(frozen=True)
class CurrentItems:
    """Ids of the current snapshot, float32 (n,) popularity, bool (n,) whether it can be shown now."""

    ids: Sequence[str]
    popularity: F32
    for_sale: Mask


def read_current(folder: Path, now_ms: int) -> CurrentItems:
    """What lies in a folder with the files that `files_compared` names.

    Raises
    ------
    SnapshotIntegrityError : they can't be read
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        names = files_compared(manifest)
        check_files(folder, {"files": {name: manifest["files"][name] for name in names}})
        sizes = {"items": int(manifest["counts"]["items"])}
        popularity, available, expires = (
            load_array(folder, name, sizes) for name in ("popularity", "available", "expires_at_ms")
        )
        return CurrentItems(
            _ids(folder, manifest, sizes), popularity, available & ((expires == 0) | (expires > now_ms))
        )
    except Exception as exc:  # whatever odd bytes bring about
        raise SnapshotIntegrityError(f"the current snapshot can't be compared with: {exc!r}") from exc


def _ids(folder: Path, manifest: Mapping[str, Any], sizes: dict[str, int]) -> Sequence[str]:
    if "id_text.npy" in manifest["files"]:
        return list(ItemIds(*(load_array(folder, name, sizes) for name in ("id_text", "id_offsets", "id_slots"))))
    with (folder / "items.jsonl").open("rb") as lines:
        return [str(json.loads(line)["item_id"]) for line in lines]


def compared(snapshot: Snapshot, current: CurrentItems) -> Compared:
    """How a candidate stands to the current snapshot."""
    rows = [snapshot.item_ids.row(item_id) for item_id in current.ids]
    kept = np.asarray([-1 if row is None else row for row in rows], dtype=np.int64)
    n = max(1, len(kept))
    return Compared(
        ids_kept=float((kept >= 0).sum()) / n if len(kept) else 1.0,  # of an empty shop nothing can be lost
        popular_kept=_popular_kept(np.asarray(snapshot.popularity), kept, np.asarray(current.popularity)),
        for_sale=float(current.for_sale.sum()) / n,
    )


def _popular_kept(after: F32, kept: I64, before: F32) -> float | None:
    """Share of the most popular items of before that are among five times as many of after; ties are all among them."""
    k = min(MOST_POPULAR, len(before) // 10)
    if k < FEWEST_POPULAR:
        return None
    top = _above_the_rest(before, k)
    if not top.any():
        return None
    wide = _above_the_rest(after, WIDER * k)
    rows = kept[top]
    return float(wide[rows[rows >= 0]].sum()) / int(top.sum())


def _above_the_rest(values: NDArray[np.floating[Any]], k: int) -> Mask:
    """The `k` largest and what equals them, without what is no larger than the least of all."""
    if not len(values):
        return np.zeros(0, dtype=np.bool_)
    k = min(k, len(values))
    threshold = np.partition(values, len(values) - k)[len(values) - k]
    return np.asarray((values >= threshold) & (values > values.min()), dtype=np.bool_)
