"""Ids of lists say when the list was made, and only ours do."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from endcap.list_ids import made_ms, new_list_id


@given(st.integers(0, 2**48 - 1))
def test_an_id_is_a_uuid_of_version_7_with_its_moment(now_ms: int) -> None:
    found = new_list_id(now_ms)
    assert made_ms(found) == now_ms
    assert (uuid.UUID(found).version, uuid.UUID(found).variant) == (7, uuid.RFC_4122)


def test_no_two_are_alike_and_they_sort_by_their_moment() -> None:
    found = [new_list_id(1_790_000_000_000 + k) for k in range(200)]
    assert sorted(found) == found
    assert len({new_list_id(1_790_000_000_000) for _ in range(200)}) == 200


@given(st.text(max_size=40) | st.uuids(version=4).map(lambda one: one.hex))
def test_an_id_of_others_says_no_moment(other: str) -> None:
    assert made_ms(other) is None
