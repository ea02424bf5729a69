"""What stands on the first page."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from infra.openapi.answers import Answer, Count, Moment
from infra.openapi.operator.answer import example
from infra.openapi.operator.snapshots import Running


class Operator(Answer):
    """Who looks, and what the scopes let them do."""

    who: str
    scopes: list[Literal["endcap/server", "endcap/look", "endcap/steer", "endcap/erase"]]


class Rates(Answer):
    """Per minute, over the last `minutes`, fewer on a younger stack; null where nothing is known.

    `counted` is false where nothing at all was counted since the month began: a rate of 0 would say nothing.
    """

    minutes: Count
    counted: bool
    events: float | None
    lists: float | None
    refused: float | None
    degraded: float | None


class SnapshotState(Answer):
    """The current snapshot; `quality` are measures of its rebuild, such as ndcg@10."""

    version: str
    items: Count
    catalogue_as_of: Count
    age_days: Annotated[float, Field(ge=0)]
    promoted_at: str | None = None
    next: Annotated[str | None, Field(description="what is current by now, and is being loaded")] = None
    quality: dict[str, float]


class Cost(Answer):
    """US dollars since `since`, at the prices of `prices_as_of`: worked out, not billed.

    That is when the month began, or when the stack was first seen, where that is later. Less than an hour tells little.
    """

    usd: Annotated[float, Field(ge=0)]
    month: str
    since: Moment
    days: Annotated[float, Field(ge=0)]
    prices_as_of: str
    by_service: dict[str, float]
    assumed: list[str]


class Attention(Answer):
    """Something that somebody should look at; `page` is where."""

    kind: Literal[
        "snapshot_missing",
        "snapshot_old",
        "snapshot_unsigned",
        "rebuild_failed",
        "promotion_refused",
        "scenarios_unusable",
        "experiments_unusable",
        "quarantine",
        "degraded",
        "refused",
        "ending_soon",
    ]
    severity: Literal["error", "warning", "info"]
    text: str
    count: Count | None = None
    page: Literal["snapshots", "scenarios", "experiments", "events", "today"]


class Overview(Answer):
    """What stands on the first page."""

    at: Moment
    operator: Operator
    items: Count
    shoppers: Annotated[int, Field(ge=0, description="approximate on AWS, which counts them every six hours")]
    rates: Rates
    snapshot: SnapshotState | None
    cost: Cost
    attention: list[Attention]
    rebuild: Annotated[Literal["available", "not_configured"], Field(description="whether POST /admin/rebuilds works")]

    running: list[Running]

    model_config = example(
        {
            "at": 1768471205000,
            "operator": {"who": "jwt:anna", "scopes": ["endcap/look", "endcap/steer"]},
            "items": 3877,
            "shoppers": 4320,
            "rates": {"minutes": 15, "counted": True, "events": 42.4, "lists": 11.2, "refused": 0.1, "degraded": 0.0},
            "snapshot": {
                "version": "20260115T033412Z-5f0c",
                "items": 3877,
                "catalogue_as_of": 1768447100000,
                "age_days": 0.28,
                "promoted_at": "2026-01-15T03:51:09+00:00",
                "quality": {"ndcg@10": 0.0831, "recall@10": 0.121},
            },
            "cost": {
                "usd": 3.42,
                "month": "2026-01",
                "since": 1767225600000,
                "days": 14.4,
                "prices_as_of": "2026-11-22",
                "by_service": {"Lambda": 1.1, "DynamoDB": 0.42, "KMS": 0.46, "CloudWatch": 1.44},
                "assumed": ["events and lists of the month so far follow the rates of the last minutes"],
            },
            "attention": [
                {
                    "kind": "quarantine",
                    "severity": "warning",
                    "text": "12 events of the last day could not be used",
                    "count": 12,
                    "page": "events",
                }
            ],
            "rebuild": "available",
            "running": [{"what": "rebuild", "name": "studio-1768471205", "since": 1768471205000, "step": "learn"}],
        }
    )
