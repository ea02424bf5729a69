"""review_aspects: which opinion belongs to which aspect, in English and Chinese."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.text.sentiment.aspects import ASPECTS, aspect_words, review_aspects

GOOD, BAD = 1, -1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("质量很好，物流太慢，客服态度差", {"quality": GOOD, "delivery": BAD, "service": BAD}),
        ("质量很好物流也很快价格便宜", {"quality": GOOD, "delivery": GOOD, "price": GOOD}),
        ("很好的质量，不错的价格", {"quality": GOOD, "price": GOOD}),
        ("质量和价格都很好", {"quality": GOOD, "price": GOOD}),
        ("虽然有点贵，但是很舒服", {"price": BAD, "comfort": GOOD}),
        ("物流慢，不过质量很好", {"delivery": BAD, "quality": GOOD}),
        ("快递，很快", {"delivery": GOOD}),
        ("没有异味，颜色正，包装很严实", {"smell": GOOD, "appearance": GOOD, "packaging": GOOD}),
        ("價格不貴，尺碼偏小", {"price": GOOD, "fit": BAD}),
        ("不缩水不掉色", {"durability": GOOD}),
        ("手机电池不耐用，屏幕清晰", {"durability": BAD, "performance": GOOD}),
        ("味道太重", {"smell": BAD}),
        ("味道很不错", {"taste": GOOD}),
        ("The quality is great but shipping was slow.", {"quality": GOOD, "delivery": BAD}),
        ("great quality, fast shipping, poor fit", {"quality": GOOD, "delivery": GOOD, "fit": BAD}),
        ("Great quality and fast shipping but it runs small", {"quality": GOOD, "delivery": GOOD, "fit": BAD}),
        ("The quality and fit are great", {"quality": GOOD, "fit": GOOD}),
        ("The price is high but I love the quality", {"quality": GOOD}),
        ("Great fit and love the color", {"fit": GOOD, "appearance": GOOD}),
        ("Soft and comfortable. Broke after two weeks.", {"comfort": GOOD, "durability": BAD}),
        ("Not worth the money. Customer service was rude.", {"price": BAD, "service": BAD}),
        ("It is not comfortable", {"comfort": BAD}),
        ("The smell was gone after a day.", {"smell": GOOD}),
        ("too small", {"fit": BAD}),
    ],
)
def test_an_opinion_belongs_to_what_it_speaks_of(text: str, expected: dict[str, int]) -> None:
    found = review_aspects(text)
    assert {name: GOOD if tone > 0 else BAD if tone < 0 else 0 for name, tone in found.items()} == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "love it",
        "很好，喜欢",
        "质量",  # named, not judged
        "If the price were lower it would be perfect",  # wished
        "以前的质量很好",  # said of something else
        "quality. I love it!",  # another sentence speaks of the whole
    ],
)
def test_what_names_or_judges_no_aspect_says_nothing_about_one(text: str) -> None:
    assert review_aspects(text) == {}


def test_an_aspect_that_is_praised_and_blamed_lies_between() -> None:
    praised, blamed = review_aspects("质量很好")["quality"], review_aspects("质量很差")["quality"]
    mixed = review_aspects("质量很好。质量很差。")["quality"]
    assert blamed < mixed < praised
    assert mixed == pytest.approx(0, abs=0.05)


@given(st.text(alphabet="质量好差，。但是 price good bad not and,.的太贵", max_size=60) | st.text(max_size=200))
def test_any_text_gives_known_aspects_within_bounds(text: str) -> None:
    found = review_aspects(text)
    assert set(found) <= set(ASPECTS)
    assert all(-1 <= tone <= 1 for tone in found.values())


def test_every_aspect_has_words_in_both_languages() -> None:
    for aspect in ASPECTS:
        scripts = {key[0].isascii() for key, name in aspect_words().items() if name == aspect}
        assert scripts == {True, False}, aspect
