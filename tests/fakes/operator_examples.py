"""An operator API that answers with the contract's own examples, for pages looked at without a stack's data."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Page, Route

from endcap.api.openapi import openapi_document

NAUGHTY: Final = "<img src=x onerror=alert(1)><script>alert(2)</script>'\"`${alert(3)}{{4}}\u202e]]>"
_KEPT: Final = frozenset(
    # What the contract fixes, and what pages go by; the rest is the shop's or its shoppers'.
    [
        "state",
        "severity",
        "kind",
        "page",
        "reason",
        "source",
        "event_type",
        "until",
        "at",
        "day",
        "rebuild",
        "what",
        "status",
        "type",
        "scopes",
        "set_by",
    ]
)

Change = Callable[[Any], Any]


def answer_with_examples(page: Page, change: Change = lambda answer: answer) -> None:
    """Let the page's calls be answered by the examples of the contract, each changed by `change`."""
    spec = json.loads(openapi_document())

    def answered(route: Route) -> None:
        path = urlsplit(route.request.url).path
        found = _example(spec, route.request.method.lower(), path)
        if found is None or path.startswith("/studio/"):
            route.continue_()
        elif found[1] is None:
            route.fulfill(status=found[0])
        else:
            route.fulfill(status=found[0], json=change(found[1]), headers={"etag": '"1"'})

    page.route("**/*", answered)


def hostile(answer: Any) -> Any:
    """The answer with words in place of every text of it that would like to be code."""
    if isinstance(answer, Mapping):
        return {key: value if key in _KEPT else hostile(value) for key, value in answer.items()}
    if isinstance(answer, list):
        return [hostile(value) for value in answer]
    return NAUGHTY if isinstance(answer, str) else answer


def _example(spec: Mapping[str, Any], method: str, path: str) -> tuple[int, Any] | None:
    if path == "/recommendations":
        return 200, copy.deepcopy(LIST)
    if path == "/parameters":
        return 200, copy.deepcopy(PARAMETERS)
    if re.fullmatch(r"/users/[^/]+/profile", path):
        return 200, copy.deepcopy(PROFILE)
    if re.fullmatch(r"/items/[^/]+", path):
        return 200, copy.deepcopy(ITEM)
    for pattern, operations in spec["paths"].items():
        if path.startswith("/admin/") and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path):
            for status, answer in operations.get(method, {"responses": {}})["responses"].items():
                if status.startswith("2"):
                    schema = answer.get("content", {}).get("application/json", {}).get("schema")
                    named = spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if schema else None
                    return int(status), copy.deepcopy(named["examples"][0]) if named else None
    return None


def _item(rank: int) -> dict[str, Any]:
    evidence = [{"item_id": "item-1", "title": "Steel lamp", "event_type": "view", "words": ["lamp", "steel"]}]
    return {
        "item_id": f"item-{rank}",
        "title": f"Garden lamp {rank}",
        "price": 4.5 * rank,
        "currency": "GBP",
        "categories": ["Garden", "Lamps"],
        "score": 2.0 / rank,
        "rank": rank,
        "source": "behaviour",
        "reasons": [
            {"kind": "next", "weight": 1.2 / rank, "text": "Often chosen after “Steel lamp”.", "evidence": evidence},
            {"kind": "text", "weight": 0.9 / rank, "text": "Similar to “Steel lamp”.", "evidence": evidence},
            {
                "kind": "words",
                "weight": -0.1 / rank,
                "text": "Far from what the shopper wrote.",
                "evidence": [],
            },
        ],
    }


LIST: Final = {
    "recommendation_id": "0" * 32,
    "items": [_item(rank) for rank in range(1, 7)],
    "source": "personal",
    "snapshot_version": "20260115T033412Z-5f0c",
    "profile_version": 3,
}
PARAMETERS: Final = {
    "language": "en",
    "summary": ["The ranking has learned from what was done up to 15 Jan 2026."],
    "snapshot_version": "20260115T033412Z-5f0c",
    "learned_up_to": 1768447100000,
    "catalogue_as_of": 1768447100000,
    "score": "An item's score is the sum of its terms.",
    "terms": [
        {"name": "next", "weight": 1.0, "scale": 0.5, "set_by": "snapshot", "meaning": "Chosen after the history."}
    ],
    "settings": [{"name": "query_share", "value": 0.3, "set_by": "default", "meaning": "What is left of other terms."}],
    "event_types": [{"name": "view", "weight": 0.3, "half_life_days": 14.0}],
    "choices": [
        {"name": "limit", "default": 10, "least": 1, "most": 500, "meaning": "How many items a list has."},
        {"name": "diversity", "default": 0.0, "least": 0, "most": 1, "meaning": "1 = variety only."},
        {"name": "personalization", "default": "full", "options": ["off", "session", "full"], "meaning": "How much."},
    ],
    "filters": {"fields": ["price"], "history": ["viewed"], "exclude_seen": ["none"]},
    "contexts": [],
    "scenarios": ["home"],
    "scenario_defaults": {},
    "experiments": [],
}


def deed(text: str, times: int = 1) -> dict[str, Any]:
    """What a like or an opinion of a shopper comes from."""
    of = {"event_type": "purchase", "item_id": "item-1", "title": "Steel lamp"}
    return {**of, "times": times, "timestamp": 1768471205000, "weight": 1.0, "text": text}


PROFILE: Final = {
    "user_id": "u-1001",
    "profile_version": 3,
    "language": "en",
    "summary": ["You like garden lamps.", "You complain about delivery."],
    "described": ["Likes garden lamps.", "Complains about delivery."],
    "interests": {"categories": [], "brands": [], "attributes": [], "words": []},
    "tags": [
        {"name": "Lamps", "weight": 1.4, "kind": "category", "because": [deed("bought “Steel lamp”")], "deeds": 4},
        {"name": "Acme", "weight": -0.4, "kind": "brand", "because": [deed("returned “Mug” 2 times", 2)], "deeds": 2},
    ],
    "aspects": [
        {
            "aspect": "delivery",
            "name": "delivery",
            "sentiment": -0.7,
            "reviews": 2,
            "because": [deed("reviewed “Mug”")],
            "deeds": 2,
        }
    ],
    "intent": {
        "started": 1768471205000,
        "ended": 1768471305000,
        "categories": [],
        "looked_at": [{"item_id": "item-1", "title": "Steel lamp", "event_type": "view"}],
        "in_cart": [],
        "searches": 1,
        "chosen_after_search": None,
    },
    "items": [],
    "recent": [
        {"event_type": "view", "item_id": "item-1", "title": "Steel lamp", "timestamp": 1768471205000, "age_s": 60},
        {
            "event_type": "review",
            "item_id": "item-2",
            "title": "",
            "timestamp": 1768471105000,
            "age_s": 160,
            "polarity": -0.5,
        },
    ],
    "counts": {"interactions": 2, "strong_interactions": 1, "texts": 1, "impressions": 4, "links": 0},
    "preferences": None,
    "consent": {"personalization": True},
}
ITEM: Final = {
    "item_id": "item-20",
    "title": "Steel lamp",
    "available": True,
    "price": 24.5,
    "currency": "GBP",
    "brand": "Acme",
    "categories": ["Garden", "Lamps"],
    "created_at": 1768447100000,
    "attributes": {"colour": "steel"},
}
