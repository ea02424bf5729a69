"""A snapshot: everything that ranking needs, as one immutable folder that a rebuild writes and functions load.

Item vectors and text vectors, item-to-item lists, popularity, attribute columns, the weights of the score, and the
encoder that made the vectors. `write_snapshot` is the only writer, `load_snapshot` the only reader, so that the batch
job and the functions can't drift apart. Layout and file checks live in `endcap.snapshot.files`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from endcap.arrays import F16, F32, I8, I32, I64
from endcap.catalog.item import ITEM_TEXT_FIELDS
from endcap.encoders.text import CONFIG_FILE, MODEL_FILE, EncoderConfig
from endcap.errors import SnapshotError, SnapshotIntegrityError
from endcap.snapshot.checks import (
    check_columns,
    check_contexts,
    check_finite,
    check_lists,
    check_repurchase,
    check_words,
    checked_id,
    require,
)
from endcap.snapshot.described import DescribedBy, described_by
from endcap.snapshot.files import check_files, has_part, load_array, read_manifest, read_text_file
from endcap.snapshot.format import ARRAYS, LIST_NAMES, OPTIONAL_ARRAYS
from endcap.snapshot.ids import ItemIds
from endcap.snapshot.lexical import Codes, LexicalIndex, Postings
from endcap.snapshot.parents import Parents
from endcap.snapshot.parts import ContextDemand, ItemColumns, ItemList, Repurchase, Weights

if TYPE_CHECKING:
    from endcap.encoders.text import TextEncoder


class Quantized(NamedTuple):
    """Unit or zero rows, `fine ~ coarse * scale`."""

    coarse: I8
    fine: F16
    scale: float


@dataclass(frozen=True)
class Snapshot:
    """A loaded snapshot; arrays are mapped from their files and must not be written to."""

    directory: Path
    version: str
    manifest: Mapping[str, Any]
    item_ids: ItemIds
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
    tie_keys: NDArray[np.uint32] | None = None
    lexical: LexicalIndex | None = None
    white: tuple[I8, float] | None = None
    parents: Parents | None = None
    described: Quantized | None = None
    described_mean: F32 | None = None
    described_shares: F32 | None = None
    image: Quantized | None = None
    image_mean: F32 | None = None
    tag: Quantized | None = None
    tag_mean: F32 | None = None

    @property
    def index(self) -> Mapping[str, int]:
        """Id -> row."""
        return self.item_ids.rows

    @property
    def n_items(self) -> int:
        """Items in the snapshot."""
        return len(self.item_ids)

    @property
    def text_fields(self) -> tuple[str, ...]:
        """The fields of an item that its text vector is made of."""
        return text_fields_of(self.manifest)

    @cached_property
    def described_by(self) -> DescribedBy | None:
        """Who has described the items; None where no description counts, or what is described since could not."""
        described = self.described is not None and self.described_mean is not None
        return described_by(self.manifest) if described or self.tag is not None else None

    @cached_property
    def encoder(self) -> TextEncoder | None:
        """The text encoder, built when first asked for; None when the snapshot carries none.

        Raises
        ------
        EncoderError : the graph or the tokenizer breaks the rules of `endcap.encoders.text`
        """
        from endcap.encoders.text import TextEncoder

        if MODEL_FILE not in self.manifest["files"]:
            return None
        return TextEncoder.from_dir(self.directory)

    @cached_property
    def _documents(self) -> memoryview:
        # A memory view gives bytes at a fraction of what an array that is mapped takes.
        return np.asarray(np.memmap(self.directory / "items.jsonl", dtype=np.uint8, mode="r")).data

    @cached_property
    def _offsets(self) -> memoryview:
        return self.item_offsets.data

    def document(self, position: int) -> dict[str, Any]:
        """The catalogue row of one item, parsed when asked for.

        Raises
        ------
        SnapshotIntegrityError : it is no item's; a snapshot that was promoted has none such
        """
        start, end = self._offsets[position], self._offsets[position + 1]
        try:
            document: dict[str, Any] = from_json(bytes(self._documents[start:end]))
        except ValueError as exc:
            raise SnapshotIntegrityError(f"the document of row {position} can't be read") from exc
        checked_id(document)
        return document

    def rows_naming(self, key: bytes) -> list[int]:
        """Rows whose document has the bytes of this key somewhere in it."""
        raw = (self.directory / "items.jsonl").read_bytes()
        places = [match.start() for match in re.finditer(re.escape(key), raw)]
        rows: list[int] = np.unique(np.searchsorted(self.item_offsets, places, side="right") - 1).tolist()
        return rows


MAX_DOCUMENT_BYTES: Final = 1 << 20
"""Of one item: a body of the API takes 256 KB."""

COLUMN_ARRAYS: Final = tuple(
    name for name in ARRAYS if name in ItemColumns.__dataclass_fields__ and name not in ("brands", "categories")
)


def text_fields_of(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields of an item that the snapshot's encoder reads: all of them, where the manifest names none.

    Raises
    ------
    SnapshotIntegrityError : it names something else
    """
    named = manifest.get("text_fields", ITEM_TEXT_FIELDS)
    known = isinstance(named, list | tuple) and named and all(name in ITEM_TEXT_FIELDS for name in named)
    require(bool(known), "the manifest names fields that items don't have")
    return tuple(name for name in ITEM_TEXT_FIELDS if name in named)


