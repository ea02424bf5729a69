"""What keeps an item out of a list, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

_SENTENCES: Final[Mapping[str, str]] = {
    "unknown_item": "no item of the catalogue has this id",
    "not_available": "it is not for sale",
    "expired": "it has expired",
    "hidden": "it is hidden {by}",
    "excluded": "the list leaves it out by name",
    "filter": "the list's filter does not hold for it: {by}",
    "named": "the list is about this item",
    "seen": "the shopper has seen it, and the list leaves out what was seen",
    "not_due": "the shopper has not bought it, or is not due to buy it again",
    "not_candidate": "it is none of the list's candidates",
    "variant_shown": "another variant of it, {by}, stands in the list",
    "cap": "its category or brand has all the places that the cap allows",
    "variety": "the list is varied, and others add more variety",
    "displaced": "pinned and promoted items take the places that it would have",
    "score": "others score more: it has {score:.3f}, and the last place needs {needed:.3f}",
}


def sentence(finding: Mapping[str, Any]) -> str:
    """Why an item is missing, as one sentence."""
    reason = finding["reason"]
    values = {"score": 0.0, "needed": 0.0, "by": "", **finding}
    if reason == "hidden":
        values["by"] = "everywhere" if finding.get("by") == "*" else "in this scenario"
        if (until := finding.get("until")) is not None:
            values["by"] += f" until {datetime.fromtimestamp(until / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    if reason == "score" and finding.get("needed") is None:
        return "Missing from this list because its places are all taken"
    return f"Missing from this list because {_SENTENCES[reason].format(**values)}"
