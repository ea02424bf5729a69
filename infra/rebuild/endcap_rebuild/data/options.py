"""How a shop's files are to be read, where they don't say it themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from endcap.errors import InvalidInputError
from endcap_rebuild.data.grading import Scale, scale_of

AUTO: Final = "auto"
FORMATS: Final = (
    AUTO,
    "endcap",
    "personalize",
    "shopify",
    "woocommerce",
    "magento",
    "merchant-feed",
    "ga4-bigquery",
    "segment",
    "movielens",
    "retailrocket",
    "csv",
)
ALLOWED_BAD: Final = 0.2


@dataclass(frozen=True)
class ReadOptions:
    """What the reader is told.

    Attributes
    ----------
    source : one of `FORMATS`; "auto" recognises each file by its columns
    columns : the shop's own name of a column -> ours
    event_names : the shop's own name of a type of event -> ours
    timezone : of times that name no offset
    rating_scale : the scale that grades are on: its best grade, or its ends ("10", "1-10", "0-1"); None: the one that
        they show
    allow_bad : share of the rows, 0 to 1, that may be unusable before nothing is made of the others
    errors : CSV file to keep the refused rows in; None keeps none
    excluded : user ids, or `anon:` and an anonymous id, whose events are left out: staff, tests, known scripts
    """

    source: str = AUTO
    columns: Mapping[str, str] = field(default_factory=dict)
    event_names: Mapping[str, str] = field(default_factory=dict)
    timezone: str = "UTC"
    rating_scale: str | float | None = None
    allow_bad: float = ALLOWED_BAD
    errors: Path | None = None
    excluded: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises
        ------
        InvalidInputError : an unknown format, time zone or name of ours, a share outside 0 to 1, or no scale of grades
        """
        if self.source not in FORMATS:
            raise InvalidInputError(f"no such format: {self.source!r}; there are {', '.join(FORMATS)}")
        if not 0 <= self.allow_bad <= 1:
            raise InvalidInputError(f"the share of unusable rows lies between 0 and 1, not at {self.allow_bad:g}")
        for name in self.columns.values():
            _require_ours(name)
        self.scale  # noqa: B018 # what is none is said at once
        self.zone  # noqa: B018 # an unknown one is said at once

    @property
    def scale(self) -> Scale | None:
        """The scale of `rating_scale`."""
        return None if self.rating_scale is None else scale_of(self.rating_scale)

    @property
    def zone(self) -> tzinfo:
        """The time zone of `timezone`; UTC needs no database of zones, which images of containers often lack."""
        if self.timezone.upper() in ("UTC", "GMT", "Z"):
            return UTC
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
            raise InvalidInputError(f"no such time zone: {self.timezone!r}; one is called Europe/Berlin") from exc


def _require_ours(name: str) -> None:
    from endcap.feeds.names import EVENT_FIELDS, ITEM_FIELDS, nearest

    ours = dict.fromkeys((*EVENT_FIELDS, *ITEM_FIELDS))
    if name not in ours:
        near = nearest(name, ours)
        said = f"; did you mean {near}?" if near else f"; there are {', '.join(ours)}"
        raise InvalidInputError(f"no column of ours is called {name!r}{said}")


PLAIN: Final = ReadOptions()
"""As files say it themselves."""
