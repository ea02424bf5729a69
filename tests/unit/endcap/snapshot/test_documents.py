"""The document of an item may lack whatever it likes beside its id."""

from __future__ import annotations

from itertools import product

import pytest

from endcap.snapshot.checks import checked_id

FIELDS = ("title", "brand", "description", "group_id")


@pytest.mark.parametrize("there", list(product((True, False), repeat=len(FIELDS))))
def test_each_field_may_lack_by_itself(there: tuple[bool, ...]) -> None:
    said = {name: "text" for name, is_there in zip(FIELDS, there, strict=True) if is_there}
    assert checked_id({"item_id": "a", **said}) == "a"
    assert checked_id({"item_id": "a", **dict.fromkeys(FIELDS), **said}) == "a"
