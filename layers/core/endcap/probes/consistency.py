"""Whether the parts of a snapshot say the same: documents, columns, groups, vectors, encoders."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, I64
from endcap.catalog.item import Item, item_text, stored_item
from endcap.encoders.text import TextEncoder
from endcap.errors import InvalidItemError
from endcap.events.interaction import Interaction
from endcap.index.index import ItemIndex, index_of
from endcap.profiles.profile import profile_of
from endcap.ranking.terms.similarity import user_encoder_of, user_vector_of
from endcap.snapshot.snapshot import Snapshot
from endcap.snapshot.whitening import whiten

SAMPLE: Final = 16
FEWEST: Final = 4
_SAME: Final = 1e-4
TEXTS: Final = ("red cotton shirt", "steel garden lamp", "travel mug", "蓝色 纯棉 四件套", "0123456789", "q x j w z k")


@dataclass(frozen=True)
class Differences:
    """Documents that are no item, and items whose columns, or whose group, differ from their documents."""

    unreadable: int
    columns: int
    groups: int


def differences(snapshot: Snapshot) -> Differences:
    """What documents say against what columns and groups say, one document at a time."""
    columns, groups = snapshot.columns, snapshot.groups.tolist()
    starts, members = columns.category_indptr.tolist(), columns.category_indices
    values = zip(
        *(
            getattr(columns, name).tolist()
            for name in ("price", "brand", "available", "expires_at_ms", "created_at_ms")
        ),
        strict=True,
    )
    number_of: dict[str, int] = {}
    name_of: dict[int, str] = {}
    unreadable = wrong_columns = wrong_groups = 0
    for row, (price, brand, available, expires, created) in enumerate(values):
        item = _item_of(snapshot, row)
        if item is None:
            unreadable += 1
            continue
        wrong_columns += (
            _price(price) != (None if item.price is None else float(np.float32(item.price)))
            or (columns.brands[brand] if brand >= 0 else "") != item.brand
            or {columns.categories[k] for k in members[starts[row] : starts[row + 1]].tolist()} != set(item.categories)
            or available != item.available
            or (expires, created) != (item.expires_at_ms or 0, item.created_at_ms or 0)
        )
        group = groups[row]
        wrong_groups += (
            number_of.setdefault(item.group, group) != group or name_of.setdefault(group, item.group) != item.group
        )
    return Differences(unreadable, wrong_columns, wrong_groups)


def _item_of(snapshot: Snapshot, row: int) -> Item | None:
    try:
        return stored_item(snapshot.document(row))
    except InvalidItemError:
        return None


def _price(stored: float) -> float | None:
    return None if math.isnan(stored) else stored


def texts_alike(snapshot: Snapshot, step: Callable[[str], None]) -> float | None:
    """How far stored text vectors are the encoder's: 1 fully, about 0 where they are those of other texts."""
    encoder = snapshot.encoder
    if encoder is None:
        return None
    rows, own = [], []
    for row in _spread(snapshot.n_items):
        item = _item_of(snapshot, row)
        text = "" if item is None else item_text(item, snapshot.text_fields)
        if text:
            step(f"the text of item {row}")
            rows.append(row)
            own.append(encoder.encode(text))
    return _alike(np.asarray(own, dtype=np.float32), snapshot.text_vectors_f16[rows].astype(np.float32))


def items_alike(snapshot: Snapshot) -> float | None:
    """How far item vectors are the whitened texts; None where a user encoder has moved them."""
    if snapshot.encoder is None or user_encoder_of(snapshot) is not None:
        return None
    rows = [row for row in _spread(snapshot.n_items) if snapshot.text_vectors_f16[row].any()]
    white = whiten(snapshot, snapshot.text_vectors_f16[rows])
    return _alike(white, snapshot.item_vectors_f16[rows].astype(np.float32))


def largest(snapshot: Snapshot) -> dict[str, float]:
    """The largest number, whatever its sign, of each array of demand, and of each list."""
    arrays: dict[str, NDArray[np.floating[Any]]] = {"popularity": snapshot.popularity, "trend": snapshot.trend}
    arrays |= {f"list {name}": rows.weights for name, rows in snapshot.lists.items()}
    if snapshot.contexts is not None:
        arrays["contexts"] = snapshot.contexts.items.weights
    return {name: float(np.abs(values).max(initial=0.0)) for name, values in arrays.items()}


def _alike(own: F32, stored: F32) -> float | None:
    """Median cosine of rows that belong together: 0 for what those that don't have in common, 1 for sameness."""
    if len(own) < FEWEST:
        return None
    together = float(np.median(np.vecdot(own, stored)))
    apart = float(np.median(np.vecdot(own, np.roll(own, 1, axis=0))))
    return None if apart > 1 - _SAME else float((together - apart) / (1 - apart))


def told_apart(snapshot: Snapshot, now_ms: int) -> dict[str, bool]:
    """What the encoders are given that differs, and whether their answers do."""
    found = {}
    if snapshot.encoder is not None:
        found["texts"] = _texts_apart(snapshot.encoder)
    if user_encoder_of(snapshot) is not None and (apart := _shoppers_apart(snapshot, now_ms)) is not None:
        found["shoppers"] = apart
    return found


def _texts_apart(encoder: TextEncoder) -> bool:
    return _differ(np.stack([encoder.encode(text) for text in TEXTS]))


def _shoppers_apart(snapshot: Snapshot, now_ms: int) -> bool | None:
    index = index_of(snapshot)
    rows = list(_spread(snapshot.n_items))
    if len(rows) < FEWEST or not _differ(snapshot.item_vectors_f16[rows].astype(np.float32)):
        return None
    vectors = [found for row in rows if (found := _after_one_view(index, row, now_ms)) is not None]
    return _differ(np.stack(vectors)) if len(vectors) >= FEWEST else None


def _after_one_view(index: ItemIndex, row: int, now_ms: int) -> F32 | None:
    view = Interaction(f"probe-{row}", "probe", "view", now_ms - 60_000, index.item_id(row))
    return user_vector_of(profile_of([view]), index, now_ms)


def _differ(vectors: F32) -> bool:
    return bool(np.abs(vectors - vectors[0]).max(initial=0.0) > _SAME)


def _spread(n: int) -> Iterator[int]:
    picked: I64 = np.unique(np.linspace(0, n - 1, min(n, SAMPLE)).astype(np.int64))
    yield from picked.tolist()
