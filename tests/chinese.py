"""How Chinese sentences are written."""

from __future__ import annotations

import re

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
