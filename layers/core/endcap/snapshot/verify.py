"""Whether a snapshot's arrays are sound, checked before it is promoted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, overload

import numpy as np

from endcap.arrays import F16, I8
from endcap.encoders.text import ENCODER_FILES
from endcap.encoders.user import USER_ENCODER_FILES, UserEncoder
from endcap.errors import EncoderError, SnapshotIntegrityError
from endcap.snapshot.checks import require
from endcap.snapshot.ids import tie_keys_of
from endcap.snapshot.lexical import LexicalIndex
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from endcap.snapshot.whitening import coarse_white

# How far a stored row's length may be from 1: fp16 and int8 rounding at any width we use stay well inside.
_UNIT_TOLERANCE: Final = 0.03
BLOCK: Final = 65_536
"""Rows that are looked at together: the widened copy of a large catalogue is large."""


def verify_snapshot(directory: Path) -> dict[str, Any]:
    """The manifest of a snapshot, checked as `load_verified` does.

    Raises
    ------
    SnapshotMissingError, SnapshotIntegrityError
    """
    return dict(load_verified(directory).manifest)


def load_verified(directory: Path) -> Snapshot:
    """Load a snapshot as `load_snapshot` does, and check what takes longer.

    Stored rows have length 1 or 0, documents match the ids, and the encoders load (operator allow-list, no external
    data), fit the vectors, and give one for the least that they are asked for.

    Raises
    ------
    SnapshotMissingError, SnapshotIntegrityError
    """
    snapshot = load_snapshot(directory)
    for name, scale in (("item_vectors", snapshot.item_scale), ("text_vectors", snapshot.text_scale)):
        _check_rows(name, getattr(snapshot, f"{name}_f16"), getattr(snapshot, f"{name}_i8"), scale)
    for part, kept in (("described", snapshot.described), ("image", snapshot.image), ("tag", snapshot.tag)):
        if kept is not None:
            _check_rows(f"{part}_vectors", kept.fine, kept.coarse, kept.scale)
    try:
        require(
            all(snapshot.document(i)["item_id"] == item_id for i, item_id in enumerate(snapshot.item_ids)),
            "an item's document is not at its offset",
        )
        encoder = snapshot.encoder
    except (EncoderError, ValueError, OSError) as exc:
        raise SnapshotIntegrityError(f"the snapshot's encoder or catalogue is unusable: {exc}") from exc
    _check_derived(snapshot)
    files = set(ENCODER_FILES) & set(snapshot.manifest["files"])
    require(not files or files == set(ENCODER_FILES), "the encoder's files are incomplete")
    width = snapshot.manifest["dims"]["text"]
    require(encoder is None or encoder.config.d_text == width, f"the encoder does not give {width} numbers")
    _check_user_encoder(snapshot)
    return snapshot


def _check_user_encoder(snapshot: Snapshot) -> None:
    files = set(USER_ENCODER_FILES) & set(snapshot.manifest["files"])
    if not files:
        return
    require(files == set(USER_ENCODER_FILES), "the user encoder's files are incomplete")
    try:
        encoder = UserEncoder.from_bytes(*((snapshot.directory / name).read_bytes() for name in USER_ENCODER_FILES))
    except (EncoderError, ValueError, OSError) as exc:
        raise SnapshotIntegrityError(f"the snapshot's user encoder is unusable: {exc}") from exc
    require(
        encoder.d_item == snapshot.item_vectors_f16.shape[1], "the user encoder lives in another space than the items"
    )


class _Documents(Sequence[dict[str, Any]]):
    """The documents of a snapshot, one at a time: together they take gigabytes."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def __len__(self) -> int:
        return self._snapshot.n_items

    @overload
    def __getitem__(self, row: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, row: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, row: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(row, slice):
            return [self[k] for k in range(*row.indices(len(self)))]
        return self._snapshot.document(range(len(self))[row])


def _check_rows(name: str, rows_f16: F16, rows_i8: I8, scale: float) -> None:
    require(np.isfinite(scale) and scale > 0, f"{name} has an unusable scale")
    for start in range(0, len(rows_f16), BLOCK):
        exact = rows_f16[start : start + BLOCK].astype(np.float32)
        require(bool(np.isfinite(exact).all()), f"{name} holds a value that is not finite")
        lengths = np.linalg.norm(exact, axis=1)
        unit_or_zero = (np.abs(lengths - 1) < _UNIT_TOLERANCE) | (lengths == 0)
        require(bool(unit_or_zero.all()), f"{name}: a row has length != 1")
        coarse = rows_i8[start : start + BLOCK].astype(np.float32) * np.float32(scale)
        require(bool((np.abs(coarse - exact) <= scale).all()), f"{name}: int8 and fp16 rows differ")


def _check_derived(snapshot: Snapshot) -> None:
    """What spares readers work has to be what they would have worked out."""
    ids, keys = list(snapshot.item_ids), snapshot.tie_keys
    found = all(snapshot.item_ids.row(item_id) == row for row, item_id in enumerate(ids))
    require(found, "an id leads to another row")
    require(keys is None or np.array_equal(keys, tie_keys_of(ids)), "the tie keys are not the ids'")
    if snapshot.lexical is not None:
        kept = snapshot.lexical.codes
        own = LexicalIndex.of(_Documents(snapshot), older=kept is None)
        for stored, built in ((snapshot.lexical.words, own.words), (snapshot.lexical.numbers, own.numbers)):
            same = all(np.array_equal(getattr(stored, k), getattr(built, k)) for k in ("hashes", "indptr", "items"))
            require(same, "the words are not those of the items")
        if kept is not None and own.codes is not None:
            same = all(np.array_equal(getattr(kept, k), getattr(own.codes, k)) for k in ("text", "offsets", "items"))
            require(same, "the codes are not those of the items")
    if snapshot.white is not None:
        coarse, scale = coarse_white(snapshot.text_vectors_f16, snapshot.whitening_mean, snapshot.whitening_projection)
        # A matrix product may round otherwise on another machine: one level of 127 is what that can make.
        close = snapshot.white[0].shape == coarse.shape and bool(
            (np.abs(snapshot.white[0].astype(np.int16) - coarse) <= 1).all()
        )
        require(close and math.isclose(snapshot.white[1], scale, rel_tol=1e-3), "the whitened rows are not the texts'")
