"""An item as the items table keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from endcap.catalog.item import AttributeValue, Item

GENERATED_TAGS: Final = "generated_tags"
"""The attribute with what a writer has said that an item is for: filters read it like others."""
GENERATED_BLURB: Final = "generated_blurb"
"""The attribute with a sentence or two of a writer's, to be shown as such."""


@dataclass(frozen=True, slots=True)
class Generated:
    """What a writer has said of an item's text as it is.

    Attributes
    ----------
    key : names the answer: the text, the writer, the instructions
    attributes : that the item has by it, whose names say that they are generated
    tag : 4 bytes that name who wrote and which encoder has read it
    vector : int8 (d_text,)
    """

    key: str
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    tag: bytes = b""
    vector: bytes = b""


def generated_tags(generated: Generated | None) -> tuple[str, ...]:
    """The tags that a writer has given an item."""
    tags = () if generated is None else generated.attributes.get(GENERATED_TAGS, ())
    return tags if isinstance(tags, tuple) else ()


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One row of the items table.

    Attributes
    ----------
    item : None for a tombstone
    vectors : encoder tag (4 bytes) -> int8 vector bytes of the current text
    outdated : tags of the encoders whose vectors belong to an earlier text
    generated : what was written about the current text; None for nothing
    """

    item_id: str
    item: Item | None
    changed_at_ms: int
    text_hash: str = ""
    vectors: Mapping[bytes, bytes] = field(default_factory=dict)
    outdated: tuple[bytes, ...] = ()
    generated: Generated | None = None


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
