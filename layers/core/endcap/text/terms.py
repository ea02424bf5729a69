"""Terms by which searches find items: one form for all spellings of a word, a quantity or a code.

Upper and lower case, widths, accents, traditional and simplified characters are one. A number with its unit is one term
whatever the unit and the space between (500 ml, 500ml, 0.5 L), and Chinese numbers that count something are digits
(四件套, 4件套). Chinese, Japanese and Korean runs are found by their bigrams, and by a single character.

An item is found by all of its terms. A query is a list of needs, each of which any of several terms meets.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from endcap.text.tokens import CJK

Need = tuple[tuple[str, ...], ...]
"""Alternatives, each of which is terms that an item must all have."""

_SPECIAL: Final = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ŋ": "n"}
)
_UNITS: Final[Mapping[str, Mapping[str, float]]] = {
    "volume": {
        "ml milliliter milliliters millilitre millilitres 毫升": 1.0,
        "cl": 10.0,
        "dl": 100.0,
        "l lt ltr liter liters litre litres 升 公升": 1000.0,
    },
    "mass": {
        "mg 毫克": 0.001,
        "g gr gm gram grams gramme grammes 克": 1.0,
        "kg kgs kilo kilos kilogram kilograms 千克 公斤": 1000.0,
        "oz ounce ounces 盎司": 28.349523,
        "lb lbs pound pounds 磅": 453.59237,
        "斤": 500.0,
    },
    "length": {
        "mm millimeter millimeters millimetre millimetres 毫米": 1.0,
        "cm centimeter centimeters centimetre centimetres 厘米 公分": 10.0,
        "m meter meters metre metres 米": 1000.0,
        '" ″ ′′ inch inches 英寸 寸': 25.4,
        "ft foot feet 英尺": 304.8,
    },
    "data": {"kb": 0.001, "mb": 1.0, "gb": 1000.0, "tb": 1_000_000.0},
    "power": {"w watt watts 瓦": 1.0, "kw": 1000.0},
    "charge": {"mah": 1.0, "ah": 1000.0},
    "voltage": {"v volt volts 伏": 1.0},
    "frequency": {"hz": 1.0, "khz": 1e3, "mhz": 1e6, "ghz": 1e9},
    "pieces": {"pc pcs pce piece pieces pk ct": 1.0},
}
_UNIT: Final = {
    name: (kind, factor) for kind, sizes in _UNITS.items() for names, factor in sizes.items() for name in names.split()
}
_COUNTERS: Final = "件套只个片包瓶条支人层抽格色盒双张把袋枚粒颗块孔节斗座档位"
_DIGITS: Final = {
    "零": 0,
    "〇": 0,
    "一": 1,
    "二": 2,
    "两": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
_CHINESE_NUMBER: Final = re.compile(
    rf"(?<![\d百千万十])([一二两三四五六七八九]?十[一二三四五六七八九]?|[一二两三四五六七八九])(?=[{_COUNTERS}])"
)
_NUMBER: Final = r"\d+(?:[.,]\d+)*"
_TIMES: Final = r"\s*[x×*]\s*"
_SCAN: Final = re.compile(
    rf"(?<![^\W_{CJK}])(?P<number>{_NUMBER}(?:{_TIMES}{_NUMBER})*)"
    rf"(?:[ \t-]?\s?(?P<unit>{'|'.join(re.escape(u) for u in sorted(_UNIT, key=len, reverse=True))})(?![^\W_{CJK}])"
    rf"|(?=\s?(?P<counter>[{_COUNTERS}]))|(?![^\W_{CJK}]))"
    rf"|(?P<cjk>[{CJK}]+)"
    rf"|(?P<word>[^\W_{CJK}]+(?:'[^\W_{CJK}]+)*)"
)
_DIGIT: Final = re.compile("[0-9]")
_WORD: Final = re.compile("[a-z]+")
_APOSTROPHES: Final = re.compile("[’‘`´ʼ]")
_MARK: Final = "="
"""Begins a term that no text holds: a quantity."""


@cache
def _simplified() -> dict[int, str]:
    lines = files("endcap.text").joinpath("traditional.txt").read_text("utf-8").splitlines()
    pairs = "".join(line for line in lines if not line.startswith("#"))
    return {ord(pairs[k]): pairs[k + 1] for k in range(0, len(pairs), 2)}


def folded(text: str) -> str:
    """The form that searches compare: one case and width, no accents, simplified characters, counts in digits."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", _APOSTROPHES.sub("'", text)).lower()
    text = text.translate(_SPECIAL).translate(_simplified())
    parts = unicodedata.normalize("NFD", text)
    if len(parts) != len(text):
        # Marks that Latin, Greek and Cyrillic letters bear; not the sound marks of kana.
        text = unicodedata.normalize("NFC", "".join(c for c in parts if not "\u0300" <= c <= "\u036f"))
    return _CHINESE_NUMBER.sub(lambda found: str(_number(found[1])), text)


