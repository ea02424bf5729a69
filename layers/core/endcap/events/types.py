"""The types of events: what each says about a shopper, how it counts, and the names that it goes by elsewhere.

A built-in type is one row of `_ROWS`; every group, alias and code is made of the rows. What a shopper did, in words,
has one line in each language (`endcap.messages`); a type without one is spoken of as "chose".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from types import MappingProxyType
from typing import Any, Final

DAY_S = 86_400.0

SPECIAL_CODES: Final = range(17, 20)
"""What the user encoder counts custom types and the words of reviews as; for ever taken, as trained encoders know them.

The next built-in type gets the first code after all that are taken.
"""

IDENTIFY: Final = "identify"
SEARCH: Final = "search"
POST: Final = "post"
"""What somebody writes about nothing in particular, as on a wall or below an article; of an item it may be, too."""


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of event.

    Attributes
    ----------
    name : as it is written in events
    code : 1..127 but none of `SPECIAL_CODES`, its byte in a stored profile and its number in the user encoder, never
        used again for another; 0 for custom types, which are stored by name
    weight : signed strength of one such event at age zero
    half_life_s : seconds after which the weight has halved
    needs : fields without which the event says nothing; of `a|b` one is enough
    in_history : whether it leaves an entry in the profile's set of interactions
    graded : `value` is a grade from 0.5 to 5; elsewhere a value is stored and multiplies nothing
    strong : kept in a set of its own, so that browsing can't push it out
    textual : its text becomes a text signal
    shown, clicked : counted as an impression, as a click
    bought : counts as a purchase
    looked : a look at an item, from which the latest session's intent is read
    fills_cart, ends_cart : puts an item into the cart; takes it out, or off the list of what is still wanted
    leads : leads up to a purchase, and says nothing for an item that was given back
    gives_back, empties_cart : takes back what a purchase, or putting into the cart, has given; see `takeback`
    past : names for "has done this" in filters
    aliases, ga4, segment, personalize : further names in our own events, and names in those formats
    """

    name: str
    code: int
    weight: float
    half_life_s: float
    needs: tuple[str, ...] = ("item_id",)
    _: KW_ONLY
    in_history: bool = True
    graded: bool = False
    strong: bool = False
    textual: bool = False
    shown: bool = False
    clicked: bool = False
    bought: bool = False
    looked: bool = False
    fills_cart: bool = False
    ends_cart: bool = False
    leads: bool = False
    gives_back: bool = False
    empties_cart: bool = False
    past: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    ga4: tuple[str, ...] = ()
    segment: tuple[str, ...] = ()
    personalize: tuple[str, ...] = ()


