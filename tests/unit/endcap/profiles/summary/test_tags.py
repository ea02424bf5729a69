from __future__ import annotations

import pytest

from endcap.catalog.item import Item
from endcap.profiles.summary.tags import Tag, folded, tags_of
from endcap.text.tokens import Wording, common_words


def item(item_id: str, title: str, *categories: str, brand: str = "", **attributes: str | float) -> Item:
    return Item(item_id, title, categories=categories, brand=brand, attributes=attributes)


def test_a_tag_weighs_what_its_items_weigh_together() -> None:
    items = {
        "a": item("a", "Red mug", "home", "kitchen", brand="Acme"),
        "b": item("b", "Steel lamp", "home", "kitchen", brand="Brook"),
        "c": item("c", "Blue shirt", "wear"),
    }
    tags = tags_of(items, {"a": 1.0, "b": 0.25, "c": -2.0, "gone": 5.0})
    assert tags == [
        Tag("category", "wear", -2.0),
        Tag("category", "kitchen", 1.25),
        Tag("brand", "Acme", 1.0),
        Tag("brand", "Brook", 0.25),
    ]


def test_words_and_attributes_are_tags_where_they_recur() -> None:
    items = {
        "a": item("a", "The red mug with a lid", colour="red", weight=3.0),
        "b": item("b", "The red lamp with a cord", colour="red"),
        "c": item("c", "A blue lamp", colour="blue"),
    }
    assert tags_of(items, {"a": 1.0, "b": 0.5, "c": -0.25}) == [
        Tag("attribute", "colour: red", 1.5),
        Tag("word", "red", 1.5),
        Tag("word", "lamp", 0.25),
    ]


def test_what_a_writer_has_said_counts_where_it_recurs_and_the_shops_own_categories_say_little() -> None:
    items = {
        "a": item("a", "Bell"),
        "b": item("b", "Wreath", "home"),
        "c": item("c", "Tin"),
        "d": item("d", "Star", "home", "trees"),
    }
    weights = {"a": 1.0, "b": 0.5, "c": -2.0, "d": 1.0}
    generated = {"a": ("christmas", "gift"), "b": ("christmas",), "c": ("food",), "d": ("gift",)}
    plain = tags_of(items, weights)
    assert [tag for tag in tags_of(items, weights, generated) if tag not in plain] == [
        Tag("generated", "christmas", 1.5)
    ]
    assert tags_of(items, weights, {}) == plain


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("cake tins", "Cake Tins", "cake tin"), ["cake tins"]),
        (("Bags", "bag", "Bath"), ["Bags", "Bath"]),
        (("Tea-Light", "tealights", "tea light"), ["Tea-Light"]),
        (("boxes", "Box", "dishes", "dish", "glass", "Glasses"), ["boxes", "dishes", "glass"]),
        (("cookies", "Cookie", "berry", "Berries", "shoes", "shoe"), ["cookies", "berry", "shoes"]),
        (("salt & pepper shaker", "Salt & Pepper Shakers"), ["salt & pepper shaker"]),
        (("gas", "plan", "planes", "Home", "Home decor"), ["gas", "plan", "planes", "Home", "Home decor"]),
        (("保温 杯", "保温杯", "背包", "包"), ["保温 杯", "背包", "包"]),
    ],
)
def test_what_differs_by_case_number_or_spaces_alone_is_one_tag(names: tuple[str, ...], told: list[str]) -> None:
    weights = {name: 9.0 - k for k, name in enumerate(names)}
    tags = [Tag("word", name, weights[name], frozenset([name])) for name in names]
    found = folded(tags, weights)
    assert sorted(tag.name for tag in found) == sorted(told)
    assert sum(tag.weight for tag in found) == sum(weights.values())


def test_a_folded_tag_counts_each_item_once_and_has_the_name_that_the_shop_gave() -> None:
    weights = {"a": 2.0, "b": 1.0, "c": -0.5}
    tags = [
        Tag("word", "cake tin", 3.0, frozenset("ab")),
        Tag("category", "Cake Tins", 1.5, frozenset("ac")),
        Tag("brand", "Acme", -0.5, frozenset("c")),
    ]
    assert folded(tags, weights) == [Tag("category", "Cake Tins", 2.5), Tag("brand", "Acme", -0.5)]
    assert folded(tags, weights)[0].items == frozenset("abc")


def test_chinese_titles_share_whole_phrases_and_not_their_parts() -> None:
    items = {k: item(k, title) for k, title in [("a", "秋冬澳洲羊毛被"), ("b", "加厚羊毛被"), ("c", "羊毛袜")]}
    assert tags_of(items, {"a": 1.0, "b": 1.0, "c": 0.5}) == [Tag("word", "羊毛", 2.5), Tag("word", "羊毛被", 2.0)]
    del items["c"]
    assert tags_of(items, {"a": 1.0, "b": 1.0}) == [Tag("word", "羊毛被", 2.0)]


@pytest.mark.parametrize(
    ("text", "other", "common"),
    [
        ("Red MUG, ceramic", "a mug of red clay", ("red", "mug")),
        ("the mug and the lamp", "the shirt and the spoon", ()),
        ("轻奢纯棉刺绣四件套", "纯棉四件套", ("纯棉", "四件套")),
        ("舒适的羊毛被", "好的羊毛被", ("羊毛被",)),
        ("纯棉 T恤 xl", "纯棉T恤", ("纯棉",)),
        ("", "mug", ()),
    ],
)
def test_common_words_stand_in_both_texts(text: str, other: str, common: tuple[str, ...]) -> None:
    assert common_words(Wording.of(text), Wording.of(other)) == common