def _number(chinese: str) -> int:
    """The value of a Chinese number below 100."""
    tens, ten, ones = chinese.rpartition("十")
    if not ten:
        return _DIGITS[chinese]
    return 10 * (_DIGITS[tens] if tens else 1) + (_DIGITS[ones] if ones else 0)


@lru_cache(8192)  # changed items are read again with every further change
def terms_of(text: str) -> tuple[str, ...]:
    """The terms that an item with this text is found by, each once."""
    text = folded(text)
    if text.isascii() and "'" not in text and not _DIGIT.search(text):
        return tuple(dict.fromkeys(_WORD.findall(text)))
    terms: dict[str, None] = {}
    for need, more in _scanned(text):
        for alternative in need:
            terms.update(dict.fromkeys(alternative))
        terms.update(dict.fromkeys(more))
    return tuple(terms)


def needs_of(query: str, synonyms: Synonyms | None = None) -> list[Need]:
    """What a query asks for, each once, in its order."""
    needs: dict[Need, None] = {}
    for part, group in _apart(folded(query), synonyms):
        if group is not None:
            needs[group] = None
        else:
            needs.update(dict.fromkeys(need for need, _ in _scanned(part)))
    return list(needs)


def _scanned(text: str) -> Iterator[tuple[Need, tuple[str, ...]]]:
    """What stands in a folded text, as needs, and further terms by which it is found."""
    for found in _SCAN.finditer(text):
        if (run := found["cjk"]) is not None:
            yield from _run(run)
        elif (word := found["word"]) is not None:
            parts = tuple(word.split("'"))
            yield (((word,),), ()) if len(parts) == 1 else ((("".join(parts),), parts), ())
        else:
            yield from _quantity(found)


def _run(run: str) -> Iterator[tuple[Need, tuple[str, ...]]]:
    if len(run) == 1:
        yield ((run,),), ()
    for k in range(len(run) - 1):
        yield ((run[k : k + 2],),), (run[k], run[k + 1])


def _quantity(found: re.Match[str]) -> Iterator[tuple[Need, tuple[str, ...]]]:
    numbers = [_value(n) for n in re.split(_TIMES, found["number"])]
    unit, counter = found["unit"], found["counter"]
    for place, number in enumerate(numbers):
        plain = f"{number:g}" if number < 1e6 else f"{number:.0f}"
        measured = unit is not None and (place == len(numbers) - 1 or _UNIT[unit][0] == "length")
        if measured and unit is not None:
            yield ((_measure(number, unit),),), (plain,)
        elif counter is not None and place == len(numbers) - 1:
            yield ((f"{_MARK}{counter}{plain}",),), (plain,)
        else:
            yield ((plain,),), ()


