"""Filters tried, items, and why an item is where it is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from infra.openapi.answers import Answer, Count, Finding, Moment
from infra.openapi.list_answers import Reason
from infra.openapi.operator.answer import example


class FieldValue(Answer):
    """A value of a field, and how many items have it."""

    value: str | float | bool
    count: Count


class FilterField(Answer):
    """A field that filters may name: its most frequent values, or its range."""

    name: str
    kind: Literal["text", "number", "boolean", "list", "time"]
    values: list[FieldValue]
    distinct: Count
    least: float | None = None
    most: float | None = None


class SampleItem(Answer):
    """An item, as a page shows it."""

    item_id: str
    title: str
    available: bool
    price: float | None = None
    currency: str | None = None
    image_url: str | None = None
    brand: str | None = None
    categories: list[str] | None = None
    hidden_until: Annotated[Moment | None, Field(description="where `*` hides it; 0 for without an end")] = None


class CheckedFilter(Answer):
    """Whether an expression can be used, and on how many of the catalogue's items it holds.

    `sample` are some of these, those last that every list hides right now.
    """

    valid: bool
    errors: list[Finding]
    count: Count | None
    of: Count
    sample: list[SampleItem]
    fields: list[FilterField]
    model_config = example(
        {
            "valid": True,
            "errors": [],
            "count": 214,
            "of": 3877,
            "sample": [
                {"item_id": "item-20", "title": "Steel lamp", "available": True, "price": 24.5},
                {"item_id": "item-12", "title": "Brass lamp", "available": True, "price": 31.0},
            ],
            "fields": [
                {"name": "brand", "kind": "text", "values": [{"value": "Acme", "count": 31}], "distinct": 12},
                {"name": "price", "kind": "number", "values": [], "distinct": 99, "least": 0.5, "most": 295.0},
            ],
        }
    )


class WindowCounts(Answer):
    """What happened to an item in a window of time, approximately, by the events that came in while it was running.

    Events need not name a list, which those that results count have to. What a local stack has imported is not in it.
    """

    shown: Annotated[float, Field(description="impressions")]
    events: Annotated[
        dict[str, float],
        Field(
            description=(
                "`click`: clicks. `demand`: all that speaks for an item, such as views, clicks, carts, purchases and "
                "likes, less what was taken back; so it may be there without a click. Of each shopper, item and day "
                "the first three of either count"
            )
        ),
    ]


class CatalogueItem(SampleItem):
    """An item with what happened to it lately, by window (`1h`, `24h`, `7d`); no window where that can't be read."""

    group_id: str | None = None
    url: str | None = None
    expires_at: Moment | None = None
    counts: dict[str, WindowCounts]


class CatalogueItems(Answer):
    """A page of the catalogue, by item id; `total` is of all pages."""

    items: list[CatalogueItem]
    total: Count
    counted_at: Annotated[
        Moment | None, Field(description="as of when `counts` are, null where they could not be read")
    ]
    cursor: str | None = None
    model_config = example(
        {
            "items": [
                {
                    "item_id": "item-20",
                    "title": "Steel lamp",
                    "available": True,
                    "price": 24.5,
                    "counts": {"24h": {"shown": 120.0, "events": {"demand": 14.0, "click": 9.0}}},
                }
            ],
            "total": 3877,
            "counted_at": 1768471205000,
            "cursor": "aXRlbS0yMA",
        }
    )


class WhyNot(Answer):
    """One thing that keeps an item out of a list, or further down than it would stand; the first one is decisive.

    `score` and `needed` say how far it is from the last place of the list.
    """

    reason: Literal[
        "unknown_item",
        "not_available",
        "expired",
        "hidden",
        "excluded",
        "filter",
        "named",
        "seen",
        "variant_shown",
        "not_due",
        "not_candidate",
        "cap",
        "score",
        "variety",
        "displaced",
    ]
    text: str
    field: Annotated[str | None, Field(description="what to change in the scenario, where that would help")] = None
    by: Annotated[str | None, Field(description="the item, filter or scenario that keeps it out")] = None
    until: Moment | None = None
    event_type: Annotated[str | None, Field(description="by which the shopper has seen it")] = None
    not_due: Annotated[
        Literal["not_bought", "returned", "too_soon", "bought_once"] | None,
        Field(description="why it is not due to be bought again; `bought_once` is what hardly anybody buys twice"),
    ] = None
    score: float | None = None
    needed: float | None = None


class PlacedBy(Answer):
    """What the shop places an item by, beside its score: a pin, a promotion or boosts (`lowered`: below nothing).

    `pinned_in_vain` is a pin of an item that something keeps out all the same.
    """

    by: Literal["pinned", "promoted", "boosted", "lowered", "pinned_in_vain"]
    text: str
    position: Annotated[int | None, Field(ge=1, description="that the pin asks for")] = None
    promotion: Annotated[str | None, Field(description="its name")] = None
    weight: Annotated[float | None, Field(description="what the boosts add to the score")] = None
    rank_without: Annotated[
        int | None, Field(ge=1, description="where it would stand without; null for not among the first 500")
    ] = None


class Diagnosis(Answer):
    """Where an item stands in a list of `limit`, and why; `rank` is its place in the full order, null for none.

    `by_score` is about which place its score alone would give it among the items that may be shown.
    """

    item_id: str
    title: str | None
    shown: bool
    rank: Annotated[int | None, Field(ge=1)]
    by_score: Annotated[int | None, Field(ge=1)]
    limit: Count
    placed_by: list[PlacedBy]
    findings: list[WhyNot]
    score: float | None
    reasons: list[Reason]
    snapshot_version: str
    scenario: str | None = None
    user_id: str | None = None
    model_config = example(
        {
            "item_id": "item-20",
            "title": "Steel lamp",
            "shown": False,
            "rank": None,
            "by_score": 4,
            "limit": 10,
            "placed_by": [
                {
                    "by": "pinned_in_vain",
                    "text": "It is pinned to number 1, but a pin brings back nothing that is left out",
                    "position": 1,
                }
            ],
            "findings": [
                {
                    "reason": "filter",
                    "text": "Missing from this list because the list's filter does not hold for it: price < 20",
                    "field": "filter",
                    "by": "price < 20",
                }
            ],
            "score": 0.412,
            "reasons": [],
            "snapshot_version": "20260115T033412Z-5f0c",
            "scenario": "home",
            "user_id": "u-1001",
        }
    )
