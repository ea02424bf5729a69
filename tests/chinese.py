"""How Chinese sentences are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_FILLED_IN = re.compile(r"\{[^{}]*\}")
_BESIDE = re.compile(
    r"[\u3400-\u9fff}”][,;:?!()]|[,;:?!()][\u3400-\u9fff{“]"  # a mark that touches Chinese, or what is filled in
)


def halfwidth_in(text: str) -> bool:
    """Whether a text in Chinese has punctuation of half a width; marks within what is not Chinese are its own."""
    plain = _FILLED_IN.sub("{}", text)
    return bool(_CHINESE.search(plain) and _BESIDE.search(plain))


_TOUCHING = re.compile(r"[\u3400-\u9fff][A-Za-z0-9]|[A-Za-z0-9%][\u3400-\u9fff]")
_DATE = re.compile(r"\d{1,4}年(?:\d{1,2}月(?:\d{1,2}日)?)?|\d{1,2}月(?:\d{1,2}日)?")
_QUOTED = re.compile(r"“[^“”]*”")


def touching_in(text: str) -> bool:
    """Whether a figure or a Latin word stands in a text in Chinese without a space before and after it.

    Titles and names in quotes are as they were given, and dates are written without spaces.
    """
    return bool(_TOUCHING.search(_QUOTED.sub("“”", _DATE.sub("", text))))


ONE_WORD: Final[Mapping[str, str]] = {
    "用户": "顾客",
    "隐藏": "屏蔽",
    "类别": "类目",
    "品类": "类目",
    "商店": "店铺",
    "变体": "同款 of an item, 分组 of an experiment",
    "展示位": "推荐位",
    "心愿单": "收藏",
    "收入": "成交额",
    "回购": "复购",
    "档案": "画像",
    "推广": "预留位置",
    "接触过": "有过行为",
}
"""What is not said -> what is said in its place: one word for one thing, as docs/glossary.md has it."""


def not_chosen_in(text: str) -> list[str]:
    """The words of a text that another one was chosen for."""
    return [word for word in ONE_WORD if word in text]
