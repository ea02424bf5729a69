"""Words for nothing, amounts of money, yes and no, categories and markup."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.feeds.values import amount, categories, decimal_mark, flag, is_absent


@pytest.mark.parametrize(
    "word", ["", " ", "NULL", "\\N", "undefined", "None", "nan", "(not set)", "N/A", "#N/A", "nil", "-", "无", "#REF!"]
)
def test_words_for_nothing_are_nothing(word: str) -> None:
    assert is_absent(word)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.50", (12.5, None)),
        ("12,50", (12.5, None)),
        ("$12", (12.0, None)),
        ("19.99 USD", (19.99, "USD")),
        ("EUR 5", (5.0, "EUR")),
        ("€ 1.234,50", (1234.5, "EUR")),
        ("1,234.50", (1234.5, None)),
        ("1 234,50", (1234.5, None)),
        ("1'234.50", (1234.5, None)),
        ("1.234.567", (1234567.0, None)),
        ("¥59.00", (59.0, None)),
        ("-3", (-3.0, None)),
        ("1e3", (1000.0, None)),
        ("12,- €", (12.0, "EUR")),
        ("CHF 12.-", (12.0, "CHF")),
        ("ab 12,50 €", (12.5, "EUR")),
        ("12,50 € / kg", (12.5, "EUR")),
        ("19,99–29,99", (19.99, None)),
        ("$12.50 - $15.00", (12.5, None)),
        ("Rs. 1200", (1200.0, "INR")),
        ("R$ 12", (12.0, "BRL")),
    ],
)
def test_amounts_are_read(text: str, expected: tuple[float, str | None]) -> None:
    assert amount(text) == expected


@pytest.mark.parametrize("text", ["", "abc", "1,2,3", "12.34.56", "nan", "inf", "1,234", "5 from 7"])
def test_what_is_no_number_or_two_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        amount(text)


def test_decimal_mark_comes_from_the_column() -> None:
    assert (decimal_mark(["1,234", "12,50"]), decimal_mark(["1,234", "12.50"]), decimal_mark(["1,234"])) == (
        ",",
        ".",
        None,
    )
    assert (amount("1,234", ",")[0], amount("1,234", ".")[0], amount("1.234", ",")[0]) == (1.234, 1234.0, 1234.0)


@given(st.decimals(0, 10**7, places=2, allow_nan=False), st.sampled_from([",.", ".,", " ,", "'."]))
def test_grouped_numbers_are_read_back(value: Any, marks: str) -> None:
    text = f"{value:,.2f}".replace(",", "G").replace(".", marks[1]).replace("G", marks[0])
    assert amount(text)[0] == pytest.approx(float(value))


@pytest.mark.parametrize(
    "word",
    ["in stock", "In_Stock", "true", 1, True, "yes", "https://schema.org/InStock", "12", "1,000", "Lieferbar", "在售"],
)
def test_yes(word: object) -> None:
    assert flag(word) is True


@pytest.mark.parametrize(
    "word",
    [
        "out of stock",
        "Out-of-Stock",
        "sold out",
        0,
        False,
        "no",
        "0",
        "0.0",
        -1,
        "discontinued",
        "ausverkauft",
        "Agotado",
        "下架",
        "coming soon",
    ],
)
def test_no(word: object) -> None:
    assert flag(word) is False


@pytest.mark.parametrize(
    "text",
    [
        "Home / Bath",
        "Home>Bath",
        "Home » Bath",
        "Home->Bath",
        "Home::Bath",
        "Home;Bath",
        "Home,Bath",
        "['Home', 'Bath']",
    ],
)
def test_levels_of_a_path_are_told_apart(text: str) -> None:
    assert categories(text) == ["Home", "Bath"]


@pytest.mark.parametrize("text", ["Bags, Cases & Sleeves", "Men/Women", "0,5 l", "Tools"])
def test_one_name_stays_one(text: str) -> None:
    assert categories(text) == [text]


@pytest.mark.parametrize(
    "value",
    [
        {"name": "Bath", "parent": {"name": "Home"}},
        [{"id": 1, "name": "Home", "children": [{"id": 2, "name": "Bath"}]}],
        {"lvl0": "Home", "lvl1": "Home > Bath"},
        [{"en": "Home", "de": "Haus"}, {"en": "Bath"}],
        [["Home", "Bath"], ["Home"]],
    ],
)
def test_categories_within_others_are_read(value: object) -> None:
    assert categories(value) == ["Home", "Bath"]


def test_neither_is_an_error() -> None:
    with pytest.raises(ValueError, match="neither"):
        flag("perhaps")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Apparel & Accessories > Shoes", ["Apparel & Accessories", "Shoes"]),
        ("Apparel &amp; Accessories &gt; Shoes", ["Apparel & Accessories", "Shoes"]),
        ("Comedy|Drama", ["Comedy", "Drama"]),
        ('["Home", "Mugs"]', ["Home", "Mugs"]),
        ("Mugs", ["Mugs"]),
        ([None, "Home"], ["Home"]),
        ([["Home", "Mugs"], ["Gifts"]], ["Home", "Mugs", "Gifts"]),
        ([{"id": 9, "name": "Mugs"}], ["Mugs"]),
        ([12, 34], ["12", "34"]),
        (12, ["12"]),
        (float("nan"), []),
        ("[broken", ["[broken"]),
    ],
)
def test_categories_in_every_shape(value: object, expected: list[str]) -> None:
    assert categories(value) == expected
