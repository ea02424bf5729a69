"""An item as the items table keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from endcap.catalog.item import Item


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One row of the items table.

    Attributes
    ----------
    item : None for a tombstone
    vectors : encoder tag (4 bytes) -> int8 vector bytes of the current text
    outdated : tags of the encoders whose vectors belong to an earlier text
    """

    item_id: str
    item: Item | None
    changed_at_ms: int
    text_hash: str = ""
    vectors: Mapping[bytes, bytes] = field(default_factory=dict)
    outdated: tuple[bytes, ...] = ()
