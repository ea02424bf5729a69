"""Groups of items and users: from what is said, never guessed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.catalog.item import Item, parse_item
from endcap.errors import InvalidInputError
from endcap.profiles.attributes import stated
from endcap.profiles.codec import encode_profile
from endcap.pseudonyms import PseudonymKeys
from endcap_rebuild.data.people import People
from endcap_rebuild.evaluation.groups import (
    MAX_VALUES,
    MOST_GROUPS,
    NONE,
    OTHERS,
    activity_groups,
    item_groups,
    read_user_groups,
)
from tests.fakes.table_export import export_files


def item(number: int, **fields: Any) -> Item:
    return parse_item({"id": f"i{number}", "title": "Mug", **fields})


def test_items_are_grouped_by_brand_and_by_who_sells_them() -> None:
    items = [item(0, brand="B"), item(1, brand="A", attributes={"seller": "s1"}), item(2, brand="B"), item(3)]
    brand, seller = item_groups(items)
    assert (brand.field, brand.names, brand.of_item.tolist()) == ("brand", ("B", "A", NONE), [0, 1, 0, 2])
    assert brand.sizes.tolist() == [2, 1, 1]
    assert (seller.field, seller.names) == ("seller", ("s1", NONE))
    assert item_groups([item(0)]) == []


def test_small_groups_are_others() -> None:
    items = [item(10 * k + n, brand=f"b{k:02d}") for k in range(20) for n in range(21 - k)]
    found = item_groups(items)[0]
    assert found.names == (*(f"b{k:02d}" for k in range(MOST_GROUPS)), OTHERS)
    assert found.sizes.tolist()[-1] == sum(21 - k for k in range(MOST_GROUPS, 20))


def test_attribute_that_is_named_must_be_there() -> None:
    items = [item(0, attributes={"shop": "x"})]
    assert item_groups(items, "shop")[0].names == ("x",)
    with pytest.raises(InvalidInputError, match="no item has an attribute 'merchant'"):
        item_groups(items, "merchant")


def test_users_of_a_file(tmp_path: Path) -> None:
    rows = [f"u{k}, {'f' if k % 2 else 'm'},{k},same," for k in range(MAX_VALUES + 1)]
    with gzip.open(tmp_path / "users.csv.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(["USER_ID,Gender,age,land,empty", *rows, ""]))
    found = read_user_groups(tmp_path)
    assert set(found.values) == {"gender"}
    assert found.values["gender"]["u3"] == "f"
    assert found.passed_over == ("age", "land")


def test_file_that_is_named_must_hold_users(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("name\nann\n")
    with pytest.raises(InvalidInputError, match="no column user_id"):
        read_user_groups(tmp_path, tmp_path / "people.csv")
    with pytest.raises(InvalidInputError, match="is not a file"):
        read_user_groups(tmp_path, tmp_path / "gone.csv")
    assert read_user_groups(tmp_path).values == {}


def test_users_of_an_export_of_their_profiles(tmp_path: Path) -> None:
    profiles = {
        f"u{k}": stated({"attributes": {"tier": "gold" if k else "basic"}, "preferences": {"vegan": bool(k)}}, 5).said
        for k in range(3)
    }
    rows = [{"user_id": {"S": name}, "profile": {"B": encode_profile(own)}} for name, own in profiles.items()]
    for key, content in export_files([*rows, {"user_id": {"S": "damaged"}, "profile": {"B": b"?"}}]).items():
        (tmp_path / "profiles" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "profiles" / key).write_bytes(content)
    found = read_user_groups(tmp_path)
    assert json.loads(json.dumps(found.values)) == {
        "tier": {"u0": "basic", "u1": "gold", "u2": "gold"},
        "vegan": {"u0": "false", "u1": "true", "u2": "true"},
    }
    people = People(PseudonymKeys({1: b"k" * 32}))
    named = read_user_groups(tmp_path, people=people).values["tier"]
    assert named == {people.name_of(user): tier for user, tier in found.values["tier"].items()}


def test_thirds_by_history_length() -> None:
    found = activity_groups(np.arange(1, 10))
    assert [(label, chosen.sum()) for label, chosen in found] == [("1-4", 4), ("5-7", 3), ("8-9", 2)]
    assert [label for label, _ in activity_groups(np.full(9, 4))] == ["4"]
    assert activity_groups(np.array([], dtype=np.int64)) == []
