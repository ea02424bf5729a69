"""What exports write in place of plain values: words for nothing, amounts of money, paths of categories."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

from endcap.identifiers import PLACEHOLDERS

ABSENT: Final = PLACEHOLDERS | frozenset(
    "(null) (none) (empty) (blank) (not_set) n/a #n/a na n.a. <na> <null> <none> [null] nil nul - -- --- ? #ref! #value! #name? "
    "#div/0! #num! #null! k.a. 空 无 暂无 未知 (空) 0000-00-00 00000000-0000-0000-0000-000000000000".split()
    + ["0000-00-00 00:00:00", "not set", "(not provided)", "0000-00-00t00:00:00z"]
)
"""What stands where there is nothing, in lower case."""
_YES: Final = frozenset(
    [
        "true",
        "yes",
        "y",
        "1",
        "t",
        "on",
        "ja",
        "oui",
        "si",
        "sí",
        "in_stock",
        "instock",
        "available",
        "preorder",
        "pre_order",
        "backorder",
        "backordered",
        "limited_availability",
        "limitedavailability",
        "onbackorder",
        "active",
        "published",
        "enabled",
        "onlineonly",
        "instoreonly",
    ]
)
_NO: Final = frozenset(
    [
        "false",
        "no",
        "n",
        "0",
        "f",
        "off",
        "nein",
        "non",
        "out_of_stock",
        "outofstock",
        "unavailable",
        "not_available",
        "sold_out",
        "soldout",
        "oos",
        "discontinued",
        "draft",
        "archived",
        "inactive",
        "disabled",
    ]
)
_CURRENCIES: Final = {
    "€": "EUR",
    "£": "GBP",
    "us$": "USD",
    "元": "CNY",
    "rmb": "CNY",
    "₹": "INR",
    "₩": "KRW",
    "zł": "PLN",
}
_AMOUNT: Final = re.compile(r"([+-]?)\s*([^\d\s.,+'-]{0,4})\s*([+-]?)\s*(\d[\d.,'’\s]*|[.,]\d+)\s*([^\d\s.,+'-]{0,4})")
_COMMA_DECIMAL: Final = re.compile(r"\d,(?:\d{1,2}|\d{4,})(?!\d)|\.\d{3},\d|\.\d{3}\.\d{3}")
_POINT_DECIMAL: Final = re.compile(r"\d\.(?:\d{1,2}|\d{4,})(?!\d)|,\d{3}\.\d|,\d{3},\d{3}")
_NAMES: Final = ("name", "title", "label", "id")


def is_absent(text: str) -> bool:
    """Whether `text` only says that there is nothing."""
    return text.strip().lower() in ABSENT


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
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is no number")
    sign, before, inner, digits, after = match.groups()
    number = float(_with_point(re.sub(r"['’\s]", "", digits), mark, text))
    return (-number if "-" in (sign, inner) else number), _currency(before or after)


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
    """Yes or no, in the words of catalogues.

    Raises
    ------
    ValueError : it is neither
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value > 0
    text = re.sub(r"[\s-]+", "_", str(value).strip().lower()).rpartition("/")[2]
    if text in _YES or text in _NO:
        return text in _YES
    try:
        return float(text) > 0
    except ValueError:
        raise ValueError(f"{str(value)[:40]!r} says neither yes nor no") from None


def categories(value: object) -> list[str]:
    """The names of a category, broadest first: of a path (`A > B`), a list with pipes, JSON, or a list of these."""
    if value is None or isinstance(value, bool) or (isinstance(value, float) and value != value):
        return []
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, Mapping):
        return categories(next((value[name] for name in _NAMES if value.get(name)), None))
    if isinstance(value, Iterable):
        return list(dict.fromkeys(name for part in value for name in categories(part)))
    return [str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)]


def _of_text(text: str) -> list[str]:
    text = text.strip()
    if text[:1] == "[" and text[-1:] == "]":
        try:
            return categories(json.loads(text))
        except ValueError:
            pass
    if "&" in text:
        text = html.unescape(text)
    if ">" in text:
        parts = text.split(">")
    elif "|" in text:
        parts = text.split("|")
    else:
        parts = [text]
    return [name for part in parts if (name := part.strip()) and not is_absent(name)]
