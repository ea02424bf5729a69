"""What lists have brought."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from infra.openapi.answers import Answer, Count, Moment
from infra.openapi.operator.answer import Interval, Share, example

_CAME_OF_IT: Final[dict[str, Any]] = {
    "lists": 2410,
    "visible": 2101,
    "impressions": 18230,
    "clicks": 268,
    "carts": 61,
    "purchases": 40,
    "returns": 3,
    "revenue": 1204.5,
    "currency": "EUR",
    "revenues": [{"currency": "EUR", "revenue": 1204.5}],
    "ctr": {"value": 0.111, "low": 0.099, "high": 0.124},
    "conversion": {"value": 0.0166, "low": 0.0122, "high": 0.0225},
}


Currency = Annotated[str, Field(pattern="^[A-Z]{3}$", description="ISO 4217")]


class Revenue(Answer):
    """What was paid in one currency; in none that is known where that is null."""

    currency: Currency | None
    revenue: float


class ResultRow(Answer):
    """What came of the lists that share these values of the dimensions asked for.

    `clicks`, `carts` and `purchases` count events that name their list and an item of it; `revenue` is what was paid
    less what was sent back, null where that is of several currencies: `revenues` tells each by itself. The currency is
    the one that events name in `properties.currency`, null where they name none.
    """

    scenario: str | None = None
    surface: str | None = None
    variant: str | None = None
    day: str | None = None
    lists: Count
    visible: Annotated[int, Field(ge=0, description="lists of which an item was seen, by impressions that name them")]
    impressions: Count
    clicks: Count
    carts: Count
    purchases: Count
    returns: Count
    revenue: float | None
    currency: Currency | None
    revenues: list[Revenue]
    ctr: Interval | None
    conversion: Interval | None


class Results(Answer):
    """Results by the dimensions asked for, by revenue; an event counts within `window_days` after its list."""

    rows: list[ResultRow]
    total: ResultRow
    by: list[str]
    from_day: str | None
    to_day: str | None
    as_of: Annotated[Moment | None, Field(description="up to when records were counted")]
    behind: Annotated[int, Field(ge=0, description="files of records that are still to be counted")]
    window_days: Count
    confidence: Share
    model_config = example(
        {
            "rows": [{"scenario": "home", "surface": "start-page", "variant": "", **_CAME_OF_IT}],
            "total": _CAME_OF_IT,
            "by": ["scenario", "surface", "variant"],
            "from_day": "2026-01-09",
            "to_day": "2026-01-15",
            "as_of": 1768471205000,
            "behind": 0,
            "window_days": 7,
            "confidence": 0.95,
        }
    )
