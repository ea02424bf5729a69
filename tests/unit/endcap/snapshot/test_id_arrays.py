"""The arrays of ids: which fit each other, and where a search for an id goes."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

from endcap.errors import SnapshotIntegrityError
from endcap.snapshot.ids import EMPTY, ItemIds, arrays_of, tie_keys_of


def ids(text: bytes, offsets: Any, slots: Any) -> ItemIds:
    return ItemIds(np.frombuffer(text, np.uint8), np.asarray(offsets, np.int64), np.asarray(slots, np.int32))


def placed(n_slots: int, **rows: int) -> list[int]:
    """Slots with each id at its first choice."""
    slots = [-1] * n_slots
    for item_id, row in rows.items():
        slots[zlib.crc32(item_id.encode()) % n_slots] = row
    return slots


@pytest.mark.parametrize(
    ("text", "offsets"),
    [(b"ab", []), (b"ab", [1, 2]), (b"ab", [0, 1]), (b"ab", [0, 3]), (b"ab", [0, 2, 1, 2]), (b"", [0, 1])],
)
def test_offsets_cover_the_text_in_order(text: bytes, offsets: Any) -> None:
    with pytest.raises(SnapshotIntegrityError, match="do not cover"):
        ids(text, offsets, [-1] * 8)


@pytest.mark.parametrize(
    ("n_slots", "passes"), [(0, False), (1, False), (2, False), (3, False), (4, True), (6, False), (8, True)]
)
def test_slots_are_more_than_items_and_a_power_of_two(n_slots: int, passes: bool) -> None:
    if passes:
        assert len(ids(b"ab", [0, 1, 2], [-1] * n_slots)) == 2
    else:
        with pytest.raises(SnapshotIntegrityError, match="too few slots, or no power of two"):
            ids(b"ab", [0, 1, 2], [-1] * n_slots)


def test_no_items_need_one_slot() -> None:
    none = ids(b"", [0], [-1])
    assert (len(none), list(none), none.row("a"), none[:]) == (0, [], None, [])


def test_a_search_goes_round_the_end_and_ends_at_a_free_slot() -> None:
    slots = [-1] * 4
    slots[3], slots[0], slots[1] = 0, 1, 2
    same = [name for name in map(str, range(1000, 2000)) if zlib.crc32(name.encode()) % 4 == 3]
    found = ids("".join(same[:3]).encode(), np.arange(4) * 4, slots)
    assert [found.row(name) for name in same[:4]] == [0, 1, 2, None]


def test_a_search_ends_where_no_slot_is_free() -> None:
    full = ids(b"ab", [0, 1, 2], [0, 0, 0, 0])
    assert full.row("zz") is None


@pytest.mark.parametrize("row", [-2, 2, 9])
def test_a_slot_of_no_item_ends_a_search(row: int) -> None:
    broken = ids(b"ab", [0, 1, 2], [row] * 4)
    assert broken.row("a") is None


def test_ids_are_sequences() -> None:
    found = ItemIds.of(["a", "bb", "用"])
    assert (found[0], found[2], found[-1], found[-3]) == ("a", "用", "用", "a")
    assert (found[::2], found[-2:], found[5:]) == (["a", "用"], ["bb", "用"], [])
    for row in (3, -4):
        with pytest.raises(IndexError):
            found[row]
    assert list(found) == ["a", "bb", "用"]
    assert found.row is found.row
    assert found.rows is found.rows
    assert (list(found.rows), len(found.rows), found.rows["bb"]) == (["a", "bb", "用"], 3, 1)
    assert found.row("\ud800") is None
    assert [name in found.rows for name in ("a", "c", 7, None)] == [True, False, False, False]


def test_bytes_that_are_no_text_are_shown_and_found_by_nobody() -> None:
    broken = ids(b"\xffb", [0, 1, 2], placed(8, b=1))
    assert (broken[0], list(broken)) == ("\ufffd", ["\ufffd", "b"])
    assert broken.row("b") == 1
    assert broken.row("\ufffd") is None


@pytest.mark.parametrize(("n", "n_slots"), [(0, 8), (1, 8), (4, 8), (5, 16), (8, 16), (9, 32), (64, 128), (65, 256)])
def test_at_most_half_of_the_slots_are_taken(n: int, n_slots: int) -> None:
    text, offsets, slots = arrays_of([f"item-{k}" for k in range(n)])
    assert len(slots) == n_slots
    assert sorted(slots[slots != EMPTY].tolist()) == list(range(n))
    assert (len(offsets), offsets[0], offsets[-1]) == (n + 1, 0, len(text))
    assert EMPTY == -1


def test_of_several_that_want_a_slot_the_first_gets_it() -> None:
    same = [name for name in map(str, range(999)) if zlib.crc32(name.encode()) % 8 == 5][:3]
    slots = arrays_of(same)[2].tolist()
    assert (slots[5], slots[6], slots[7]) == (0, 1, 2)


def test_an_id_that_is_there_twice_is_told() -> None:
    with pytest.raises(SnapshotIntegrityError, match=r"^an item is named twice$"):
        arrays_of(["a", "a"])


def test_the_numbers_by_which_ties_are_broken_stay() -> None:
    assert tie_keys_of(["a", "item-1", "用"]).tolist() == [
        (mixed := zlib.crc32(name.encode()) * 0x9E3779B1 % 2**32) ^ (mixed >> 15) for name in ("a", "item-1", "用")
    ]
    assert tie_keys_of([]).dtype == np.uint32
