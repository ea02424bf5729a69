"""Whether a thing is for sale, in the words and numbers that shop systems have for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from endcap.errors import FieldError

STOCK_FIELDS: Final = (
    "available",
    "availability",
    "in_stock",
    "is_in_stock",
    "stock_status",
    "quantity",
    "stock",
    "stock_quantity",
    "inventory_quantity",
)
"""Of an item that says several of them, each has to say that it is for sale."""

_IN_STOCK: Final = """
true yes y 1 on t instock available availableforsale limitedavailability lowstock onlineonly instoreonly preorder
presale backorder backordered onbackorder madetoorder active published enabled forsale limited
wahr vrai verdadero vero
ja oui si sí sim lieferbar verfügbar verfuegbar auflager sofortlieferbar enstock
disponible disponibile disponível opvoorraad
有货 现货 有现货 在售 上架 预售 库存充足
"""
_SOLD_OUT: Final = """
false no n 0 off f outofstock outstock soldout unavailable notavailable notinstock discontinued reserved none oos
notforsale comingsoon temporarilyunavailable draft archived inactive disabled hidden unpublished
falsch faux falso
nein non não nichtlieferbar nichtverfügbar nichtverfuegbar nichtauflager ausverkauft vergriffen nonlieferbar
enrupturedestock rupturedestock rupture épuisé epuise indisponible agotado sinstock nodisponible fueradestock esaurito
nondisponibile esgotado indisponível uitverkocht
缺货 无货 售罄 已售罄 售完 已售完 下架 已下架 停售 停产 断货 暂无库存 无库存
"""
_YES: Final = frozenset(_IN_STOCK.split())
_NO: Final = frozenset(_SOLD_OUT.split())
_ADDRESS: Final = re.compile(r"^https?://schema\.org/", re.IGNORECASE)
_BETWEEN: Final = re.compile(r"[\W_]+")


def take_stock(given: dict[Any, Any], warnings: list[FieldError]) -> None:
    """Put what an item's stock fields say together as `available`, in place; nothing where they say nothing."""
    said = []
    for name in STOCK_FIELDS:
        if name not in given:
            continue
        value = for_sale(given.pop(name))
        if value is None:
            warnings.append(FieldError(field=name, message="was left out: says neither in stock nor out of stock"))
        else:
            said.append(value)
    if said:
        given["available"] = all(said)


def for_sale(value: object) -> bool | None:
    """What a stock field's value says; None where that can't be told. Numbers are how many there are."""
    if isinstance(value, Mapping | list):
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return None if value != value else value > 0
    if not isinstance(value, str):
        return None
    word = _BETWEEN.sub("", _ADDRESS.sub("", value.strip())).lower()
    if word in _YES or word in _NO:
        return word in _YES
    try:
        number = float(value)
    except ValueError:
        return None
    return None if number != number else number > 0
