"""The kinds of interaction, what each says about a shopper, and the other names they go by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class EventType:
    """One kind of interaction.

    Attributes
    ----------
    name : as it is written in events
    code : 1..127, its byte in a stored profile; 0 for custom kinds, which are stored by name
    weight : signed strength of one such event at age zero
    half_life_s : seconds after which the weight has halved
    needs : fields without which the event says nothing
    """

    name: str
    code: int
    weight: float
    half_life_s: float
    needs: tuple[str, ...] = ("item_id",)


def _types(*rows: tuple[str, int, float, float, tuple[str, ...]]) -> Mapping[str, EventType]:
    return MappingProxyType(
        {n: EventType(n, code, weight, days * DAY_S, needs) for n, code, weight, days, needs in rows}
    )


ITEM = ("item_id",)

EVENT_TYPES: Mapping[str, EventType] = _types(
    ("view", 1, 0.3, 14, ITEM),
    ("click", 2, 0.4, 14, ITEM),
    ("add_to_cart", 3, 0.8, 30, ITEM),
    ("remove_from_cart", 4, -0.3, 30, ITEM),
    ("purchase", 5, 1.0, 180, ITEM),
    ("return", 6, -0.5, 180, ITEM),
    ("rating", 7, 1.0, 365, ("item_id", "value")),
    ("review", 8, 1.0, 365, ITEM),
    ("search", 9, 1.0, 7, ("text",)),
    ("like", 10, 0.8, 180, ITEM),
    ("dislike", 11, -1.0, 365, ITEM),
    ("wishlist", 12, 0.7, 90, ITEM),
    ("share", 13, 0.6, 90, ITEM),
    ("impression", 14, 0.0, 1, ITEM),
    ("identify", 15, 0.0, 1, ("anonymous_id",)),
    ("tag", 16, 0.5, 180, ("text",)),
)
"""Built-in kinds. Weights are priors: the rebuild scales whole terms of the score, not single kinds."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        # GA4 e-commerce names, https://developers.google.com/analytics/devguides/collection/ga4/ecommerce
        "view_item": "view",
        "select_item": "click",
        "add_to_wishlist": "wishlist",
        "begin_checkout": "add_to_cart",
        "refund": "return",
        "view_item_list": "impression",
        "view_search_results": "search",
        "comment": "review",
    }
)

GRADED = frozenset({"rating", "review"})
"""Kinds whose `value` is a grade from 0.5 to 5; elsewhere a value is stored and multiplies nothing."""

STRONG = frozenset({"purchase", "return", "rating", "review"})
"""Kinds that a profile keeps in a set of their own, so that browsing can't push them out."""

TEXTUAL = frozenset({"review", "search", "tag"})
"""Kinds whose text becomes a text signal."""


def event_types(overrides: Mapping[str, Any]) -> Mapping[str, EventType]:
    """The built-in kinds with a storefront's own weights and kinds laid over them.

    Parameters
    ----------
    overrides : name -> weight, or name -> {"weight": w, "half_life_days": d}

    Raises
    ------
    ValueError : an entry is neither a number nor such an object, or a name is empty
    """
    types = dict(EVENT_TYPES)
    for name, spec in overrides.items():
        options = spec if isinstance(spec, Mapping) else {"weight": spec}
        unknown = set(options) - {"weight", "half_life_days"}
        if not name or unknown or "weight" not in options:
            raise ValueError(f"event weight {name!r} must be a number or {{weight, half_life_days?}}")
        base = types.get(name, EventType(name, 0, 0.0, 30 * DAY_S))
        weight, days = float(options["weight"]), float(options.get("half_life_days", base.half_life_s / DAY_S))
        if not (math.isfinite(weight) and math.isfinite(days) and days > 0):
            raise ValueError(f"event weight {name!r}: the weight must be finite and half_life_days positive")
        types[name] = replace(base, weight=weight, half_life_s=days * DAY_S)
    return MappingProxyType(types)
