"""Turns followed in a shop: what holds after each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.catalog.item import Item, item_document
from endcap.conversation.constraints import FACETS, LIMITS, MAX_CONDITIONS, MAX_ITEMS, Constraints, Turn
from endcap.conversation.turns import bounded, followed
from endcap.filters.evaluate import FilterContext
from endcap.filters.parser import MAX_CHARS, expression
from endcap.index.index import ItemIndex, index_of
from endcap.understanding.conditions import meeting
from endcap.understanding.wish import Condition
from endcap_rebuild.data.columns import columns_of
from tests.fakes.effort import tried
from tests.fakes.toy_snapshot import build_toy_snapshot

SHOP = [
    Item("red", "Red mug", categories=("Home", "Mugs"), brand="Acme", price=9.0),
    Item("blue", "Blue mug", categories=("Home", "Mugs"), brand="Borg", price=4.0),
    Item("warm", "Warm mug", categories=("Home", "Mugs"), brand="Borg", price=12.0),
    Item("glass", "Mug of glass", categories=("Home", "Mugs"), brand="Acme", price=3.0, attributes={"Colour": "green"}),
    Item("lamp", "Red lamp", categories=("Home", "Lighting"), brand="Acme", price=20.0),
    Item("杯", "红色玻璃杯", categories=("家居",), brand="北欧", price=30.0),
    Item("灯", "暖光台灯", categories=("家居",), brand="北欧", price=60.0),
]
ITEMS = tuple(item.item_id for item in SHOP)
ABOUT = FilterContext(0)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ItemIndex:
    documents = [item_document(item) for item in SHOP]
    folder = tmp_path_factory.mktemp("shop")
    return index_of(build_toy_snapshot(folder, len(SHOP), documents=documents, columns=columns_of(SHOP)))


def held(index: ItemIndex, *turns: str | Turn, **before: object) -> Constraints:
    """What holds after turns, each of which is about what the one before has shown."""
    constraints = Constraints(**before)  # type: ignore[arg-type]
    for turn in turns:
        constraints = followed(index, constraints, [Turn(turn) if isinstance(turn, str) else turn])[0]
    return constraints


def left(index: ItemIndex, constraints: Constraints) -> set[str]:
    """The items that meet all of it."""
    mask = meeting(index, constraints.wish, ABOUT)
    return {index.item_id(row) for row in mask.nonzero()[0].tolist()} - set(constraints.without_items)


@pytest.mark.parametrize(
    ("turns", "search", "fits"),
    [
        (["a mug", "under 10"], "mug", {"red", "blue", "glass"}),
        (["mug under 10", "no, under 5"], "mug", {"blue", "glass"}),
        (["mug over 5", "under 10"], "mug", {"red"}),  # two sides of one range
        (["mug over 10", "under 5"], "mug", {"blue", "glass"}),  # the later word, where both can't hold
        (["red mug", "blue"], "mug", {"blue"}),
        (["mug without glass", "cheaper than 10"], "mug", {"red", "blue"}),
        (["mug", "by Acme", "not glass"], "mug", {"red", "lamp"}),
        (["杯", "不要玻璃"], "杯", {"red", "blue", "warm", "glass", "lamp", "灯"}),
        (["杯", "50以内", "红色"], "杯", {"杯"}),
    ],
)
def test_turns_add_up(index: ItemIndex, turns: list[str], search: str, fits: set[str]) -> None:
    found = held(index, *turns)
    assert found.search == search
    assert left(index, found) == fits


def test_something_else_begins_anew(index: ItemIndex) -> None:
    assert held(index, "red mug under 5", "lamps") == held(index, "lamps")
    assert held(index, "red mug under 5", "forget it, lamps").search == "lamps"
    assert held(index, "red mug", "start over") == Constraints()


@pytest.mark.parametrize(
    ("turns", "search"),
    [
        (["mug", "with a handle"], "mug with a handle"),
        (["mug", "something for the garden"], "mug for the garden"),
        (["mug", "warm"], "warm mug"),  # an item is both
        (["mug", "hygge"], "hygge mug"),  # no item is: words for what is meant
        (["mug", "warmer"], "warm mug"),
        (["warm mug", "cooler"], "cool mug"),
        (["warm mug", "less warm"], "mug"),
        (["show me a mug please", "ok thanks"], "mug"),
        (["mug no bigger than 10cm"], "mug no bigger than 10cm"),
        (["mug", "not bigger than a cup"], "not bigger than a cup mug"),
        (["mug", "bigger than this"], "large mug"),
        (["mug", "red or blue"], "mug"),
        (["台灯", "保暖一点"], "保暖 台灯"),
        (["我想买个台灯", "换成杯"], "杯"),
    ],
)
def test_words_say_more_of_the_same_or_are_something_else(index: ItemIndex, turns: list[str], search: str) -> None:
    assert held(index, *turns).search == search


def test_less_of_what_was_not_searched_for_is_left_out(index: ItemIndex) -> None:
    assert held(index, "mug", "less warm").exclude == ("warm",)


@pytest.mark.parametrize(
    ("turn", "fits"),
    [
        (Turn("not that brand", ("red",)), {"blue", "warm", "杯", "灯"}),
        (Turn("not that brand"), {"red", "glass", "lamp", "杯", "灯"}),  # of the first shown
        (Turn("不要这个牌子", ("杯",)), {"red", "blue", "warm", "glass", "lamp"}),
        (Turn("the same brand", ("red",)), {"red", "glass", "lamp"}),
        (Turn("another colour", ("red",)), {"blue", "warm", "glass", "杯", "灯"}),
        (Turn("another colour", ("glass",)), {"red", "blue", "warm", "lamp", "杯", "灯"}),  # by its attribute
        (Turn("a different category", ("lamp",)), {"red", "blue", "warm", "glass", "杯", "灯"}),
        (Turn("cheaper", ("blue",)), {"glass"}),
        (Turn("cheaper"), {"blue", "glass"}),  # than the middle of 4, 9 and 12
        (Turn("便宜一点"), {"blue", "glass"}),
        (Turn("more expensive", ("lamp",)), {"杯", "灯"}),
        (Turn("not this one", ("red",)), {"blue", "warm", "glass", "lamp", "杯", "灯"}),
        (Turn("show me others"), {"glass", "lamp", "杯", "灯"}),
    ],
)
def test_a_critique_is_about_what_was_shown(index: ItemIndex, turn: Turn, fits: set[str]) -> None:
    assert left(index, held(index, turn, shown=("blue", "red", "warm"))) == fits


def test_critiques_of_one_facet_add_up_until_a_value_is_asked_for(index: ItemIndex) -> None:
    found = held(index, Turn("not that brand", ("red",)), Turn("not that brand", ("blue",)))
    assert left(index, found) == {"杯", "灯"}
    assert left(index, held(index, "mug by Acme", **{"conditions": found.conditions})) == {"red", "glass", "lamp"}


@pytest.mark.parametrize(
    ("turns", "fits"),
    [
        (["red mug under 10", "any colour"], {"red", "blue", "glass"}),
        (["red mug under 10", "the price doesn't matter"], {"red", "lamp"}),
        (["mug, no red, cheapest first", "forget the price", "colour doesn't matter"], set(ITEMS)),
        (["mug by Acme", "i don't mind which brand"], set(ITEMS)),
        (["红色的杯 50以内", "颜色无所谓,价格不限"], set(ITEMS)),
    ],
)
def test_what_may_be_anything_is_no_condition_and_not_asked_about(
    index: ItemIndex, turns: list[str], fits: set[str]
) -> None:
    found = held(index, *turns)
    assert left(index, found) == fits
    assert found.sort is None
    assert set(found.asked) & {"colour", "price", "brand"}
    assert found.search in ("mug", "杯")


@pytest.mark.parametrize("text", ["any brand but Acme", "any size 8 shoe", "a label maker", "any kind of mug", "price"])
def test_a_facet_named_otherwise_is_not_given_up(index: ItemIndex, text: str) -> None:
    assert held(index, text).asked == ()


def test_what_was_excluded_may_be_asked_for_after_all(index: ItemIndex) -> None:
    found = held(index, "mug without glass", "made of glass")
    assert found.exclude == ()
    assert "glass" in left(index, found)


def test_where_nothing_is_known_of_what_was_shown_nothing_changes(index: ItemIndex) -> None:
    constraints, words = followed(index, Constraints("mug"), [Turn("not that brand", ("no such item",))])
    assert constraints == Constraints("mug")
    assert [word.meaning for word in words] == ["brand: not known of what was shown"]


@pytest.mark.parametrize(
    ("asked", "answer", "fits"),
    [
        ("brand", "borg", {"blue", "warm"}),
        ("category", "Lighting", {"lamp"}),
        ("colour", "green", {"glass"}),
        ("price", "up to 4", {"blue", "glass"}),
        ("price", "between 10 and 20", {"warm", "lamp"}),
        ("price", "10到20之间", {"warm", "lamp"}),
        ("price", "25以上", {"杯", "灯"}),
        ("brand", "doesn't matter", {item.item_id for item in SHOP}),
    ],
)
def test_the_answer_to_a_question(index: ItemIndex, asked: str, answer: str, fits: set[str]) -> None:
    assert left(index, held(index, answer, asked=(asked,))) == fits


def test_a_condition_goes_by_its_own_words(index: ItemIndex) -> None:
    found = held(index, "mug under £5 without glass")
    assert left(index, held(index, "under £5", **_parts(found), asked=("drop",))) >= {"red", "warm"}
    assert held(index, "glass", **_parts(found), asked=("drop",)).exclude == ()


def _parts(found: Constraints) -> dict[str, object]:
    return {"search": found.search, "conditions": found.conditions, "exclude": found.exclude}


def test_every_turn_is_told_in_words(index: ItemIndex) -> None:
    turns = [Turn("red mug"), Turn("not that brand", ("red",)), Turn("warmer"), Turn("show me others")]
    words = followed(index, Constraints(shown=("blue",)), turns)[1]
    assert [tuple(word) for word in words] == [
        ("red", "colour: red"),
        ("not that brand", "not brand: Acme"),
        ("warmer", "more: warm"),
        ("show me others", "others than shown"),
    ]


PIECES = ("mug", "red", "under 5", "over 9", "without glass", "not that brand", "warmer", "cheaper", "便宜一点", "杯")
PIECES += (
    "show me others",
    "not this one",
    "by Acme",
    "start over",
    "换个颜色",
    "less warm",
    "Lighting",
    "any",
    "'\"\\",
)


@tried(25)
@given(st.lists(st.sampled_from(PIECES), max_size=12), st.sampled_from(("", *FACETS, "price", "drop")))
def test_whatever_is_said_what_holds_can_be_followed(index: ItemIndex, turns: list[str], asked: str) -> None:
    found = held(index, *turns, shown=("red", "blue"), asked=(asked,) if asked else ())
    meeting(index, found.wish, ABOUT)
    about = [one.about for one in found.conditions]
    assert all(about.count(name) <= 1 for name in (*FACETS, *LIMITS))
    assert len(found.without_items) <= MAX_ITEMS


def test_what_is_held_always_fits_one_filter() -> None:
    many = [Condition("not_brand", f'NOT brand = "{"x" * 150}{k}"', "not that brand") for k in range(40)]
    found = bounded(Constraints(conditions=(Condition("price_to", "price <= 5", "under 5"), *many)))
    assert found.conditions[0].about == "price_to"
    assert found.conditions[-1] == many[-1]
    assert len(found.conditions) <= MAX_CONDITIONS
    assert len(found.wish.filter or "") <= MAX_CHARS
    expression(found.wish.filter or "")
