"""The tags that the current snapshot's items have from a writer, without the rest of it: for profiles in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from endcap.arrays import I8
from endcap.snapshot.described import described_by
from endcap.snapshot.files import check_files, has_part, load_array, read_manifest
from endcap.snapshot.format import OPTIONAL_ARRAYS, array_file
from endcap.snapshot.ids import ItemIds

_IDS: Final = tuple(OPTIONAL_ARRAYS["ids"])[:3]
_VECTORS: Final = "tag_vectors_i8"
TAGGED_FILES: Final = tuple(array_file(name) for name in (*_IDS, _VECTORS))


@dataclass(frozen=True, slots=True)
class TaggedCatalogue:
    """Tags of items with no category or one.

    Attributes
    ----------
    names : of the columns
    vectors : int8 (n, d_tag), less their mean
    """

    ids: ItemIds
    names: tuple[str, ...]
    vectors: I8

    def of(self, item_id: str) -> tuple[str, ...]:
        """The tags of an item; one that nearly all items have says nothing, and is not among them."""
        row = self.ids.row(item_id)
        if row is None:
            return ()
        # Less the mean of all items, what an item has is above 0, and what it has not is not.
        return tuple(name for name, level in zip(self.names, self.vectors[row].tolist(), strict=True) if level > 0)


def read_tagged(folder: Path) -> TaggedCatalogue | None:
    """Of a snapshot's files; None where its tags count nothing.

    Raises
    ------
    SnapshotError
    """
    manifest = read_manifest(folder)
    by = described_by(manifest) if has_part(manifest, "tag") and has_part(manifest, "ids") else None
    if by is None or not by.tags:
        return None
    check_files(folder, {"files": {name: manifest["files"][name] for name in TAGGED_FILES}})
    sizes = {"items": int(manifest["counts"]["items"]), "d_tag": len(by.tags)}
    ids = ItemIds(*(load_array(folder, name, sizes) for name in _IDS))
    return TaggedCatalogue(ids, by.tags, load_array(folder, _VECTORS, sizes))
