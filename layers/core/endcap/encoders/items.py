"""Giving items their text vectors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from endcap.catalog.item import item_text
from endcap.encoders.quantize import quantize_unit
from endcap.encoders.text import TextEncoder

if TYPE_CHECKING:
    from endcap.catalog.row import ItemRow

MAX_ENCODERS = 2
"""How many encoders' vectors a row holds at most."""


class VectorStore(Protocol):
    """Where item vectors are kept."""

    def put_vector(self, item_id: str, text: str, tag: bytes, vector: bytes, surplus: Iterable[bytes] = ()) -> bool: ...


def embed_row(row: ItemRow, encoder: TextEncoder, store: VectorStore) -> bool:
    """Store the vector of the row's text, unless this encoder's is there; whether one was stored."""
    if row.item is None or encoder.tag in row.vectors:
        return False
    text = item_text(row.item)
    vector = quantize_unit(encoder.encode(text)).tobytes()
    # One other encoder's vector may stay: during a promotion, functions with either snapshot read the row.
    surplus = [*row.outdated, *sorted(row.vectors)[MAX_ENCODERS - 1 :]]
    return store.put_vector(row.item_id, text, encoder.tag, vector, [tag for tag in surplus if tag != encoder.tag])
