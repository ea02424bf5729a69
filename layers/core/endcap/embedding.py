"""Giving items their text vectors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from endcap.aws.items import ItemRow
from endcap.catalog import item_text
from endcap.encoding import TextEncoder, quantize_unit


class VectorStore(Protocol):
    """Where item vectors are kept."""

    def put_vector(self, item_id: str, text: str, tag: bytes, vector: bytes, others: Iterable[bytes] = ()) -> bool: ...


def embed_row(row: ItemRow, encoder: TextEncoder, store: VectorStore) -> bool:
    """Store the vector of the row's text, unless this encoder's is there; whether one was stored."""
    if row.item is None or encoder.tag in row.vectors:
        return False
    text = item_text(row.item)
    return store.put_vector(row.item_id, text, encoder.tag, quantize_unit(encoder.encode(text)).tobytes(), row.vectors)