def load_snapshot(directory: Path) -> Snapshot:
    """Load a snapshot: manifest, then size and hash of every file, then headers; arrays are mapped, not read.

    Raises
    ------
    SnapshotMissingError : no manifest in the folder
    SnapshotIntegrityError : a file is missing, changed or breaks the format, or holds what ranking can't work with
    """
    try:
        return _loaded(Path(directory))
    except SnapshotError:
        raise
    except Exception as exc:  # whatever odd bytes bring about: nesting, numbers without end, headers that are code
        raise SnapshotIntegrityError(f"the snapshot can't be read: {exc!r}") from exc


def _loaded(directory: Path) -> Snapshot:
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
        vocabularies = json.loads(read_text_file(directory / "vocabularies.json"))
        names: dict[str, Any] = {
            key: tuple(str(name) for name in vocabularies[key]) for key in ("brands", "categories")
        }
        known = tuple((str(name), str(value)) for name, value in vocabularies.get("contexts", ()))
        offsets = arrays["item_offsets"]
        _check_offsets(offsets, (directory / "items.jsonl").stat().st_size)
        item_ids = ItemIds(*parts["ids"][:3]) if "ids" in parts else _read_ids(directory / "items.jsonl", offsets)
        white_scale = float(manifest["scales"]["white_vectors"]) if "white" in parts else 0.0
        for part in ("described", "image", "tag"):
            if part in parts:
                scales[f"{part}_vectors"] = float(manifest["scales"][f"{part}_vectors"])
    except (KeyError, TypeError, ValueError) as exc:
        raise SnapshotIntegrityError(f"the snapshot is incomplete: {exc!r}") from exc
    if len(item_ids) != sizes["items"]:
        raise SnapshotIntegrityError(f"items.jsonl has {len(item_ids)} items, the manifest says {sizes['items']}")
    text_fields_of(manifest)
    require(all(np.isfinite(scale) and scale > 0 for scale in scales.values()), "a scale of vectors is unusable")
    if MODEL_FILE in manifest["files"]:
        EncoderConfig.from_json((directory / CONFIG_FILE).read_bytes()).to_json().encode()
    snapshot = Snapshot(
        directory=directory,
        version=str(manifest["version"]),
        manifest=manifest,
        item_ids=item_ids,
        item_scale=scales["item_vectors"],
        text_scale=scales["text_vectors"],
        lists={
            name: ItemList(*(arrays.pop(f"list_{name}_{part}") for part in ("indptr", "indices", "weights")))
            for name in LIST_NAMES
        },
        columns=ItemColumns(**{name: arrays.pop(name) for name in COLUMN_ARRAYS}, **names),
        weights=Weights.from_json(read_text_file(directory / "weights.json")),
        clock_usable=clock_usable,
        repurchase=Repurchase(*parts["repurchase"]) if "repurchase" in parts else None,
        contexts=ContextDemand(known, parts["contexts"][0], ItemList(*parts["contexts"][1:]))
        if "contexts" in parts
        else None,
        tie_keys=parts["ids"][3] if "ids" in parts else None,
        lexical=LexicalIndex(
            sizes["items"],
            Postings(*parts["words"][:3]),
            Postings(*parts["words"][3:]),
            Codes(*parts["codes"]) if "codes" in parts else None,
        )
        if "words" in parts
        else None,
        white=(parts["white"][0], white_scale) if "white" in parts else None,
        parents=Parents(parts["parents"], sizes["items"]) if "parents" in parts else None,
        described=_quantized(parts, scales, "described"),
        described_mean=parts.get("described_mean", [None])[0],
        described_shares=parts.get("described_shares", [None])[0],
        image=_quantized(parts, scales, "image"),
        image_mean=parts["image"][2] if "image" in parts else None,
        tag=_quantized(parts, scales, "tag"),
        tag_mean=parts["tag"][2] if "tag" in parts else None,
        **times,
        **arrays,
    )
    check_finite(
        {name: getattr(snapshot, name) for name in ("whitening_mean", "whitening_projection", "popularity", "trend")}
    )
    beside = ("image_mean", "tag_mean", "described_mean", "described_shares")
    check_finite({name: found for name in beside if (found := getattr(snapshot, name)) is not None})
    require(sizes.get("described_terms", 2) == 2, "shares of descriptions are not of two terms")
    check_lists(snapshot.lists, snapshot.n_items)
    check_columns(snapshot.columns, snapshot.groups, snapshot.interaction_counts)
    check_repurchase(snapshot.repurchase)
    check_contexts(snapshot.contexts, snapshot.n_items)
    check_words(snapshot.lexical)
    return snapshot


def _quantized(parts: Mapping[str, Any], scales: Mapping[str, float], part: str) -> Quantized | None:
    if part not in parts:
        return None
    coarse, fine = parts[part][:2]
    return Quantized(coarse, fine, scales[f"{part}_vectors"])


def _check_offsets(offsets: I64, size: int) -> None:
    lengths = np.diff(offsets)
    require(len(offsets) > 0 and offsets[0] == 0 and offsets[-1] == size, "item offsets are wrong")
    require(bool(((lengths > 0) & (lengths <= MAX_DOCUMENT_BYTES)).all()), "item offsets are wrong")


def _read_ids(path: Path, offsets: I64) -> ItemIds:
    """The ids of a snapshot that was written before ids were arrays."""
    with path.open("rb") as file:
        return ItemIds.of([checked_id(json.loads(file.read(length))) for length in np.diff(offsets).tolist()])
