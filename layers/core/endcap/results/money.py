"""Money by currency: amounts of different currencies are told side by side, and never added up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

UNNAMED: Final = ""
"""The currency of an amount whose event names none."""
_CODE: Final = re.compile(r"[A-Z]{3}")


def currency_of(properties: object) -> str:
    """The currency that an event names in its `properties`, as its three letters (ISO 4217); else `UNNAMED`."""
    named = properties.get("currency") if isinstance(properties, Mapping) else None
    code = named.strip().upper() if isinstance(named, str) else ""
    return code if _CODE.fullmatch(code) else UNNAMED


def told_money(cents: Mapping[str, int]) -> dict[str, Any]:
    """What was paid, as answers tell it.

    Parameters
    ----------
    cents : currency -> hundredths

    Returns
    -------
    `revenue`, None where that is of several currencies; `currency` of it, None where that is not known; `revenues`,
    each of the currencies with its own, the greatest first
    """
    told = {currency: amount for currency, amount in cents.items() if amount} or dict.fromkeys([*sorted(cents)][-1:], 0)
    amounts = sorted(told.items(), key=lambda pair: (-pair[1], pair[0]))
    alone = amounts[0] if len(amounts) == 1 else (UNNAMED, 0)
    return {
        "revenue": alone[1] / 100 if len(amounts) < 2 else None,
        "currency": alone[0] or None,
        "revenues": [{"currency": currency or None, "revenue": amount / 100} for currency, amount in amounts],
    }


def added(several: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sums of some amounts, each currency by itself."""
    found: dict[str, int] = {}
    for cents in several:
        for currency, amount in cents.items():
            found[currency] = found.get(currency, 0) + amount
    return found
