"""Numbers as shoppers write them: digits, English words, Chinese numerals."""

from __future__ import annotations

import re
from typing import Final

_COUNTED: Final = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen
"""
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety"
NOTES: Final = "fiver|tenner|grand"
"""Numbers that are money by themselves."""
_WORDS: Final = (
    {word: k for k, word in enumerate(_COUNTED.split())}
    | {word: 10 * k for k, word in enumerate(_TENS.split(), 2)}
    | {"fiver": 5, "tenner": 10}
)
_SCALES: Final = {"hundred": 100, "thousand": 1000, "grand": 1000}
_ANY: Final = "|".join(sorted([*_WORDS, *_SCALES], key=len, reverse=True))

UNITS: Final = "dollars?|bucks?|usd|pounds?|quid|gbp|euros?|eur|yuan|rmb|cny|pence|cents?"
DIGITS: Final = r"(?<!\d)(?<!\d\.)(?:\d{1,3}(?:,\d{3}){1,2}|\d{1,9})(?:\.\d{1,4})?"
ENGLISH: Final = (
    rf"(?:{DIGITS}k?(?:(?=(?:{UNITS}|p)\b)|(?![\w%]))|(?:\b(?:a\s+)?(?:{_ANY})(?:[\s-]+(?:and\s+)?(?:{_ANY})){{0,6}}\b)"
    rf"|\b(?:an?|(?:a\s+)?couple\s+of)(?=\s+(?:{UNITS})\b))"
)
CHINESE: Final = rf"(?:{DIGITS}(?:[千百万]\d?(?!\d)|k)?|[一二两三四五六七八九十百千万零〇]{{1,10}})"

_CHINESE_ONES: Final = {sign: k for k, sign in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
CHINESE_SCALES: Final = {"十": 10, "百": 100, "千": 1000, "万": 10_000}


def number(text: str) -> float | None:
    """What a text that `ENGLISH` or `CHINESE` matches stands for; None where it is no number after all."""
    text = text.strip().lower()
    if plain := re.fullmatch(rf"({DIGITS})([k千百万]?)(\d?)", text):
        scale = {"k": 1000, **CHINESE_SCALES}.get(plain[2], 1)
        return (float(plain[1].replace(",", "")) + int(plain[3] or 0) / 10) * scale
    return _english(text) if text.isascii() else _chinese(text)


def _english(text: str) -> float | None:
    if text in ("a", "an"):
        return 1.0
    total, part = 0, 0
    for word in re.split(r"[\s-]+", text):
        if word in _WORDS:
            part += _WORDS[word]
        elif word == "couple":
            part += 2
        elif word == "hundred":
            part = max(part, 1) * 100
        elif word in ("thousand", "grand"):
            total, part = total + max(part, 1) * 1000, 0
        elif word not in ("a", "and", "of"):
            return None
    return float(total + part)


def _chinese(text: str) -> float | None:
    total, part, digit, scale = 0, 0, None, 1
    for sign in text:
        if sign in _CHINESE_ONES:
            digit = _CHINESE_ONES[sign]
            scale = 1 if sign in "零〇" else scale
        elif sign == "万":
            total, part, digit, scale = (total + part + (digit or 0)) * 10_000 or 10_000, 0, None, 10_000
        elif sign in CHINESE_SCALES:
            scale = CHINESE_SCALES[sign]
            part, digit = part + (1 if digit is None else digit) * scale, None
        else:
            return None
    # The last digit of 一百五 stands for fifty.
    return float(total + part + (digit or 0) * max(scale // 10, 1)) if text else None


def pattern(text: str) -> re.Pattern[str]:
    """A regular expression in which a blank stands for any white space, and case for nothing."""
    return re.compile(text.replace(" ", r"\s+"), re.IGNORECASE)
