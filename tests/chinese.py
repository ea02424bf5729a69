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
