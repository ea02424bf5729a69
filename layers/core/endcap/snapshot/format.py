"""The files and arrays of a snapshot, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from endcap.encoders.text import ENCODER_FILES
from endcap.encoders.user import USER_ENCODER_FILES

FORMAT_VERSION: Final = 1
FORMATS_READ: Final = tuple(version for version in (FORMAT_VERSION, FORMAT_VERSION - 1) if version > 0)
"""The one that is written, and the one before: an upgrade needs no rebuild."""

LIST_NAMES: Final = ("next", "together", "neighbours", "wording")


@dataclass(frozen=True)
class ArraySpec:
    """One array of the format: dtype and shape, where a name stands for a size that other arrays share."""

    dtype: str
    shape: tuple[str | None, ...]


ARRAYS: Final[Mapping[str, ArraySpec]] = {
    "item_offsets": ArraySpec("int64", ("items+1",)),
    "groups": ArraySpec("int32", ("items",)),
    "item_vectors_i8": ArraySpec("int8", ("items", "d_item")),
    "item_vectors_f16": ArraySpec("float16", ("items", "d_item")),
    "text_vectors_i8": ArraySpec("int8", ("items", "d_text")),
    "text_vectors_f16": ArraySpec("float16", ("items", "d_text")),
    "whitening_mean": ArraySpec("float32", ("d_text",)),
    "whitening_projection": ArraySpec("float32", ("d_text", "d_item")),
    "popularity": ArraySpec("float32", ("items",)),
    "trend": ArraySpec("float32", ("items",)),
    "interaction_counts": ArraySpec("int32", ("items",)),
    "price": ArraySpec("float32", ("items",)),
    "price_band": ArraySpec("int8", ("items",)),
    "price_edges": ArraySpec("float32", (None,)),
    "brand": ArraySpec("int32", ("items",)),
    "category_indptr": ArraySpec("int64", ("items+1",)),
    "category_indices": ArraySpec("int32", (None,)),
    "available": ArraySpec("bool", ("items",)),
    "expires_at_ms": ArraySpec("int64", ("items",)),
    "created_at_ms": ArraySpec("int64", ("items",)),
    **{
        f"list_{name}_{part}": spec
        for name in LIST_NAMES
        for part, spec in {
            "indptr": ArraySpec("int64", ("items+1",)),
            "indices": ArraySpec("int32", (f"{name}_edges",)),
            "weights": ArraySpec("float16", (f"{name}_edges",)),
        }.items()
    },
}

EXACT_ELEMENTS: Final = 16_000_000
"""Numbers of a table of vectors up to which it is held as float32: 64 MB."""

# What a shop may have nothing to say about, and older snapshots lack: all arrays of a part, or none.
OPTIONAL_ARRAYS: Final[Mapping[str, Mapping[str, ArraySpec]]] = {
    "repurchase": {
        "again_share": ArraySpec("float32", ("items",)),
        "again_gap_days": ArraySpec("float32", ("items",)),
        "again_gap_spread": ArraySpec("float32", ("items",)),
    },
    "contexts": {
        "context_share": ArraySpec("float32", (None,)),
        "context_indptr": ArraySpec("int64", (None,)),
        "context_indices": ArraySpec("int32", ("context_edges",)),
        "context_weights": ArraySpec("float16", ("context_edges",)),
    },
    # What follows from the others, so that nobody who loads them has to work it out.
    "ids": {
        "id_text": ArraySpec("uint8", (None,)),
        "id_offsets": ArraySpec("int64", ("items+1",)),
        "id_slots": ArraySpec("int32", (None,)),
        "tie_keys": ArraySpec("uint32", ("items",)),
    },
    "words": {
        "word_hashes": ArraySpec("uint64", ("words",)),
        "word_indptr": ArraySpec("int64", (None,)),
        "word_items": ArraySpec("int32", (None,)),
        "number_hashes": ArraySpec("uint64", ("numbers",)),
        "number_indptr": ArraySpec("int64", (None,)),
        "number_items": ArraySpec("int32", (None,)),
    },
    # Words are terms where there are codes, and the tokens of earlier snapshots where there are none.
    "codes": {
        "code_text": ArraySpec("uint8", (None,)),
        "code_offsets": ArraySpec("int64", (None,)),
        "code_items": ArraySpec("int32", ("codes",)),
    },
    "white": {"white_vectors_i8": ArraySpec("int8", ("items", "d_item"))},
    # Of what was written about the items, where a gate took it: less its mean, unit rows.
    "described": {
        "described_vectors_i8": ArraySpec("int8", ("items", "d_text")),
        "described_vectors_f16": ArraySpec("float16", ("items", "d_text")),
    },
    # The mean that they are less of, for what is described since.
    "described_mean": {"described_mean": ArraySpec("float32", ("d_text",))},
    # What they count of the weights of both terms, where that depends on the language of an item.
    "described_shares": {"described_shares": ArraySpec("float32", ("items", "described_terms"))},
    # Of the items' pictures, where a gate took them: less their mean, unit rows.
    "image": {
        "image_vectors_i8": ArraySpec("int8", ("items", "d_image")),
        "image_vectors_f16": ArraySpec("float16", ("items", "d_image")),
        "image_mean": ArraySpec("float32", ("d_image",)),
    },
    # Of tags that a writer has given items with no category or one, where a gate took them: likewise.
    "tag": {
        "tag_vectors_i8": ArraySpec("int8", ("items", "d_tag")),
        "tag_vectors_f16": ArraySpec("float16", ("items", "d_tag")),
        "tag_mean": ArraySpec("float32", ("d_tag",)),
    },
    # Of catalogues with groups of variants whose name is no item's id.
    "parents": {
        "parent_text": ArraySpec("uint8", (None,)),
        "parent_offsets": ArraySpec("int64", (None,)),
        "parent_slots": ArraySpec("int32", (None,)),
        "parent_items": ArraySpec("int32", (None,)),
    },
}

SPECS: Final = {**ARRAYS, **{name: spec for part in OPTIONAL_ARRAYS.values() for name, spec in part.items()}}

# Every snapshot has these beside the arrays; encoder files come and go together.
TEXT_FILES: Final = ("items.jsonl", "vocabularies.json", "weights.json", "metrics.json", "MODEL_CARD.md")


def array_file(name: str) -> str:
    """File name of one array of the format."""
    return f"{name}.npy"


# Without the user encoder, the trained part of a full snapshot, item vectors are whitened text.
OPTIONAL_FILES: Final = (
    *ENCODER_FILES,
    *USER_ENCODER_FILES,
    *(array_file(name) for part in OPTIONAL_ARRAYS.values() for name in part),
)
