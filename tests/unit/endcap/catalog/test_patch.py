import pytest

from endcap.catalog.item import Item
from endcap.catalog.patch import item_patch
from endcap.errors import InvalidItemError

LAMP = Item(
    "lamp",
    "Garden lamp",
    group_id="lamps",
    description="Lights the path.",
    categories=("home", "garden"),
    brand="Acme",
    price=39.9,
    currency="EUR",
    created_at_ms=1_768_471_200_000,
    image_url="https://img.example.com/1.jpg",
    attributes={"colour": "red", "sizes": ("S", "M")},
)


def patched(body, item=LAMP):
    """The changed item, and what is said of the change."""
    warnings = []
    return item_patch(item.item_id, body, warnings)(item), {w["field"]: w["message"] for w in warnings}


def refused(body):
    with pytest.raises(InvalidItemError) as caught:
        patched(body)
    return {error["field"]: error["message"] for error in caught.value.errors}


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({"price": 29}, {"price": 29.0}),
        ({"price": "29"}, {"price": 29.0}),
        ({"available": False}, {"available": False}),
        ({"quantity": 0}, {"available": False}),
        ({"availability": "out of stock"}, {"available": False}),
        ({"title": "Path lamp"}, {"title": "Path lamp"}),
        ({"categories": "home > path"}, {"categories": ("home", "path")}),
        ({"expires_at": 1_800_000_000}, {"expires_at_ms": 1_800_000_000_000}),
        ({"group_id": 12}, {"group_id": "12"}),
        ({"attributes": {"colour": "blue"}}, {"attributes": {"colour": "blue", "sizes": ("S", "M")}}),
        ({"attrs": {"watts": 3}}, {"attributes": {"colour": "red", "sizes": ("S", "M"), "watts": 3.0}}),
        ({"item_id": "lamp", "price": 29}, {"price": 29.0}),
        ({"id": "lamp", "price": 29}, {"price": 29.0}),
    ],
)
def test_what_is_named_changes_and_the_rest_stays(body, changed):
    whole = {name: getattr(LAMP, name) for name in Item.__slots__}
    assert patched(body) == (Item(**{**whole, **changed}), {})


@pytest.mark.parametrize("nothing", [None, ""])
def test_null_takes_a_field_away(nothing):
    item, _ = patched({"price": nothing, "brand": nothing, "created_at": nothing, "attributes": {"colour": nothing}})
    assert (item.price, item.brand, item.created_at_ms, item.attributes) == (None, "", None, {"sizes": ("S", "M")})
    assert patched({"attributes": nothing})[0].attributes == {}


def test_what_is_in_stock_again_is_for_sale_again():
    gone, _ = patched({"quantity": 0})
    assert patched({"quantity": 4}, gone)[0] == LAMP


def test_an_odd_value_leaves_the_field_as_it_was():
    item, said = patched({"price": "free", "brand": "Best", "prise": 3})
    assert (item.price, item.brand) == (39.9, "Best")
    assert set(said) == {"price", "prise"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], ""),
        ("price", ""),
        ({}, ""),
        ({"item_id": "other", "price": 1}, "item_id"),
        ({"title": None}, "title"),
        ({"title": " "}, "title"),
        ({"price": "free"}, "price"),
        ({"prise": 3}, "prise"),
        ({"available": None}, "available"),
        ({"attributes": {}}, ""),
    ],
)
def test_a_change_that_can_not_be_made_says_why(body, field):
    assert set(refused(body)) == {field}


def test_a_change_makes_no_item_that_could_not_be_read_again():
    full, _ = patched({"attributes": {f"a{k}": k for k in range(98)}})
    with pytest.raises(InvalidItemError):
        patched({"attributes": {"one": 1, "two": 2}}, full)
