"""Giving items their text vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from endcap.catalog.item import ITEM_TEXT_FIELDS, item_text
from endcap.encoders.quantize import quantize_unit
from endcap.encoders.text import TAG_BYTES, TextEncoder

if TYPE_CHECKING:
    from endcap.catalog.row import ItemRow

MAX_ENCODERS = 2
"""How many encoders' vectors a row holds at most."""


class VectorStore(Protocol):
    """Where item vectors are kept."""

    def put_vector(self, item_id: str, text: str, tag: bytes, vector: bytes, surplus: Iterable[bytes] = ()) -> bool: ...


def item_tag(tag: bytes, fields: Sequence[str]) -> bytes:
    """What names the vectors of items: the encoder's tag, another one where it reads fewer fields than there are."""
    if tuple(fields) == ITEM_TEXT_FIELDS:
        return tag
    return hashlib.sha256(tag + ",".join(fields).encode()).digest()[:TAG_BYTES]


def embed_row(row: ItemRow, encoder: TextEncoder, store: VectorStore, fields: Sequence[str] = ITEM_TEXT_FIELDS) -> bool:
    """Store the vector of the row's text, unless this encoder's is there; whether one was stored.

    Parameters
    ----------
    fields : of the item, which the encoder reads
    """
    if row.item is None or (tag := item_tag(encoder.tag, fields)) in row.vectors:
        return False
    vector = quantize_unit(encoder.encode(item_text(row.item, fields))).tobytes()
    # One other encoder's vector may stay: during a promotion, functions with either snapshot read the row.
    surplus = [*row.outdated, *sorted(row.vectors)[MAX_ENCODERS - 1 :]]
    # The row is asked whether its whole text is still the one that was read, of which the fields are a part.
    return store.put_vector(row.item_id, item_text(row.item), tag, vector, [other for other in surplus if other != tag])