def _value(number: str) -> float:
    """A number with decimal point or comma, or with either between thousands."""
    marks = re.findall("[.,]", number)
    if len(marks) > 1 or (marks and re.fullmatch(r"[1-9]\d{0,2},\d{3}", number)):
        last = max(number.rfind("."), number.rfind(","))
        mixed = len(set(marks)) > 1 and len(number) - last - 1 != 3
        whole = re.sub("[.,]", "", number[:last]) if mixed else re.sub("[.,]", "", number)
        return float(f"{whole}.{number[last + 1 :]}") if mixed else float(whole)
    return float(number.replace(",", "."))


def _measure(number: float, unit: str) -> str:
    kind, factor = _UNIT[unit]
    if kind == "data" and unit in ("kb", "mb", "gb") and number >= 1024 and number % 1024 == 0:
        number, factor = number / 1024, factor * 1000
    return f"{_MARK}{kind}{number * factor:.5g}"


class Synonyms:
    """Words and phrases of which one stands for another in searches.

    Parameters
    ----------
    groups : of phrases that mean the same
    """

    def __init__(self, groups: Iterable[Sequence[str]]) -> None:
        self.groups = tuple(tuple(group) for group in groups)
        self._need: dict[str, Need] = {}
        for group in self.groups:
            phrases = [folded(phrase).strip() for phrase in group]
            need = tuple(dict.fromkeys(terms for phrase in phrases if (terms := _wanted(phrase))))
            for phrase in phrases:
                known = self._need.get(phrase, ())
                self._need[phrase] = tuple(dict.fromkeys((*known, *need)))
        longest = sorted(filter(None, self._need), key=len, reverse=True)
        self._pattern = re.compile("|".join(_whole(phrase) for phrase in longest)) if longest else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Synonyms) and self.groups == other.groups

    def __hash__(self) -> int:
        return hash(self.groups)

    def apart(self, query: str) -> Iterator[tuple[str, Need | None]]:
        """A folded query in parts: a phrase that others stand for, with these, and what lies between, without."""
        start = 0
        for found in self._pattern.finditer(query) if self._pattern is not None else ():
            yield query[start : found.start()], None
            yield found[0], self._need[found[0]]
            start = found.end()
        yield query[start:], None


def _apart(query: str, synonyms: Synonyms | None) -> Iterable[tuple[str, Need | None]]:
    return [(query, None)] if synonyms is None else synonyms.apart(query)


def _wanted(phrase: str) -> tuple[str, ...]:
    """Terms that an item with a phrase has: the first way in which each need is met."""
    return tuple(dict.fromkeys(term for need, _ in _scanned(phrase) for term in need[0]))


def _whole(phrase: str) -> str:
    """A pattern for a phrase that is no part of a longer word; characters have no words around them."""
    before = rf"(?<![^\W_{CJK}])" if re.match(rf"[^\W_{CJK}]", phrase) else ""
    after = rf"(?![^\W_{CJK}])" if re.search(rf"[^\W_{CJK}]$", phrase) else ""
    return before + re.escape(phrase) + after


_NOT_CODE: Final = re.compile(r"[\W_]+")
_AS_CODE: Final = re.compile(r"\s*[^\W_]+(?:[-._/#:][^\W_]+)*\s*")
_DIGITS_ALONE: Final = re.compile(r"\d+")
_LONG_NUMBER: Final = 8
"""Digits from which on a number is an EAN, UPC or the like, whose leading zeros come and go."""


@lru_cache(16_384)
def code_of(text: str) -> str:
    """An article number in the form that all its spellings share: no dashes, no leading zeros of an EAN."""
    code = _NOT_CODE.sub("", unicodedata.normalize("NFKC", text).lower())
    if len(code) >= _LONG_NUMBER and _DIGITS_ALONE.fullmatch(code):
        return code.lstrip("0") or "0"
    return code


def asked_code(query: str) -> str | None:
    """The code that a query may be the beginning of; None where it looks like none."""
    if not _AS_CODE.fullmatch(query):
        return None
    code = code_of(query)
    digits = sum(c.isdigit() for c in code)
    return code if digits and len(code) >= (4 if digits < len(code) else 6) else None
