"""A snapshot: everything that ranking needs, as one immutable folder that a rebuild writes and functions load.

Item vectors and text vectors, item-to-item lists, popularity, attribute columns, the weights of the score, and the
encoder that made the vectors. `write_snapshot` is the only writer, `load_snapshot` the only reader, so that the batch
job and the functions can't drift apart. Layout and file checks live in `endcap.snapshot.files`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.errors import EncoderError, SnapshotIntegrityError
from endcap.snapshot.files import (
    ARRAYS,
    ENCODER_FILES,
    LIST_NAMES,
    OPTIONAL_ARRAYS,
    canonical_json,
    check_files,
    has_part,
    load_array,
    read_manifest,
    write_files,
)
from endcap.snapshot.parts import (
    F16,
    F32,
    I8,
    I32,
    I64,
    ContextDemand,
    ItemColumns,
    ItemList,
    Repurchase,
    TermWeight,
    Weights,
    empty_list,
)

if TYPE_CHECKING:
    from endcap.encoders.text import TextEncoder

__all__ = [
    "ContextDemand",
    "ItemColumns",
    "ItemList",
    "Repurchase",
    "Snapshot",
    "SnapshotContents",
    "TermWeight",
    "Weights",
    "load_snapshot",
    "load_verified",
    "verify_snapshot",
    "whiten",
    "whiten_with",
    "write_snapshot",
]

# How far a stored row's length may be from 1: fp16 and int8 rounding at any width we use stay well inside.
_UNIT_TOLERANCE: Final = 0.03


@dataclass(frozen=True)
class SnapshotContents:
    """What `write_snapshot` puts into a snapshot; rows of every array belong to `documents` in order.

    documents : JSON-able items with `item_id` and, for variants, `group_id`
    text_vectors : float32 (n, d_text), the encoder's own output, unit rows (zero rows for items without text)
    item_vectors : float32 (n, d_item), unit rows or zero
    whitening_mean, whitening_projection : float32 (d_text,) and (d_text, d_item)
    encoder_files : `text_encoder.onnx`, `tokenizer.json`, `encoder.json`, or none of them; `user_encoder.onnx`
    run : what may differ between equal rebuilds (host, durations); stays outside the content hash
    """

    documents: Sequence[Mapping[str, Any]]
    text_vectors: F32
    item_vectors: F32
    whitening_mean: F32
    whitening_projection: F32
    lists: Mapping[str, ItemList]
    popularity: F32
    trend: F32
    interaction_counts: I32
    columns: ItemColumns
    weights: Weights
    catalog_as_of_ms: int
    training_cutoff_ms: int
    clock_usable: bool
    created: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    model_card: str = ""
    encoder_files: Mapping[str, bytes] = field(default_factory=dict)
    encoder_name: str = ""
    teacher_name: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0
    parent_version: str | None = None
    run: Mapping[str, Any] = field(default_factory=dict)
    repurchase: Repurchase | None = None
    contexts: ContextDemand | None = None


@dataclass(frozen=True)
class Snapshot:
    """A loaded snapshot; arrays are mapped from their files and must not be written to."""

    directory: Path
    version: str
    manifest: Mapping[str, Any]
    item_ids: list[str]
    index: Mapping[str, int]
    groups: I32
    item_vectors_i8: I8
    item_scale: float
    item_vectors_f16: F16
    text_vectors_i8: I8
    text_scale: float
    text_vectors_f16: F16
    whitening_mean: F32
    whitening_projection: F32
    lists: Mapping[str, ItemList]
    popularity: F32
    trend: F32
    interaction_counts: I32
    columns: ItemColumns
    weights: Weights
    catalog_as_of_ms: int
    training_cutoff_ms: int
    clock_usable: bool
    item_offsets: I64
    repurchase: Repurchase | None = None
    contexts: ContextDemand | None = None

    @property
    def n_items(self) -> int:
        """Items in the snapshot."""
        return len(self.item_ids)

    @cached_property
    def encoder(self) -> TextEncoder | None:
        """The text encoder, built when first asked for; None when the snapshot carries none.

        Raises
        ------
        EncoderError : the graph or the tokenizer breaks the rules of `endcap.encoders.text`
        """
        if "text_encoder.onnx" not in self.manifest["files"]:
            return None
        from endcap.encoders.text import TextEncoder

        return TextEncoder.from_dir(self.directory)

    @cached_property
    def _documents(self) -> NDArray[np.uint8]:
        return np.memmap(self.directory / "items.jsonl", dtype=np.uint8, mode="r")

    def document(self, position: int) -> dict[str, Any]:
        """The catalogue row of one item, parsed when asked for."""
        start, end = self.item_offsets[position], self.item_offsets[position + 1]
        document: dict[str, Any] = json.loads(self._documents[start:end].tobytes())
        return document


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


def write_snapshot(directory: Path, contents: SnapshotContents) -> dict[str, Any]:
    """Write a snapshot into a folder, the manifest last, and return the manifest."""
    lines = [canonical_json(document) + b"\n" for document in contents.documents]
    item_i8, item_scale = _quantize(contents.item_vectors)
    text_i8, text_scale = _quantize(contents.text_vectors)
    group_of: dict[str, int] = {}
    groups = [group_of.setdefault(str(d.get("group_id") or d["item_id"]), len(group_of)) for d in contents.documents]
    columns = contents.columns
    arrays: dict[str, NDArray[Any]] = {
        "item_offsets": np.concatenate([[0], np.cumsum([len(line) for line in lines], dtype=np.int64)]),
        "groups": np.asarray(groups, dtype=np.int32),
        "item_vectors_i8": item_i8,
        "item_vectors_f16": contents.item_vectors.astype(np.float16),
        "text_vectors_i8": text_i8,
        "text_vectors_f16": contents.text_vectors.astype(np.float16),
        **{name: getattr(contents, name) for name in ("whitening_mean", "whitening_projection")},
        **{name: getattr(contents, name) for name in ("popularity", "trend", "interaction_counts")},
        **{name: getattr(columns, name) for name in _COLUMN_ARRAYS},
    }
    for name in LIST_NAMES:
        for part in ("indptr", "indices", "weights"):
            arrays[f"list_{name}_{part}"] = getattr(contents.lists.get(name) or empty_list(len(lines)), part)
    if contents.repurchase is not None:
        parts = (contents.repurchase.share, contents.repurchase.gap_days, contents.repurchase.gap_spread)
        arrays |= dict(zip(OPTIONAL_ARRAYS["repurchase"], parts, strict=True))
    vocabularies: dict[str, Any] = {"brands": columns.brands, "categories": columns.categories}
    if contents.contexts is not None:
        share, rows = contents.contexts.share, contents.contexts.items
        arrays |= dict(zip(OPTIONAL_ARRAYS["contexts"], (share, rows.indptr, rows.indices, rows.weights), strict=True))
        vocabularies["contexts"] = contents.contexts.contexts
    blobs = {
        "items.jsonl": b"".join(lines),
        "vocabularies.json": canonical_json(vocabularies),
        "weights.json": contents.weights.to_json(),
        "metrics.json": canonical_json(contents.metrics),
        "MODEL_CARD.md": contents.model_card.encode(),
        **contents.encoder_files,
    }
    manifest = {
        "created": contents.created,
        "catalog_as_of_ms": contents.catalog_as_of_ms,
        "training_cutoff_ms": contents.training_cutoff_ms,
        "clock_usable": contents.clock_usable,
        "counts": {**contents.counts, "items": len(lines), "groups": len(group_of)},
        "dims": {"item": contents.item_vectors.shape[1], "text": contents.text_vectors.shape[1]},
        "scales": {"item_vectors": item_scale, "text_vectors": text_scale},
        "encoder": contents.encoder_name,
        "teacher": contents.teacher_name,
        "metrics": contents.metrics,
        "seed": contents.seed,
        "parent_version": contents.parent_version,
        "run": contents.run,
    }
    return write_files(Path(directory), arrays, blobs, manifest)


_COLUMN_ARRAYS: Final = tuple(
    name for name in ARRAYS if name in ItemColumns.__dataclass_fields__ and name not in ("brands", "categories")
)


def _quantize(vectors: F32) -> tuple[I8, float]:
    """Int8 rows and the one scale that gives them back: `vectors ~ int8 * scale`."""
    largest = float(np.abs(vectors).max(initial=0.0)) or 1.0
    return np.rint(vectors * (127 / largest)).astype(np.int8), largest / 127


def load_snapshot(directory: Path) -> Snapshot:
    """Load a snapshot: manifest, then size and hash of every file, then headers; arrays are mapped, not read.

    Raises
    ------
    SnapshotMissingError : no manifest in the folder
    SnapshotIntegrityError : a file is missing, changed or breaks the format
    """
    directory = Path(directory)
    manifest = read_manifest(directory)
    check_files(directory, manifest)
    try:
        sizes = {
            "items": int(manifest["counts"]["items"]),
            "d_item": int(manifest["dims"]["item"]),
            "d_text": int(manifest["dims"]["text"]),
        }
        scales = {name: float(manifest["scales"][name]) for name in ("item_vectors", "text_vectors")}
        times: dict[str, Any] = {name: int(manifest[name]) for name in ("catalog_as_of_ms", "training_cutoff_ms")}
        clock_usable = bool(manifest["clock_usable"])
        arrays: dict[str, Any] = {name: load_array(directory, name, sizes) for name in ARRAYS}
        parts = {
            part: [load_array(directory, name, sizes) for name in names]
            for part, names in OPTIONAL_ARRAYS.items()
            if has_part(manifest, part)
        }
        vocabularies = json.loads((directory / "vocabularies.json").read_bytes())
        names: dict[str, Any] = {
            key: tuple(str(name) for name in vocabularies[key]) for key in ("brands", "categories")
        }
        known = tuple((str(name), str(value)) for name, value in vocabularies.get("contexts", ()))
        item_ids = [json.loads(line)["item_id"] for line in (directory / "items.jsonl").open("rb")]
    except (KeyError, TypeError, ValueError) as exc:
        raise SnapshotIntegrityError(f"the snapshot is incomplete: {exc!r}") from exc
    if len(item_ids) != sizes["items"] or not all(isinstance(item_id, str) for item_id in item_ids):
        raise SnapshotIntegrityError(f"items.jsonl has {len(item_ids)} items, the manifest says {sizes['items']}")
    index = {item_id: position for position, item_id in enumerate(item_ids)}
    if len(index) != len(item_ids):
        raise SnapshotIntegrityError("items.jsonl names an item twice")
    return Snapshot(
        directory=directory,
        version=str(manifest["version"]),
        manifest=manifest,
        item_ids=item_ids,
        index=index,
        item_scale=scales["item_vectors"],
        text_scale=scales["text_vectors"],
        lists={
            name: ItemList(*(arrays.pop(f"list_{name}_{part}") for part in ("indptr", "indices", "weights")))
            for name in LIST_NAMES
        },
        columns=ItemColumns(**{name: arrays.pop(name) for name in _COLUMN_ARRAYS}, **names),
        weights=Weights.from_json((directory / "weights.json").read_bytes()),
        clock_usable=clock_usable,
        repurchase=Repurchase(*parts["repurchase"]) if "repurchase" in parts else None,
        contexts=ContextDemand(known, parts["contexts"][0], ItemList(*parts["contexts"][1:]))
        if "contexts" in parts
        else None,
        **times,
        **arrays,
    )


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


def _check_csr(name: str, indptr: I64, indices: I32, limit: int) -> None:
    _require(bool(indptr[0] == 0 and indptr[-1] == len(indices) and (np.diff(indptr) >= 0).all()), f"{name}: bad rows")
    _require(bool(((indices >= 0) & (indices < limit)).all()), f"{name}: a neighbour is out of range")
