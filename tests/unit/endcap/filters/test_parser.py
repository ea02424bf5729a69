"""The language of filter expressions: what it reads, what it refuses and where, and what its conditions mean."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from endcap.catalog.item import Item, item_document
from endcap.events.interaction import Interaction
from endcap.events.types import EVENT_TYPES, event_types
from endcap.filters.evaluate import FilterContext, mask_of
from endcap.filters.parser import expression
from endcap.filters.tree import ExpressionError
from endcap.index.index import ItemIndex, index_of
from endcap.index.overlay import ChangedItem, Overlay
from endcap.profiles.entries import register
from endcap.profiles.profile import UserProfile, profile_of
from endcap_rebuild.data.columns import columns_of
from tests.fakes.toy_snapshot import CUTOFF_MS, DAY_MS, build_toy_snapshot

SHOP = [
    Item(
        "mug",
        "Red Mug",
        brand="Acme",
        price=9.99,
        categories=("home", "Kitchen"),
        created_at_ms=CUTOFF_MS - DAY_MS,
        attributes={"colour": "red", "volume": 0.3, "organic": True, "tags": ("sale", "New")},
    ),
    Item(
        "cup",
        "Blue cup",
        brand="acme",
        price=50.0,
        categories=("Kitchen",),
        created_at_ms=CUTOFF_MS - 90 * DAY_MS,
        attributes={"colour": "Blue", "volume": 0.2, "organic": False},
    ),
    Item(
        "lamp", "Lamp", group_id="lamps", price=120.5, categories=("Office",), language="en", attributes={"watts": 40}
    ),
    Item(
        "lamp-xl",
        "Lamp XL",
        group_id="lamps",
        brand="Brook",
        price=150.0,
        available=False,
        attributes={"watts": "forty", 'size "x"': "XL"},
    ),
    Item("灯", "台灯", brand="光", categories=("灯具",), expires_at_ms=CUTOFF_MS + DAY_MS),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ItemIndex:
    documents = [item_document(item) for item in SHOP]
    folder = tmp_path_factory.mktemp("shop")
    return index_of(build_toy_snapshot(folder, len(SHOP), documents=documents, columns=columns_of(SHOP)))


def profile(*acts: tuple[str, str, float]) -> UserProfile:
    return profile_of(
        [
            Interaction(f"e{k}", "u", kind, int(CUTOFF_MS - age * DAY_MS), item)
            for k, (kind, item, age) in enumerate(acts)
        ],
        None,
    )


def found(index: ItemIndex, text: str, about: FilterContext | None = None, **parameters: Any) -> list[str]:
    about = about or FilterContext(CUTOFF_MS, parameters=parameters)
    mask = mask_of(expression(text), index, about)
    return [index.item_id(row) for row in mask.nonzero()[0].tolist()]


EVERYTHING = [item.item_id for item in SHOP]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("price < 50", ["mug"]),
        ("price <= 50", ["mug", "cup"]),
        ("price = 9.99", ["mug"]),
        ("price == 9.99", ["mug"]),
        ("price >= 120.5", ["lamp", "lamp-xl"]),
        ("price != 50", ["mug", "lamp", "lamp-xl", "灯"]),  # exactly what = leaves out, the unpriced among it
        ("price <> 50 AND price EXISTS", ["mug", "lamp", "lamp-xl"]),
        ("price IS NULL", ["灯"]),
        ("price IS NOT NULL", EVERYTHING[:4]),
        ("brand NOT EXISTS", ["lamp"]),
        ('brand = "Acme"', ["mug", "cup"]),  # text ignores case
        ("brand IN ('acme', '光')", ["mug", "cup", "灯"]),
        ("brand NOT IN ('acme')", ["lamp", "lamp-xl", "灯"]),
        ('brand > "b" AND brand < "c"', ["lamp-xl"]),
        ('item_id = "MUG"', []),  # ids do not
        ('item_id = "mug"', ["mug"]),
        ('group_id = "lamps"', ["lamp", "lamp-xl"]),
        ('title CONTAINS "mug"', ["mug"]),
        ('title CONTAINS "灯"', ["灯"]),
        ('title MENTIONS "mugs"', ["mug"]),
        ('title MENTIONS "lam"', []),
        ('NOT title mentions "灯"', EVERYTHING[:4]),
        ('categories MENTIONS "kitchen"', ["mug", "cup"]),
        ('colour MENTIONS "blue"', ["cup"]),
        ('title NOT CONTAINS "l"', ["mug", "灯"]),
        ('categories CONTAINS "kitchen"', ["mug", "cup"]),
        ('categories CONTAINS "kit"', []),  # an element, not a part of one
        ('categories = "Kitchen"', ["mug", "cup"]),
        ('categories IN ("Office", "灯具")', ["lamp", "灯"]),
        ("categories IS NULL", ["lamp-xl"]),
        ("available", ["mug", "cup", "lamp", "灯"]),
        ("NOT available", ["lamp-xl"]),
        ("available = false", ["lamp-xl"]),
        ('language = "en"', ["lamp"]),
        ("created_at WITHIN 30d", ["mug"]),
        ("created_at < '2024-01-01'", []),
        ("created_at > 1600000000", ["mug", "cup"]),
        (f"created_at > {CUTOFF_MS - 2 * DAY_MS}", ["mug"]),
        ("expires_at EXISTS", ["灯"]),
        ('attributes.colour = "blue"', ["cup"]),
        ('colour = "blue"', ["cup"]),
        ('colour CONTAINS "e"', ["mug", "cup"]),
        ("volume >= 0.3", ["mug"]),
        ("organic = true", ["mug"]),
        ("organic != true", ["cup", "lamp", "lamp-xl", "灯"]),
        ('tags CONTAINS "new"', ["mug"]),
        ('tags = "sale"', ["mug"]),
        ('tags CONTAINS "sal"', []),
        ("watts > 30", ["lamp"]),  # the other one is a text, which is no number
        ('watts = "forty"', ["lamp-xl"]),
        ('attributes."size \\"x\\"" = "xl"', ["lamp-xl"]),
        ("attributes.unheard_of = 1", []),
        ("NOT (price < 50 OR brand = 'acme')", ["lamp", "lamp-xl", "灯"]),
        ("price < 50 OR price > 130 AND available", ["mug"]),  # AND binds more tightly
        ("not price < 50 and Price EXISTS".replace("Price", "price"), ["cup", "lamp", "lamp-xl"]),
    ],
)  # fmt: skip
def test_conditions_mean_what_the_guide_says(index: ItemIndex, text: str, expected: list[str]) -> None:
    assert found(index, text) == expected


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("", 1, "expected a field"),
        ("price <", 8, "found the end"),
        ("price < AND brand", 9, 'found "AND"'),
        ('price < "x"', 9, "expected a number"),
        ("price < true", 9, "expected a number"),
        ("brand = 3", 9, "expected text in quotes"),
        ("available = 3", 13, "expected true or false"),
        ("available < true", 11, "only be compared by = and !="),
        ('categories < "x"', 12, "only be compared by = and !="),
        ('price CONTAINS "5"', 1, "price is neither text nor a list"),
        ("title CONTAINS 5", 16, "expected text"),
        ('created_at > "soon"', 14, "ISO 8601"),
        ("(price < 3", 11, 'expected ")"'),
        ("price < 3)", 10, "expected AND, OR or the end"),
        ("price < 3 brand = 'x'", 11, "expected AND, OR or the end"),
        ("brand IN ()", 11, "expected a value"),
        ("brand IN 'x'", 10, 'expected "("'),
        ("brand IS 3", 10, "NULL or NOT NULL"),
        ("purchased WITHIN 30", 18, "expected a duration"),
        ("purchased WITHIN 30days", 18, "expected a duration"),
        ("brand", 6, "expected a comparison"),
        ("brand = 'x", 9, "does not end"),
        ("price ~ 3", 7, "unexpected '~'"),
        ("price < 1e999", 9, "expected a value"),
        ("colour < true", 10, "only be compared by = and !="),
        ("NOT", 4, "expected a field"),
        ("(" * 40, 17, "nest at most 16 deep"),
        ("NOT " * 40 + "available", 65, "nest at most 16 deep"),
        (" AND ".join(["available"] * 101), 1401, "at most 100 conditions"),
        (f"brand IN ({', '.join(['1'] * 2)})".replace("1", "'x'") + " " * 2000, 2001, "at most 2000 characters"),
    ],
)  # fmt: skip
def test_errors_name_the_position_and_what_was_expected(text: str, position: int, expected: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        expression(text, "boost.0.filter")
    (error,) = caught.value.errors
    assert error["field"] == "boost.0.filter"
    assert error["message"].startswith(f"at position {position}: ")
    assert expected in error["message"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prise < 50", 'at position 1: no item has a field "prise"'),
        ("price > 1 AND purchsed WITHIN 3d", 'at position 15: expected a comparison after "purchsed"'),
        ("search", 'at position 1: expected a comparison after "search"'),
        ("price < $most", "at position 9: parameter $most has no value"),
        ("brand = $number", "at position 9: expected text"),
        ("price < $word", "at position 9: expected a number"),
        ("brand = $list", "at position 9: expected text"),
    ],
)
def test_what_does_not_fit_the_catalogue_or_the_parameters_is_refused(
    index: ItemIndex, text: str, expected: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        found(index, text, number=3, word="many", list=["a"])
    assert caught.value.errors[0]["message"].startswith(expected)


def test_parameters_stand_for_values_and_lists(index: ItemIndex) -> None:
    assert found(index, "price < $most", most=50) == ["mug"]
    assert found(index, "price < $most", most="50") == ["mug"]  # as a query parameter carries it
    assert found(index, "brand IN $brands", brands=["brook", "光"]) == ["lamp-xl", "灯"]
    assert found(index, "brand IN ($one, 'acme')", one="brook") == ["mug", "cup", "lamp-xl"]
    assert found(index, "organic = $flag", flag=True) == ["mug"]
    assert found(index, "created_at >= $since", since="2020-01-01T00:00:00Z") == ["mug", "cup"]


def test_a_shoppers_own_attributes_are_parameters(index: ItemIndex) -> None:
    stated = register({"language": "EN", "likes": ["brook"], "age": {"years": 40}}, CUTOFF_MS)
    about = FilterContext(CUTOFF_MS, replace(profile(), attributes=stated))
    assert found(index, "language = $user.language", about) == ["lamp"]
    assert found(index, "brand IN $user.likes", about) == ["lamp-xl"]
    assert found(index, "language = $user.unknown", about) == []
    assert found(index, "price < $user.language OR price < $user.age", about) == []  # of another kind
    assert found(index, "language = $user.language") == []


def test_history_counts_for_every_variant_and_by_age(index: ItemIndex) -> None:
    shopper = profile(("purchase", "lamp", 40), ("view", "mug", 1), ("like", "cup", 2), ("squeeze", "灯", 3))
    about = FilterContext(CUTOFF_MS, shopper, event_types={**EVENT_TYPES, **event_types({"squeeze": 0.1})})
    assert found(index, "purchased", about) == ["lamp", "lamp-xl"]
    assert found(index, "bought OR PURCHASE", about) == ["lamp", "lamp-xl"]
    assert found(index, "purchased WITHIN 30d", about) == []
    assert found(index, "NOT purchased WITHIN 6w", about) == ["mug", "cup", "灯"]
    assert found(index, "viewed WITHIN 25h OR liked WITHIN 47h", about) == ["mug"]
    assert found(index, "interacted WITHIN 3d", about) == ["mug", "cup", "灯"]
    assert found(index, "squeeze", about) == ["灯"]
    with pytest.raises(ExpressionError, match="squeeze"):
        found(index, "squeeze")


def test_changed_items_are_judged_by_what_they_are_now(index: ItemIndex) -> None:
    rows = [
        ChangedItem("mug", CUTOFF_MS, replace(SHOP[0], price=99.0, brand="", attributes={"colour": "green"})),
        ChangedItem("new", CUTOFF_MS, Item("new", "New", brand="Acme", price=3.5, attributes={"fresh": True})),
        ChangedItem("cup", CUTOFF_MS, None),
    ]
    now = Overlay(index.snapshot, rows).index
    assert found(now, "price < 50") == ["new"]
    assert found(now, "price = 99") == ["mug"]
    assert found(now, "brand = 'acme'") == ["new"]
    assert found(now, "colour = 'green'") == ["mug"]
    assert found(now, "colour = 'red' OR volume > 0") == []
    assert found(now, "fresh = true") == ["new"]  # a field that only a changed item has
    assert found(now, "price IS NULL") == ["cup", "灯"]  # a deleted item has nothing
    with pytest.raises(ExpressionError, match="no item has a field"):
        found(index, "fresh = true")


def test_prices_compare_as_the_snapshot_keeps_them(tmp_path: Path) -> None:
    prices = (19.99, 0.1, 1234.56, 99999.9)
    items = [Item(f"i{k}", price=price) for k, price in enumerate(prices)]
    snapshot = build_toy_snapshot(tmp_path, 4, documents=[item_document(i) for i in items], columns=columns_of(items))
    for k, price in enumerate(prices):
        assert found(index_of(snapshot), f"price = {price}") == [f"i{k}"]
    overlaid = Overlay(snapshot, [ChangedItem("i0", 1, Item("i0", price=0.3))]).index
    assert found(overlaid, "price = 0.3") == ["i0"]
    assert found(overlaid, f"price < {json.dumps(1e300)}") == ["i0", "i1", "i2", "i3"]


def test_one_text_is_read_once() -> None:
    assert expression("price < 7").tree is expression("price < 7", "elsewhere").tree
