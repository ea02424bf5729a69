"""One form for all spellings of what is searched for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.text.terms import Synonyms, asked_code, code_of, folded, needs_of, terms_of
from endcap.text.tokens import tokens_of
from tests.fakes.effort import tried


def met(query: str, text: str, synonyms: Synonyms | None = None) -> bool:
    """Whether an item with a text has everything that a query asks for."""
    has = set(terms_of(text))
    return all(any(has.issuperset(alternative) for alternative in need) for need in needs_of(query, synonyms))


def test_tokens_are_words_and_bigrams_of_scripts_without_spaces() -> None:
    assert tokens_of("Red MUG, red x2!") == ["red", "mug", "x2"]
    assert tokens_of("陶瓷杯子 M") == ["陶瓷", "瓷杯", "杯子", "m"]
    assert tokens_of("杯") == ["杯"]
    assert tokens_of("ＭＵＧ") == ["mug"]  # full-width letters
    assert tokens_of(" ,. ") == []


@pytest.mark.parametrize(
    "spellings",
    [
        (
            "500 ml",
            "500ml",
            "500ML",
            "500-ml",
            "0.5 L",
            "0,5l",
            "0.50 litres",
            "５００ｍｌ",
            "500毫升",
            "0.5升",
            "50 cl",
        ),
        ("250 g", "250g", "0.25kg", "0.25 公斤", "250克"),
        ("1000 g", "1,000 g", "1kg", "1.0 kg", "1公斤", "2斤"),
        ("60 mm", "60mm", "6 cm", "6厘米", "0.06 m"),
        ("27 inch", '27"', "27″", "27-inch", "27英寸", "27寸"),
        ("16 GB", "16gb"),
        ("1 TB", "1TB", "1000 GB", "1024 GB"),
        ("5000 mAh", "5000mah", "5 Ah"),
        ("40 x 60 cm", "40x60cm", "40 × 60 cm", "400x600 mm", "0.4 x 0.6 m"),
        ("12 pcs", "12pcs", "12 pieces"),
        ("四件套", "4件套"),
        ("十二支", "12支", "12 支"),
        ("L’Oréal", "L'Oreal", "LOREAL", "loreal", "l´oréal"),
        ("crème brûlée", "creme brulee", "CRÈME BRÛLÉE", "cre\u0300me bru\u0302le\u0301e"),
        ("Straße", "STRASSE"),
        ("smørrebrød", "smorrebrod"),
        ("雙宮繭", "双宫茧"),
        ("陶瓷杯", "陶瓷杯"),
    ],
)
def test_every_spelling_finds_every_other(spellings: tuple[str, ...]) -> None:
    assert [(q, t) for q in spellings for t in spellings if not met(q, f"Fine {t} new")] == []


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("500 ml", "500 g"),
        ("500 ml", "50 ml"),
        ("2 kg", "2 g"),
        ("四件套", "三件套"),
        ("4件", "4 套"),
        ("杯", "瓶"),
        ("か", "が"),  # sound marks are no accents
        ("x500ml", "500 ml"),
    ],
)
def test_what_is_another_thing_is_not_found(query: str, text: str) -> None:
    assert not met(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("500", "500ml bottle"),
        ("杯", "红色陶瓷杯"),
        ("陶瓷", "红色陶瓷杯"),
        ("件套", "四件套"),
        ("men", "men's shoes"),
        ("mens", "men's shoes"),
        ("iphone15", "iPhone15 case"),
        ("60", "40x60 cm"),
    ],
)
def test_parts_are_found(query: str, text: str) -> None:
    assert met(query, text)


def test_numbers_in_words_stay_what_they_are() -> None:
    assert "500" not in terms_of("mt500ml9")
    assert folded("三星 一次性 统一") == "三星 一次性 统一"
    assert folded("二十四色 两个 十支") == "24色 2个 10支"


def test_thousands_and_decimals_are_told_apart() -> None:
    for text, litres in (
        ("1.5 l", 1.5),
        ("1,5 l", 1.5),
        ("1,500 ml", 1.5),
        ("1.234,5 ml", 1.2345),
        ("1,234.5 ml", 1.2345),
    ):
        assert met(text, f"{litres} l"), text


@tried(100)
@given(st.text(), st.text("ab \u00e9\u96d9\u56db\u4ef6 1,5.kgml'x-", max_size=12))
def test_any_text_finds_itself(anything: str, likely: str) -> None:
    for text in (anything, likely):
        assert met(text, text)
        assert folded(folded(text)) == folded(text) or not text.isascii()


def test_synonyms_are_whole_words_and_phrases() -> None:
    same = Synonyms([["tv", "television set", "电视机"], ["TV", "telly"]])
    assert met("TV stand", "Television set stand", same)
    assert met("telly", "TV", same)
    assert met("telly", "电视机", same) is False  # groups are not joined behind one another
    assert met("tv", "电视机", same)
    assert not met("tvs", "television set", same)
    assert met("tvs", "TVs", same)
    assert Synonyms([["a", "b"]]) == Synonyms([["a", "b"]])
    assert needs_of("x", Synonyms(())) == needs_of("x")


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("MT1022435-AB", "mt1022435ab"),
        ("NOR.0707-60", "nor070760"),
        ("0012345678905", "12345678905"),
        ("00042", "00042"),
        ("00000000", "0"),
        ("灯-1", "灯1"),
        ("--", ""),
    ],
)
def test_codes_have_one_form(written: str, code: str) -> None:
    assert code_of(written) == code


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("MT102", "mt102"),
        (" nor.0707 ", "nor0707"),
        ("123456", "123456"),
        ("12345", None),
        ("a1", None),
        ("lamp", None),
        ("t-shirt", None),
        ("red mt102", None),
        ("", None),
    ],
)
def test_a_query_may_be_the_beginning_of_a_code(query: str, code: str | None) -> None:
    assert asked_code(query) == code
