import json

import pytest

from endcap.catalog.item import Item, content_hash, item_document, item_text, parse_item, text_hash
from endcap.errors import InvalidItemError

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


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("item_id", ""),
        ("item_id", 3),
        ("item_id", "x" * 129),
        ("item_id", "line\nbreak"),
        ("title", ["x"]),
        ("title", "x" * 1001),
        ("title", "\ud800"),
        ("description", "x" * 20_001),
        ("categories", {"a": 1}),
        ("price", -0.01),
        ("price", True),
        ("price", "free"),
        ("price", float("nan")),
        ("price", float("inf")),
        ("price", 10**400),
        ("available", "perhaps"),
        ("created_at", "last week"),
        ("expires_at", 10**400),
        ("attributes", ["red"]),
    ],
)
def test_a_field_that_breaks_its_rule_is_named(field, value):
    assert complaints({"item_id": "a", field: value}) == {field}


@pytest.mark.parametrize("value", [float("nan"), 10**400, {"deep": 1}, [1], "x" * 4001])
def test_an_attribute_of_another_kind_is_named_once(value):
    assert complaints({"item_id": "a", "attributes": {"size": value}}) == {"attributes.size"}


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
