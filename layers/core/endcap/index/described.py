"""What was written about items since a snapshot, beside what the snapshot knows was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from endcap.arrays import F32, Mask
from endcap.catalog.item import AttributeValue, Item, item_document
from endcap.catalog.row import Generated
from endcap.encoders.quantize import dequantize_unit
from endcap.index.derived import SnapshotTables
from endcap.index.vectors import without_mean
from endcap.messages.language import language_of

FOUND_WITHIN: Final = 0.2
"""A text that does not find its own item in this share of a sample is about something else, and is not used."""


def usable(generated: Generated | None, tables: SnapshotTables) -> bool:
    """Whether what was written is of the kind that the snapshot uses."""
    return generated is not None and generated.tag == tables.described_tag


def with_generated(item: Item | None, generated: Generated | None) -> Item | None:
    """The item with what was written about it, in attributes whose names say where they come from."""
    if item is None or generated is None or not generated.attributes:
        return item
    return replace(item, attributes=beside(generated.attributes, item.attributes))


def beside(generated: Mapping[str, AttributeValue], own: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    """Attributes with generated ones among them; an item that has such a one of its own keeps it."""
    return {**generated, **own}


def described_vectors(generated: Sequence[Generated | None], raw: F32, tables: SnapshotTables) -> F32:
    """float32 (m, d_text): what was written about changed items, as the snapshot has it; zero rows for nothing.

    Parameters
    ----------
    generated : of each; None for what can't be used
    raw : float32 (m, d_text), of the items' own texts
    """
    snapshot = tables.snapshot
    if snapshot.described_mean is None or tables.described_tag is None:
        return np.zeros((len(generated), 0), dtype=np.float32)
    width = len(snapshot.described_mean)
    blank = b"\0" * width
    levels = b"".join(blank if one is None or len(one.vector) != width else one.vector for one in generated)
    written = dequantize_unit(np.frombuffer(levels, dtype=np.int8).reshape(len(generated), width))
    found = without_mean(written, snapshot.described_mean)
    if found.any():
        own = without_mean(raw, snapshot.whitening_mean)
        found[~finds_itself(own, found, tables.described_sample)] = 0
    return found


def finds_itself(own: F32, described: F32, others: F32) -> Mask:
    """Bool (m,): whether what was written about an item is nearer to its own text than to most others.

    Parameters
    ----------
    own, described : float32 (m, d), unit rows or zero, in one space
    others : float32 (n, d), texts of other items
    """
    nearer = (described @ others.T > np.vecdot(described, own)[:, None]).sum(axis=1)
    return np.asarray(described.any(axis=1) & own.any(axis=1) & (nearer <= FOUND_WITHIN * len(others)))


def described_shares(items: Sequence[Item], tables: SnapshotTables) -> F32:
    """float32 (m, 2): what descriptions of items in their languages count; see `DescribedBy.shares_of`."""
    by = tables.snapshot.described_by
    if by is None:
        return np.ones((len(items), 2), dtype=np.float32)
    pairs = [by.shares_of(language_of(item_document(item))) for item in items]
    return np.asarray(pairs, dtype=np.float32).reshape(len(items), 2)
