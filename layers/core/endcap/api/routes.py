"""Every route of the HTTP API and the function behind it; the template is tested against this list."""

from __future__ import annotations

import re
from typing import NamedTuple


class Route(NamedTuple):
    """One operation of the API; `path` as in OpenAPI."""

    method: str
    path: str
    function: str


ROUTES = (
    Route("POST", "/events", "collect"),
    Route("GET", "/openapi.json", "collect"),
    Route("POST", "/personalize/events", "collect"),
    Route("POST", "/personalize/recommendations", "recommend"),
    Route("POST", "/personalize/personalize-ranking", "recommend"),
    Route("GET", "/users/{user_id}/recommendations", "recommend"),
    Route("POST", "/recommendations", "recommend"),
    Route("POST", "/users/{user_id}/rankings", "recommend"),
    Route("GET", "/items/{item_id}/similar", "recommend"),
    Route("GET", "/items/{item_id}/together", "recommend"),
    Route("GET", "/search", "recommend"),
    Route("GET", "/trending", "recommend"),
    Route("GET", "/parameters", "recommend"),
    Route("GET", "/health", "recommend"),
    Route("POST", "/items", "manage_items"),
    Route("GET", "/items/{item_id}", "manage_items"),
    Route("PUT", "/items/{item_id}", "manage_items"),
    Route("DELETE", "/items/{item_id}", "manage_items"),
    Route("PUT", "/users/{user_id}", "manage_users"),
    Route("DELETE", "/users/{user_id}", "manage_users"),
    Route("GET", "/users/{user_id}/profile", "manage_users"),
    Route("GET", "/users/{user_id}/export", "manage_users"),
)


def allowed_methods(path: str) -> list[str]:
    """The methods that `path` answers, sorted; none where there is no such path."""
    return sorted({r.method for r in ROUTES if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", r.path), path)})
