"""A small snapshot whose contents a test can work out in its head.

Item k is called `item-k`; items k and k + 1 follow each other, items 2m and 2m + 1 are bought together. There are
four brands, five categories and rising prices. The last two items are new: nobody has touched them.
"""

from __future__ import annotations

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from scipy import sparse

from endcap.arrays import F32
from endcap.catalog.item import Item, item_document, item_text
from endcap.encoders.text import TextEncoder
from endcap.snapshot.parts import ItemList, TermWeight, Weights
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from endcap.snapshot.write import SnapshotContents, write_snapshot
from endcap_rebuild.data.columns import columns_of
from endcap_rebuild.text.whitening import Whitening, fit_whitening

TINY_ENCODER: Final = Path(__file__).parents[1] / "data" / "tiny_encoder"
DAY_MS: Final = 86_400_000
CUTOFF_MS: Final = 1_750_000_000_000
WORDS: Final = ("red", "green", "cotton", "steel", "mug", "lamp", "shirt", "spoon", "garden", "travel")
BRANDS: Final = ("Acme", "Brook", "Cedar", "")
CATEGORIES: Final = ("kitchen", "bath", "garden", "office", "toys")


def folder_of_this_run() -> Path:
    """A folder for what tests share that can have no fixture; it goes with the process."""
    folder = TemporaryDirectory(prefix="endcap-tests-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def toy_items(n_items: int = 40) -> list[Item]:
    """Items `item-0`, `item-1`, ... with titles of three words."""
    return [
        Item(
            item_id=f"item-{k}",
            title=f"{WORDS[k % 10]} {WORDS[(k // 2 + 3) % 10]} {WORDS[(k // 10 + 6) % 10]} {k}",
            categories=("home", CATEGORIES[k % 5]),
            brand=BRANDS[k % 4],
            price=float(1 + k),
            created_at_ms=CUTOFF_MS - k * DAY_MS,
        )
        for k in range(n_items)
    ]


def toy_contents(n_items: int = 40, **changes: Any) -> SnapshotContents:
    """Contents for `write_snapshot`; `changes` replace fields."""
    items = toy_items(n_items)
    text_vectors, whitening = _encoded(n_items)
    chain = sparse.eye_array(n_items, k=1).tolil()
    pairs = sparse.lil_array((n_items, n_items))
    for k in range(n_items):
        if (k ^ 1) < n_items:
            pairs[k, k ^ 1] = 0.5
    lists = {"next": chain, "together": pairs, "neighbours": (chain + chain.T) * 0.5}
    counts = np.maximum(0, n_items - 2 - np.arange(n_items)).astype(np.int32)
    fields: dict[str, Any] = {
        "documents": [item_document(item) for item in items],
        "text_vectors": text_vectors,
        "item_vectors": whitening.apply(text_vectors),
        "whitening_mean": whitening.mean,
        "whitening_projection": whitening.projection,
        "lists": {name: _item_list(matrix) for name, matrix in lists.items()},
        "popularity": np.log1p(counts).astype(np.float32),
        "trend": np.zeros(n_items, dtype=np.float32),
        "interaction_counts": counts,
        "columns": columns_of(items),
        "weights": Weights(
            terms={"next": TermWeight(1.0), "text": TermWeight(0.5), "popularity": TermWeight(0.1)},
            settings={"history_half_life_events": 2.0, "text_half_life_events": 2.0},
        ),
        "catalog_as_of_ms": CUTOFF_MS,
        "training_cutoff_ms": CUTOFF_MS,
        "clock_usable": True,
        "created": "2026-01-02T03:04:05Z",
        "model_card": "# Toy snapshot\n",
        "encoder_files": _encoder_files(),
        "encoder_name": _encoder().config.name,
        "counts": {"events": int(counts.sum()), "users": 5},
    }
    return SnapshotContents(**{**fields, **changes})


def build_toy_snapshot(directory: Path, n_items: int = 40, **changes: Any) -> Snapshot:
    """Write the toy snapshot into `directory` and load it."""
    if changes or (directory.exists() and any(directory.iterdir())):
        write_snapshot(directory, toy_contents(n_items, **changes))
    else:
        shutil.copytree(_written(n_items), directory, dirs_exist_ok=True)
    return load_snapshot(directory)


@cache
def _written(n_items: int) -> Path:
    """A folder that holds the snapshot without changes, to be copied from."""
    folder = folder_of_this_run() / "toy"
    write_snapshot(folder, toy_contents(n_items))
    return folder


@cache
def _encoder() -> TextEncoder:
    return TextEncoder.from_dir(TINY_ENCODER)


def _encoder_files() -> dict[str, bytes]:
    names = ("text_encoder.onnx", "tokenizer.json", "encoder.json")
    return {name: (TINY_ENCODER / name).read_bytes() for name in names}


@cache
def _encoded(n_items: int) -> tuple[F32, Whitening]:
    """Text vectors of the items, and their whitening."""
    text_vectors = _encoder().encode_many([item_text(item) for item in toy_items(n_items)])
    return text_vectors, fit_whitening(text_vectors, 16)


def _item_list(matrix: Any) -> ItemList:
    rows = sparse.csr_array(matrix)
    return ItemList(rows.indptr.astype(np.int64), rows.indices.astype(np.int32), rows.data.astype(np.float16))