# Names of Google Analytics 4: https://developers.google.com/analytics/devguides/collection/ga4/ecommerce
# Names of Segment: https://segment.com/docs/connections/spec/ecommerce/v2/
# Weights are priors: the rebuild scales whole terms of the score, not single types.
_ROWS: Final = (
    EventType(
        "view",
        1,
        0.3,
        14 * DAY_S,
        looked=True,
        leads=True,
        past=("viewed",),
        aliases=("view_item",),
        ga4=("view_item",),
        segment=("Product Viewed",),
        personalize=("watch", "detail_page_view"),
    ),
    EventType(
        "click",
        2,
        0.4,
        14 * DAY_S,
        clicked=True,
        looked=True,
        leads=True,
        past=("clicked",),
        aliases=("select_item",),
        ga4=("select_item", "select_promotion"),
        segment=("Product Clicked",),
    ),
    EventType(
        "add_to_cart",
        3,
        0.8,
        30 * DAY_S,
        looked=True,
        leads=True,
        fills_cart=True,
        past=("carted",),
        aliases=("begin_checkout",),
        ga4=("add_to_cart", "begin_checkout"),
        segment=("Product Added", "Checkout Started", "Wishlist Product Added to Cart"),
        personalize=("start_checkout",),
    ),
    EventType(
        "remove_from_cart",
        4,
        -0.3,
        30 * DAY_S,
        ends_cart=True,
        empties_cart=True,
        ga4=("remove_from_cart",),
        segment=("Product Removed",),
    ),
    EventType(
        "purchase",
        5,
        1.0,
        180 * DAY_S,
        strong=True,
        bought=True,
        ends_cart=True,
        past=("purchased", "bought"),
        ga4=("purchase",),
        segment=("Order Completed",),
    ),
    EventType(
        "return",
        6,
        -0.5,
        180 * DAY_S,
        ("item_id|order_id",),
        strong=True,
        ends_cart=True,
        gives_back=True,
        past=("returned",),
        aliases=("refund",),
        ga4=("refund",),
        segment=("Order Refunded", "Order Cancelled"),
    ),
    EventType("rating", 7, 1.0, 365 * DAY_S, ("item_id", "value"), graded=True, strong=True, past=("rated",)),
    EventType(
        "review",
        8,
        1.0,
        365 * DAY_S,
        graded=True,
        strong=True,
        textual=True,
        past=("reviewed",),
        aliases=("comment",),
        segment=("Product Reviewed",),
    ),
    EventType(
        SEARCH,
        9,
        1.0,
        7 * DAY_S,
        ("text",),
        in_history=False,
        textual=True,
        aliases=("view_search_results",),
        ga4=("search", "view_search_results"),
        segment=("Products Searched",),
    ),
    EventType("like", 10, 0.8, 180 * DAY_S, looked=True, past=("liked",)),
    EventType("dislike", 11, -1.0, 365 * DAY_S, past=("disliked",)),
    EventType(
        "wishlist",
        12,
        0.7,
        90 * DAY_S,
        looked=True,
        past=("wishlisted",),
        aliases=("add_to_wishlist",),
        ga4=("add_to_wishlist",),
        segment=("Product Added to Wishlist",),
    ),
    EventType(
        "share",
        13,
        0.6,
        90 * DAY_S,
        looked=True,
        past=("shared",),
        ga4=("share",),
        segment=("Product Shared",),
    ),
    EventType(
        "impression",
        14,
        0.0,
        1 * DAY_S,
        in_history=False,
        shown=True,
        aliases=("view_item_list",),
        ga4=("view_item_list", "view_promotion"),
        segment=("Product List Viewed", "Product List Filtered"),
    ),
    EventType(IDENTIFY, 15, 0.0, 1 * DAY_S, ("anonymous_id",), in_history=False, ga4=("login", "sign_up")),
    EventType("tag", 16, 0.5, 180 * DAY_S, ("text",), in_history=False, textual=True),
    EventType(POST, 20, 0.6, 60 * DAY_S, ("text|item_id",), textual=True, past=("posted",)),
)

EVENT_TYPES: Final[Mapping[str, EventType]] = MappingProxyType({row.name: row for row in _ROWS})
"""The built-in types, by name."""

N_CODES: Final = 1 + max(*(row.code for row in _ROWS), *SPECIAL_CODES)


def _group(trait: str) -> frozenset[str]:
    return frozenset(row.name for row in _ROWS if getattr(row, trait))


def _names(field: str) -> Mapping[str, str]:
    """The names of a field -> the type that each stands for."""
    return MappingProxyType({name: row.name for row in _ROWS for name in getattr(row, field)})


GRADED: Final = _group("graded")
STRONG: Final = _group("strong")
TEXTUAL: Final = _group("textual")
SHOWN: Final = _group("shown")
CLICKED: Final = _group("clicked")
BOUGHT: Final = _group("bought")
LOOKED: Final = _group("looked")
FILLS_CART: Final = _group("fills_cart")
ENDS_CART: Final = _group("ends_cart")
LEADS: Final = _group("leads")
GIVES_BACK: Final = _group("gives_back")
EMPTIES_CART: Final = _group("empties_cart")
TAKES_BACK: Final = GIVES_BACK | EMPTIES_CART
_STEPS: Final[tuple[frozenset[str], ...]] = (LOOKED - FILLS_CART, FILLS_CART, EMPTIES_CART, BOUGHT, GIVES_BACK)
NOT_IN_HISTORY: Final = frozenset(EVENT_TYPES) - _group("in_history")

ALIASES: Final = _names("aliases")
GA4: Final = _names("ga4")
SEGMENT: Final = _names("segment")
PERSONALIZE: Final = _names("personalize")
PAST_FORMS: Final = _names("past")


def step_of(event_type: str) -> int:
    """Where a type stands in the order in which things are done with an item.

    0 for a look, then the cart, the purchase, the return, and last what is said of the item; 0 for custom types.
    """
    known = len(_STEPS) if event_type in EVENT_TYPES else 0
    return next((number for number, types in enumerate(_STEPS) if event_type in types), known)


def event_types(overrides: Mapping[str, Any]) -> Mapping[str, EventType]:
    """The built-in types with a storefront's own weights and types laid over them.

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
