"""What exports write in place of plain values: words for nothing, amounts of money, paths of categories."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

from endcap.catalog.categories import category_names
from endcap.catalog.stock import for_sale
from endcap.identifiers import PLACEHOLDERS

ABSENT: Final = PLACEHOLDERS | {
    "#div/0!",
    "#n/a",
    "#name?",
    "#null!",
    "#num!",
    "#ref!",
    "#value!",
    "(blank)",
    "(empty)",
    "(none)",
    "(not provided)",
    "(not_set)",
    "(null)",
    "(空)",
    "-",
    "--",
    "---",
    "0000-00-00",
    "0000-00-00 00:00:00",
    "0000-00-00t00:00:00z",
    "00000000-0000-0000-0000-000000000000",
    "<na>",
    "<none>",
    "<null>",
    "?",
    "[null]",
    "k.a.",
    "n.a.",
    "n/a",
    "na",
    "nil",
    "not set",
    "nul",
    "无",
    "暂无",
    "未知",
    "空",
}
"""What stands where there is nothing, in lower case."""
_CURRENCIES: Final = {
    "€": "EUR",
    "£": "GBP",
    "us$": "USD",
    "元": "CNY",
    "rmb": "CNY",
    "₹": "INR",
    "₩": "KRW",
    "zł": "PLN",
    "kč": "CZK",
    "r$": "BRL",
    "a$": "AUD",
    "c$": "CAD",
    "nt$": "TWD",
    "hk$": "HKD",
    "rs": "INR",
    "rm": "MYR",
    "ft": "HUF",
    "₽": "RUB",
    "₺": "TRY",
    "₫": "VND",
    "฿": "THB",
}
_AMOUNT: Final = re.compile(
    r"([+-]?)\s*([^\d\s.,+'-]{0,4})\.?\s*([+-]?)\s*(\d[\d.,'’\s]*|[.,]\d+)\s*([^\d\s.,+'-]{0,4})"
)
_FROM: Final = re.compile(r"^(?:ab|from|à partir de|desde|da|ca\.?|nur|only|vanaf)\s+(?=\D{0,4}\d)", re.IGNORECASE)
_RANGE: Final = re.compile(r"(\D{0,4}\d[\d.,'’ ]*\D{0,4}?)\s*(?:[-–—~]|to|bis)\s*\D{0,4}\d[\d.,'’ ]*\D{0,4}")
_PER: Final = re.compile(r"(\D{0,4}\d[\d.,'’ ]*\D{0,4}?)\s*(?:/|per|pro|je)\s*\S.{0,12}")
_NO_CENTS: Final = re.compile(r"(\d)[.,][-–—]{1,2}(?=\D|$)")
_COMMA_DECIMAL: Final = re.compile(r"\d,(?:\d{1,2}|\d{4,})(?!\d)|\.\d{3},\d|\.\d{3}\.\d{3}")
_POINT_DECIMAL: Final = re.compile(r"\d\.(?:\d{1,2}|\d{4,})(?!\d)|,\d{3}\.\d|,\d{3},\d{3}")


def is_absent(text: str) -> bool:
    """Whether `text` only says that there is nothing."""
    return text.strip().lower() in ABSENT


def is_nothing(value: object) -> bool:
    """Whether a value only says that there is nothing."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or value == [] or (isinstance(value, str) and is_absent(value))


def decimal_mark(sample: Iterable[str]) -> str | None:
    """The decimal mark of a column, "," or "."; None where its values don't tell."""
    texts = list(sample)
    comma = any(_COMMA_DECIMAL.search(text) for text in texts)
    point = any(_POINT_DECIMAL.search(text) for text in texts)
    return None if comma == point else "," if comma else "."


def amount(text: str, mark: str | None = None) -> tuple[float, str | None]:
    """A number, maybe of money, and its currency where the text names one.

    Parameters
    ----------
    mark : the decimal mark of the column, where it is known

    Raises
    ------
    ValueError : it is no finite number, or its only mark may stand for thousands
    """
    if mark != ",":
        try:
            plain = float(text)
        except ValueError:
            pass
        else:
            if math.isfinite(plain):
                return plain, None
    match = _AMOUNT.fullmatch(_lowest(text.strip()))
    if match is None:
        raise ValueError(f"{text[:40]!r} is no number")
    sign, before, inner, digits, after = match.groups()
    number = float(_with_point(re.sub(r"['’\s]", "", digits), mark, text))
    return (-number if "-" in (sign, inner) else number), _currency(before or after)


def _lowest(text: str) -> str:
    """The amount that a text begins with: of a range, of a price for so much, or with a dash for no cents."""
    text = _FROM.sub("", text)
    for form in (_RANGE, _PER):
        if match := form.fullmatch(text):
            text = match[1].strip()
    return _NO_CENTS.sub(r"\1", text)


def _with_point(digits: str, mark: str | None, text: str) -> str:
    commas, points = digits.count(","), digits.count(".")
    if commas and points:
        decimal = "," if digits.rfind(",") > digits.rfind(".") else "."
    elif commas + points == 1:
        found = "," if commas else "."
        grouped = re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", digits) is not None
        if grouped and mark is None and found == ",":
            raise ValueError(f"{text[:40]!r} may be thousands or thousandths: write it without a comma")
        decimal = found if not grouped or mark in (None, found) else "." if found == "," else ","
    else:
        decimal = "." if commas else ","
    thousands = "," if decimal == "." else "."
    if digits.count(decimal) > 1:
        raise ValueError(f"{text[:40]!r} is no number")
    whole = digits.partition(decimal)[0].split(thousands)
    if len(whole) > 1 and any(len(group) != 3 for group in whole[1:]):
        raise ValueError(f"{text[:40]!r} is no number")
    return digits.replace(thousands, "").replace(decimal, ".")


def _currency(word: str) -> str | None:
    known = _CURRENCIES.get(word.lower())
    return known or (word.upper() if len(word) == 3 and word.isascii() and word.isalpha() else None)


def flag(value: object) -> bool:
    """Whether it is for sale, in the words of catalogues.

    Raises
    ------
    ValueError : it says neither yes nor no
    """
    found = for_sale(value)
    if found is None and isinstance(value, str):
        try:
            return amount(value, ".")[0] > 0  # above 0 either way, where its mark may stand for thousands
        except ValueError:
            pass
    if found is None:
        raise ValueError(f"{str(value)[:40]!r} says neither yes nor no")
    return found


def categories(value: object) -> list[str]:
    """The names of a category, broadest first, without words for nothing."""
    found = category_names(value)
    names = [part.get("id") if isinstance(part, Mapping) else part for part in _listed(found)]
    return [str(name) for name in names if name is not None and not is_absent(str(name))]


def _listed(found: object) -> list[object]:
    return found if isinstance(found, list) else [found] if isinstance(found, Mapping) else []
