import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.catalog.item import (
    FIELDS,
    ITEM_TEXT_FIELDS,
    Item,
    content_hash,
    item_document,
    item_text,
    parse_item,
    stored_item,
    text_hash,
)
from endcap.errors import InvalidItemError
from tests.fakes.effort import tried

FULL = {
    "item_id": "lamp-1",
    "group_id": "lamp",
    "title": "Garden lamp",
    "description": "Lights the path for eight hours.",
    "categories": ["home", "garden", "lamps"],
    "brand": "Acme",
    "price": 39.9,
    "currency": "EUR",
    "available": False,
    "created_at": "2026-01-15T10:00:00Z",
    "expires_at": 1_800_000_000,
    "image_url": "https://img.example.com/1.jpg",
    "url": "https://shop.example.com/1",
    "language": "en",
    "attributes": {"colour": ["silver", "black"], "waterproof": True, "watts": 3, "material": "steel"},
}


def complaints(raw):
    with pytest.raises(InvalidItemError) as caught:
        parse_item(raw)
    return {error["field"] for error in caught.value.errors}


def test_an_item_needs_an_id_and_nothing_else():
    assert parse_item({"item_id": "a"}) == Item("a")
    assert complaints({"title": "no id"}) == {"item_id"}


def test_catalogue_files_may_say_id_and_attrs():
    assert parse_item({"id": "a", "attrs": {"size": "M"}}) == parse_item({"item_id": "a", "attributes": {"size": "M"}})


def test_null_and_empty_fields_are_absent():
    absent = {name: value for name in FULL if name != "item_id" for value in (None, "")}
    assert parse_item({"item_id": "a", **absent, "attrs": {"size": None, "colour": ""}}) == Item("a")


def test_a_written_item_reads_back_unchanged():
    item = parse_item(FULL)
    assert item.created_at_ms == 1_768_471_200_000
    assert item.attributes["colour"] == ("silver", "black")
    assert parse_item(json.loads(json.dumps(item_document(item)))) == item


@pytest.mark.parametrize("at_ms", [0, 1, 94_694_399_001, 10**11])
def test_early_dates_read_back_unchanged(at_ms):
    item = Item("a", created_at_ms=at_ms)
    assert parse_item(item_document(item)) == item


def test_one_category_may_stand_alone_and_none_stands_twice():
    assert parse_item({"item_id": "a", "categories": "lamps"}).categories == ("lamps",)
    assert parse_item({"item_id": "a", "categories": [" lamps", "lamps ", " "]}).categories == ("lamps",)


def told(raw):
    """The item, and what is said of its fields."""
    warnings = []
    item = parse_item({"item_id": "a", "title": "Lamp", **raw}, warnings)
    return item, {warning["field"]: warning["message"] for warning in warnings}


@pytest.mark.parametrize("value", ["", "x" * 129, "line\nbreak", True, 1.5, [], {}, "\ud800"])
def test_an_id_that_can_be_none_is_refused(value):
    assert complaints({"item_id": value, "price": "free"}) == {"item_id", "price"}


@pytest.mark.parametrize("raw", [{"item_id": 7001}, {"id": 7001}, {"item_id": 7001, "group_id": 12, "title": 1984}])
def test_whole_numbers_are_ids_and_names_by_their_digits(raw):
    item = parse_item(raw)
    assert item.item_id == "7001"
    assert (item.group_id, item.title) == (("12", "1984") if "group_id" in raw else (None, ""))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ["x"]),
        ("title", "\ud800"),
        ("group_id", "line\nbreak"),
        ("categories", {"a": 1}),
        ("brand", {"id": 3, "name": "Acme"}),
        ("brand", float("nan")),
        ("price", -0.01),
        ("price", True),
        ("price", "free"),
        ("price", "19,99"),
        ("price", float("nan")),
        ("price", float("inf")),
        ("price", 10**400),
        ("currency", "US Dollars"),
        ("available", "perhaps"),
        ("quantity", [3]),
        ("created_at", "last week"),
        ("expires_at", 10**400),
        ("image_url", ["http://a/1.jpg"]),
        ("image_url", "x" * 2049),
        ("attributes", ["red"]),
    ],
)
def test_an_odd_optional_field_is_left_out_and_named(field, value):
    item, said = told({field: value})
    assert item == Item("a", "" if field == "title" else "Lamp")
    assert set(said) == {field}
    assert said[field].startswith("was left out: ")


@pytest.mark.parametrize("value", [float("nan"), 10**400, {"deep": 1}, [None], "\ud800"])
def test_an_attribute_of_another_kind_is_named_once(value):
    item, said = told({"attributes": {"size": value, "colour": "red"}})
    assert item.attributes == {"colour": "red"}
    assert said == {"attributes.size": "was left out: must be text, a list of texts, a finite number, true or false"}


def test_numbers_in_lists_are_texts():
    assert told({"attributes": {"sizes": [38, 38.5, "39"]}})[0].attributes == {"sizes": ("38", "38.5", "39")}


@pytest.mark.parametrize(
    ("field", "value", "kept", "most"),
    [
        ("title", "x" * 1001, "x" * 1000, 1000),
        ("description", "x" * 20_001, "x" * 20_000, 20_000),
        ("brand", "x" * 257, "x" * 256, 256),
        ("categories", [str(k) for k in range(51)], tuple(str(k) for k in range(50)), 50),
    ],
)
def test_what_is_too_long_is_cut_and_said_to_be(field, value, kept, most):
    item, said = told({field: value})
    assert getattr(item, field) == kept
    assert said == {field: f"was too long: the first {most} count"}


