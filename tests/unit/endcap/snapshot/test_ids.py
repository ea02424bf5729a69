from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.errors import SnapshotIntegrityError
from endcap.snapshot.ids import EMPTY, ItemIds, arrays_of

IDS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), unique=True, max_size=60)


@given(IDS, st.text(max_size=12))
def test_every_id_is_found_at_its_row_and_no_other(item_ids: list[str], other: str) -> None:
    ids = ItemIds.of(item_ids)
    assert list(ids) == [ids[row] for row in range(len(ids))] == item_ids
    assert [ids.row(item_id) for item_id in item_ids] == list(range(len(item_ids)))
    assert ids.row(other) == (item_ids.index(other) if other in item_ids else None)
    assert dict(ids.rows) == {item_id: row for row, item_id in enumerate(item_ids)}
    assert ids[1:3] == item_ids[1:3]


def test_ids_with_one_checksum_are_told_apart() -> None:
    slots = 1 << 10
    wanted = zlib.crc32(b"0") % slots
    same = [str(k) for k in range(200_000) if zlib.crc32(str(k).encode()) % slots == wanted][:100]
    filler = [f"x{k}" for k in range(400)]
    ids = ItemIds.of(same + filler)
    assert len(arrays_of(same + filler)[2]) == slots
    assert [ids.row(item_id) for item_id in same + filler] == list(range(500))
    assert ids.row("nowhere") is None


def test_rows_count_from_the_end_and_end_somewhere() -> None:
    ids = ItemIds.of(["a", "b"])
    assert ids[-1] == "b"
    assert "a" in ids.rows
    assert 3 not in ids.rows
    with pytest.raises(KeyError):
        ids.rows["c"]
    for row in (2, -3):
        with pytest.raises(IndexError):
            ids[row]


def test_an_id_given_twice_is_refused() -> None:
    with pytest.raises(SnapshotIntegrityError, match="twice"):
        ItemIds.of(["a", "b", "a"])


def test_arrays_that_do_not_fit_are_refused() -> None:
    text, offsets, slots = arrays_of(["a", "b"])
    for broken in (
        (text[:1], offsets, slots),
        (text, offsets[1:], slots),
        (text, offsets[:0], slots),
        (text, offsets, slots[:3]),
        (text, offsets, np.full(2, EMPTY, dtype=np.int32)),
    ):
        with pytest.raises(SnapshotIntegrityError):
            ItemIds(*broken)
