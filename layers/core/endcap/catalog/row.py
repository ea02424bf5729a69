"""An item as the items table keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class ChangedRows:
    """What was read of the rows that changed, the newest first.

    Attributes
    ----------
    failure : why it is not all of them; None where it is
    """

    rows: Sequence[ItemRow]
    failure: Exception | None = None


@dataclass(frozen=True, slots=True)
class PopularList:
    """What sells best, as the last promotion saw it: what can be shown while no snapshot can be read.

    Attributes
    ----------
    version : of the snapshot that it was taken from
    items : (item id, title), the most popular first
    """

    version: str
    items: tuple[tuple[str, str], ...]


def is_for_sale(item: Item | None, now_ms: int) -> bool:
    """Whether an item can be sold at a moment; a deleted one can't."""
    return item is not None and item.available and (item.expires_at_ms is None or item.expires_at_ms > now_ms)