def test_long_attributes_and_categories_are_cut_one_by_one():
    item, said = told({"attributes": {"care": "x" * 4001}, "categories": ["y" * 300, "home"]})
    assert item.attributes == {"care": "x" * 4000}
    assert item.categories == ("y" * 256, "home")
    assert set(said) == {"attributes.care", "categories.0"}


@tried(30)
@given(
    st.dictionaries(
        st.sampled_from(FIELDS).filter(lambda name: name not in ("id", "item_id")),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=5,
        ),
    )
)
def test_no_optional_field_loses_an_item_and_what_is_kept_reads_back(raw):
    item, _ = told(raw)
    assert stored_item(json.loads(json.dumps(item_document(item)))) == item


def test_names_that_items_do_not_have_are_told_with_the_nearest():
    item, said = told({"prise": 3, "imageUrl": "x", "name": "Mug", "xyzzy": 1})
    assert item == Item("a", "Lamp")
    assert said == {
        "prise": "is no field of an item and was left out; did you mean price?",
        "imageUrl": "is no field of an item and was left out; did you mean image_url?",
        "name": "is no field of an item and was left out; did you mean title?",
        "xyzzy": "is no field of an item and was left out",
    }


@pytest.mark.parametrize(
    "raw",
    [
        {"available": False},
        {"available": "no"},
        {"availability": "out of stock"},
        {"availability": "OUT_OF_STOCK"},
        {"availability": "https://schema.org/OutOfStock"},
        {"availability": "SoldOut"},
        {"availability": "已售罄"},
        {"in_stock": False},
        {"in_stock": "false"},
        {"in_stock": 0},
        {"quantity": 0},
        {"quantity": "0"},
        {"quantity": -2},
        {"stock": 0, "availability": "in stock"},
        {"inventory_quantity": 0, "available": True},
        {"stock_status": "outofstock"},
    ],
)
def test_whatever_says_sold_out_is_not_for_sale(raw):
    assert told(raw) == (Item("a", "Lamp", available=False), {})


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"available": "yes"},
        {"availability": "in stock"},
        {"availability": "https://schema.org/InStock"},
        {"availability": "preorder"},
        {"availability": "现货"},
        {"quantity": 3},
        {"quantity": "12.0", "in_stock": 1},
    ],
)
def test_what_can_be_ordered_is_for_sale(raw):
    assert told(raw) == (Item("a", "Lamp"), {})


@pytest.mark.parametrize(
    "value",
    [
        "Apparel & Accessories > Shoes",
        "Apparel & Accessories|Shoes",
        '["Apparel & Accessories", "Shoes"]',
        ["Apparel & Accessories > Shoes"],
        [["Apparel & Accessories", "Shoes"]],
        ["Apparel & Accessories", "Shoes", "Apparel & Accessories > Shoes"],
    ],
)
def test_categories_are_read_out_of_paths_lists_and_json(value):
    assert told({"categories": value}) == (Item("a", "Lamp", categories=("Apparel & Accessories", "Shoes")), {})


def test_odd_categories_among_others_are_left_out():
    item, said = told({"categories": [None, "Home", {"id": 9}, 12]})
    assert item.categories == ("Home", "12")
    assert set(said) == {"categories.0", "categories.2"}


def test_markup_is_read_as_text():
    item, said = told(
        {
            "title": "Caf&eacute; <b>mug</b>",
            "description": "<style>.a{margin:0}</style><p>Two&nbsp;person</p><ul><li>tent<li>5 &lt; 6 kg</ul>",
        }
    )
    assert (item.title, item.description, said) == ("Caf\u00e9 mug", "Two person tent 5 < 6 kg", {})


@pytest.mark.parametrize("raw", [None, [], "lamp", 3])
def test_an_item_is_an_object(raw):
    assert complaints(raw) == {""}


def test_variants_share_a_group():
    assert parse_item(FULL).group == "lamp"
    assert Item("single").group == "single"


def test_the_text_of_an_item_is_what_says_most_about_it():
    item = parse_item(FULL)
    expected = "Garden lamp. Acme. garden, lamps. silver, black, steel. Lights the path for eight hours."
    assert item_text(item) == expected


def test_long_attributes_and_the_end_of_long_descriptions_say_little():
    item = Item("a", "Lamp", description="d" * 10_000, attributes={"care": "x" * 61})
    assert item_text(item) == "Lamp. " + "d" * 600


def test_a_text_of_some_fields_has_them_in_their_order():
    item = parse_item(FULL)
    assert item_text(item, ("categories", "title")) == "Garden lamp. garden, lamps"
    assert item_text(item, ITEM_TEXT_FIELDS) == item_text(item)


def test_an_item_without_any_of_the_fields_is_read_whole():
    assert item_text(Item("a", "Lamp", brand="Acme"), ("description",)) == "Lamp. Acme"


def test_an_item_without_words_has_no_text():
    assert item_text(Item("a", attributes={"watts": 3.0, "new": True})) == ""


@pytest.mark.parametrize(
    "change",
    [{"price": 40}, {"available": True}, {"title": "Garden lamps"}, {"attributes": {}}, {"group_id": None}],
)
def test_any_change_changes_the_content_hash(change):
    assert content_hash(parse_item({**FULL, **change})) != content_hash(parse_item(FULL))


def test_order_and_spelling_do_not_change_the_content_hash():
    spelt = dict(reversed(FULL.items())) | {"price": "39.90", "created_at": 1_768_471_200, "title": " Garden lamp "}
    assert content_hash(parse_item(spelt)) == content_hash(parse_item(FULL))


def test_a_price_leaves_the_text_as_it_was():
    cheaper = parse_item({**FULL, "price": 1})
    assert text_hash(item_text(cheaper)) == text_hash(item_text(parse_item(FULL)))
