"""What is said about what was shown, told apart from what is asked for."""

from __future__ import annotations

import pytest

from endcap.conversation.critiques import ANY, critiques


def said(text: str) -> list[tuple[str, str]]:
    return [(one.deed, one.about or one.word) for one in critiques(text)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("not that brand", [("other", "brand")]),
        ("I don't like that colour", [("other", "colour")]),
        ("a different brand please", [("other", "brand")]),
        ("in another color", [("other", "colour")]),
        ("不要这个牌子", [("other", "brand")]),
        ("换个颜色", [("other", "colour")]),
        ("其他品牌的", [("other", "brand")]),
        ("same brand", [("same", "brand")]),
        ("同一个牌子的", [("same", "brand")]),
        ("not this one", [("reject", "")]),
        ("I don't like these", [("reject", "all")]),
        ("不喜欢这些", [("reject", "all")]),
        ("show me something else", [("others", "")]),
        ("more", [("others", "")]),
        ("换一批", [("others", "")]),
        ("还有别的吗", [("others", "")]),
        ("start over", [("anew", "")]),
        ("重新来", [("anew", "")]),
        ("warmer", [("more", "warm")]),
        ("a bit softer please", [("more", "soft")]),
        ("bigger", [("more", "large")]),
        ("more colourful", [("more", "colourful")]),
        ("保暖一点", [("more", "保暖")]),
        ("再大一点的", [("more", "大")]),
        ("less sweet", [("less", "sweet")]),
        ("不要那么甜", [("less", "甜")]),
        ("warmer, and not that brand", [("more", "warm"), ("other", "brand")]),
    ],
)
def test_a_critique_is_read(text: str, told: list[tuple[str, str]]) -> None:
    assert said(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "cheaper",  # of the grammar
        "便宜一点",
        "再便宜一点",
        "more expensive",
        "red mug",
        "not plastic",
        "brand new lamp",
        "warm jacket",
        "a summer dress",
        "paper for the printer",
        "更新",
    ],
)
def test_what_is_none_is_left_to_the_grammar(text: str) -> None:
    assert said(text) == []


@pytest.mark.parametrize("text", ["any", "doesn't matter", "I don't mind", "无所谓", "都可以"])
def test_no_preference(text: str) -> None:
    assert ANY.fullmatch(text)
    assert not ANY.fullmatch("any red one")
