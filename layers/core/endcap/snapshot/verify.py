"""Whether a snapshot's arrays are sound, checked before it is promoted."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import numpy as np

from endcap.arrays import F16, I8, I32, I64
from endcap.encoders.text import ENCODER_FILES
from endcap.errors import EncoderError, SnapshotIntegrityError
from endcap.snapshot.ids import tie_keys_of
from endcap.snapshot.lexical import LexicalIndex
from endcap.snapshot.parts import Repurchase
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from endcap.snapshot.whitening import coarse_white

# How far a stored row's length may be from 1: fp16 and int8 rounding at any width we use stay well inside.
_UNIT_TOLERANCE: Final = 0.03


def verify_snapshot(directory: Path) -> dict[str, Any]:
    """The manifest of a snapshot, checked as `load_verified` does.

    Raises
    ------
    SnapshotMissingError, SnapshotIntegrityError
    """
    return dict(load_verified(directory).manifest)


def load_verified(directory: Path) -> Snapshot:
    """Load a snapshot as `load_snapshot` does, and check its contents.

    Values are finite, stored rows have length 1 or 0, references stay inside the catalogue, documents match the ids,
    and the encoder loads (operator allow-list, no external data).

    Raises
    ------
    SnapshotMissingError, SnapshotIntegrityError
    """
    snapshot = load_snapshot(directory)
    n = snapshot.n_items
    for name in ("whitening_mean", "whitening_projection", "popularity", "trend"):
        _require(bool(np.isfinite(getattr(snapshot, name)).all()), f"{name} holds a value that is not finite")
    for name, scale in (("item_vectors", snapshot.item_scale), ("text_vectors", snapshot.text_scale)):
        _check_rows(name, getattr(snapshot, f"{name}_f16"), getattr(snapshot, f"{name}_i8"), scale)
    for name, neighbours in snapshot.lists.items():
        _check_csr(f"list {name}", neighbours.indptr, neighbours.indices, n)
        weights = np.asarray(neighbours.weights)
        _require(bool(np.isfinite(weights).all() and (weights >= 0).all()), f"list {name} has an unusable weight")
    columns = snapshot.columns
    _check_csr("categories", columns.category_indptr, columns.category_indices, len(columns.categories))
    _require(bool(((columns.brand >= -1) & (columns.brand < len(columns.brands))).all()), "a brand is out of range")
    _require(not np.isinf(columns.price).any(), "a price is not finite")
    _require(bool((snapshot.groups >= 0).all() and (snapshot.interaction_counts >= 0).all()), "a count is negative")
    _check_repurchase(snapshot.repurchase)
    if snapshot.contexts is not None:
        rows = snapshot.contexts.items
        share, n_contexts = np.asarray(snapshot.contexts.share), len(snapshot.contexts.contexts)
        _require(len(rows.indptr) == n_contexts + 1 == len(share) + 1, "the contexts' rows are not theirs")
        _require(bool(((share >= 0) & (share <= 1)).all()), "a context's share is not between 0 and 1")
        _check_csr("contexts", rows.indptr, rows.indices, n)
        lifts = np.asarray(rows.weights)
        _require(bool(np.isfinite(lifts).all() and (lifts >= 0).all()), "a context has an unusable weight")
    size = snapshot.manifest["files"]["items.jsonl"]["bytes"]
    offsets = snapshot.item_offsets
    _require(bool(offsets[0] == 0 and offsets[-1] == size and (np.diff(offsets) > 0).all()), "item offsets are wrong")
    try:
        _require(
            all(snapshot.document(i)["item_id"] == item_id for i, item_id in enumerate(snapshot.item_ids)),
            "an item's document is not at its offset",
        )
        encoder = snapshot.encoder
    except (EncoderError, ValueError, OSError) as exc:
        raise SnapshotIntegrityError(f"the snapshot's encoder or catalogue is unusable: {exc}") from exc
    _check_derived(snapshot)
    files = set(ENCODER_FILES) & set(snapshot.manifest["files"])
    _require(not files or files == set(ENCODER_FILES), "the encoder's files are incomplete")
    width = snapshot.manifest["dims"]["text"]
    _require(encoder is None or encoder.config.d_text == width, f"the encoder does not give {width} numbers")
    return snapshot


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise SnapshotIntegrityError(problem)


def _check_rows(name: str, rows_f16: F16, rows_i8: I8, scale: float) -> None:
    _require(np.isfinite(scale) and scale > 0, f"{name} has an unusable scale")
    for start in range(0, len(rows_f16), 65_536):  # in blocks: the widened copy of a large catalogue is large
        exact = rows_f16[start : start + 65_536].astype(np.float32)
        _require(bool(np.isfinite(exact).all()), f"{name} holds a value that is not finite")
        lengths = np.linalg.norm(exact, axis=1)
        unit_or_zero = (np.abs(lengths - 1) < _UNIT_TOLERANCE) | (lengths == 0)
        _require(bool(unit_or_zero.all()), f"{name}: a row has length != 1")
        coarse = rows_i8[start : start + 65_536].astype(np.float32) * np.float32(scale)
        _require(bool((np.abs(coarse - exact) <= scale).all()), f"{name}: int8 and fp16 rows differ")


def _check_repurchase(repurchase: Repurchase | None) -> None:
    if repurchase is None:
        return
    share, gaps = np.asarray(repurchase.share), (repurchase.gap_days, repurchase.gap_spread)
    _require(bool(((share >= 0) & (share <= 1)).all()), "a share of repurchases is not between 0 and 1")
    _require(all(bool((np.isfinite(g) & (g > 0)).all()) for g in map(np.asarray, gaps)), "a repurchase gap is unusable")


def _check_derived(snapshot: Snapshot) -> None:
    """What spares readers work has to be what they would have worked out."""
    ids, keys = list(snapshot.item_ids), snapshot.tie_keys
    found = all(snapshot.item_ids.row(item_id) == row for row, item_id in enumerate(ids))
    _require(found, "an id leads to another row")
    _require(keys is None or np.array_equal(keys, tie_keys_of(ids)), "the tie keys are not the ids'")
    if snapshot.lexical is not None:
        own = LexicalIndex.of([snapshot.document(row) for row in range(snapshot.n_items)])
        for stored, built in ((snapshot.lexical.words, own.words), (snapshot.lexical.numbers, own.numbers)):
            same = all(np.array_equal(getattr(stored, k), getattr(built, k)) for k in ("hashes", "indptr", "items"))
            _require(same, "the words are not those of the items")
    if snapshot.white is not None:
        coarse, scale = coarse_white(snapshot.text_vectors_f16, snapshot.whitening_mean, snapshot.whitening_projection)
        # A matrix product may round otherwise on another machine: one level of 127 is what that can make.
        close = snapshot.white[0].shape == coarse.shape and bool(
            (np.abs(snapshot.white[0].astype(np.int16) - coarse) <= 1).all()
        )
        _require(close and math.isclose(snapshot.white[1], scale, rel_tol=1e-3), "the whitened rows are not the texts'")


def _check_csr(name: str, indptr: I64, indices: I32, limit: int) -> None:
    _require(bool(indptr[0] == 0 and indptr[-1] == len(indices) and (np.diff(indptr) >= 0).all()), f"{name}: bad rows")
    _require(bool(((indices >= 0) & (indices < limit)).all()), f"{name}: a neighbour is out of range")
