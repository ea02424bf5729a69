"""Writing a snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, I8, I32
from endcap.catalog.item import ITEM_TEXT_FIELDS
from endcap.snapshot.files import canonical_json, write_files
from endcap.snapshot.format import LIST_NAMES, OPTIONAL_ARRAYS
from endcap.snapshot.ids import arrays_of, tie_keys_of
from endcap.snapshot.lexical import LexicalIndex
from endcap.snapshot.parents import Parents, variants_by_parent
from endcap.snapshot.parts import ContextDemand, ItemColumns, ItemList, Repurchase, Weights, empty_list
from endcap.snapshot.snapshot import COLUMN_ARRAYS
from endcap.snapshot.whitening import coarse_white, wants_white


class CentredVectors(NamedTuple):
    """Vectors of pictures or tags less their mean, float32 (n, d), unit rows or zero; and the mean, float32 (d,)."""

    vectors: F32
    mean: F32


@dataclass(frozen=True)
class SnapshotContents:
    """What `write_snapshot` puts into a snapshot; rows of every array belong to `documents` in order.

    documents : JSON-able items with `item_id` and, for variants, `group_id`
    text_vectors : float32 (n, d_text), the encoder's own output, unit rows (zero rows for items without text)
    item_vectors : float32 (n, d_item), unit rows or zero
    whitening_mean, whitening_projection : float32 (d_text,) and (d_text, d_item)
    encoder_files : `text_encoder.onnx`, `tokenizer.json`, `encoder.json`, or none of them; `user_encoder.onnx`
    text_fields : fields of an item that `text_vectors` are made of
    described : float32 (n, d_text), vectors of what was written about the items, less their mean, unit rows or zero
    described_mean : float32 (d_text,), that mean
    described_shares : float32 (n, 2), what they count of the weights of both terms; None for all of them
    images : of the items' pictures
    tags : of what a writer has given items with no category or one
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
    text_fields: Sequence[str] = ITEM_TEXT_FIELDS
    described: F32 | None = None
    described_mean: F32 | None = None
    described_shares: F32 | None = None
    images: CentredVectors | None = None
    tags: CentredVectors | None = None


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
        **{name: getattr(columns, name) for name in COLUMN_ARRAYS},
    }
    for name in LIST_NAMES:
        for part in ("indptr", "indices", "weights"):
            arrays[f"list_{name}_{part}"] = getattr(contents.lists.get(name) or empty_list(len(lines)), part)
    if contents.repurchase is not None:
        parts = (contents.repurchase.share, contents.repurchase.gap_days, contents.repurchase.gap_spread)
        arrays |= dict(zip(OPTIONAL_ARRAYS["repurchase"], parts, strict=True))
    ids = [str(document["item_id"]) for document in contents.documents]
    lexical = LexicalIndex.of(contents.documents)
    derived = {
        "ids": (*arrays_of(ids), tie_keys_of(ids)),
        "words": tuple(
            getattr(postings, name)
            for postings in (lexical.words, lexical.numbers)
            for name in ("hashes", "indptr", "items")
        ),
    }
    if lexical.codes is not None:
        derived["codes"] = (lexical.codes.text, lexical.codes.offsets, lexical.codes.items)
    parents = variants_by_parent(
        (str(d["item_id"]), d.get("group_id"), bool(d.get("available", True))) for d in contents.documents
    )
    if parents:
        derived["parents"] = Parents.arrays(parents)
    scales = {"item_vectors": item_scale, "text_vectors": text_scale}
    text, by = arrays["text_vectors_f16"], (contents.whitening_mean, contents.whitening_projection)
    if wants_white(arrays["item_vectors_f16"], text, *by):
        coarse, scales["white_vectors"] = coarse_white(text, *by)
        derived["white"] = (coarse,)
    if contents.described is not None:
        described, scales["described_vectors"] = _quantize(contents.described)
        derived["described"] = (described, contents.described.astype(np.float16))
    for part in ("described_mean", "described_shares"):
        if (own := getattr(contents, part)) is not None:
            derived[part] = (own.astype(np.float32),)
    for part, centred in (("image", contents.images), ("tag", contents.tags)):
        if centred is not None:
            coarse, scales[f"{part}_vectors"] = _quantize(centred.vectors)
            derived[part] = (coarse, centred.vectors.astype(np.float16), centred.mean)
    for part, made in derived.items():
        arrays |= dict(zip(OPTIONAL_ARRAYS[part], made, strict=True))
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
        "scales": scales,
        "encoder": contents.encoder_name,
        "teacher": contents.teacher_name,
        "metrics": contents.metrics,
        "seed": contents.seed,
        "parent_version": contents.parent_version,
        "run": contents.run,
    }
    if tuple(contents.text_fields) != ITEM_TEXT_FIELDS:  # else it says what snapshots of before say
        manifest["text_fields"] = list(contents.text_fields)
    return write_files(Path(directory), arrays, blobs, manifest)


def _quantize(vectors: F32) -> tuple[I8, float]:
    """Int8 rows and the one scale that gives them back: `vectors ~ int8 * scale`."""
    largest = float(np.abs(vectors).max(initial=0.0)) or 1.0
    return np.rint(vectors * (127 / largest)).astype(np.int8), largest / 127
