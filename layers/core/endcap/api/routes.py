"""Every route of the HTTP API, the function behind it and who may call it; the template is tested against this list."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from endcap.api.roles import DOOR, ERASE, LOOK, OPEN, SCOPES, SERVER, SIGNED, STEER


class Route(NamedTuple):
    """One operation of the API.

    Attributes
    ----------
    path : as in OpenAPI
    needs : scopes of which the caller must have one, or `OPEN`, `DOOR` or `SIGNED`
    """

    method: str
    path: str
    function: str
    needs: tuple[str, ...] = (SERVER,)


ROUTES = (
    Route("POST", "/events", "collect"),
    Route("GET", "/openapi.json", "collect", SCOPES),
    Route("POST", "/personalize/events", "collect"),
    Route("POST", "/personalize/recommendations", "recommend"),
    Route("POST", "/personalize/personalize-ranking", "recommend"),
    Route("GET", "/users/{user_id}/recommendations", "recommend"),
    Route("POST", "/recommendations", "recommend", (SERVER, STEER)),
    Route("POST", "/conversations", "recommend"),
    Route("POST", "/users/{user_id}/rankings", "recommend"),
    Route("GET", "/items/{item_id}/similar", "recommend"),
    Route("GET", "/items/{item_id}/together", "recommend"),
    Route("GET", "/search", "recommend"),
    Route("GET", "/trending", "recommend"),
    Route("GET", "/parameters", "recommend", (SERVER, LOOK)),
    Route("GET", "/health", "recommend", (OPEN,)),
    Route("POST", "/items", "manage_items"),
    Route("GET", "/items/{item_id}", "manage_items", (SERVER, LOOK)),
    Route("PUT", "/items/{item_id}", "manage_items"),
    Route("PATCH", "/items/{item_id}", "manage_items"),
    Route("DELETE", "/items/{item_id}", "manage_items"),
    Route("PUT", "/users/{user_id}", "manage_users"),
    Route("DELETE", "/users/{user_id}", "manage_users", (SERVER, ERASE)),
    Route("GET", "/users/{user_id}/profile", "manage_users", (SERVER, LOOK)),
    Route("GET", "/users/{user_id}/export", "manage_users", (SERVER, ERASE)),
    Route("POST", "/storefront/events", "storefront", (DOOR,)),
    Route("POST", "/storefront/recommendations", "storefront", (DOOR,)),
    Route("POST", "/storefront/conversations", "storefront", (DOOR,)),
    Route("GET", "/storefront/search", "storefront", (DOOR,)),
    Route("GET", "/storefront/items/{item_id}/similar", "storefront", (DOOR,)),
    Route("GET", "/storefront/trending", "storefront", (DOOR,)),
    Route("POST", "/webhooks/shopify", "receive_webhook", (SIGNED,)),
    Route("POST", "/webhooks/woocommerce", "receive_webhook", (SIGNED,)),
    Route("GET", "/admin/overview", "admin", (LOOK,)),
    Route("GET", "/admin/scenarios", "admin", (LOOK,)),
    Route("GET", "/admin/scenarios/{name}", "admin", (LOOK,)),
    Route("PUT", "/admin/scenarios/{name}", "admin", (STEER,)),
    Route("DELETE", "/admin/scenarios/{name}", "admin", (STEER,)),
    Route("GET", "/admin/scenarios/{name}/history", "admin", (LOOK,)),
    Route("POST", "/admin/filters/check", "admin", (LOOK,)),
    Route("GET", "/admin/items", "admin", (LOOK,)),
    Route("GET", "/admin/items/{item_id}/diagnosis", "admin", (LOOK,)),
    Route("GET", "/admin/experiments", "admin", (LOOK,)),
    Route("PUT", "/admin/experiments", "admin", (STEER,)),
    Route("GET", "/admin/experiments/{name}/report", "admin", (LOOK,)),
    Route("GET", "/admin/snapshots", "admin", (LOOK,)),
    Route("POST", "/admin/snapshots/rollback", "admin", (STEER,)),
    Route("POST", "/admin/snapshots/{version}/promote", "admin", (STEER,)),
    Route("POST", "/admin/snapshots/{version}/compare", "admin", (LOOK,)),
    Route("POST", "/admin/rebuilds", "admin", (STEER,)),
    Route("GET", "/admin/quarantine", "admin", (LOOK,)),
    Route("POST", "/admin/quarantine/replay", "admin", (STEER,)),
    Route("GET", "/admin/events/tail", "admin", (LOOK,)),
    Route("GET", "/admin/results", "admin", (LOOK,)),
    Route("GET", "/admin/audit", "admin", (LOOK,)),
)

PREFLIGHT: Final = Route("OPTIONS", "/storefront/{proxy+}", "storefront", (DOOR,))
"""What a browser asks before it asks across origins; no operation of the API, so no part of its contract."""

DEFAULT: Final = "$default"
_NEEDS: Final = {f"{route.method} {route.path}": route.needs for route in (*ROUTES, PREFLIGHT)}


def needs_of(route_key: str) -> tuple[str, ...]:
    """What the caller of a route needs, by the key that the gateway knows it by.

    A path that no route matches needs any scope; a key that is in no table needs what a server has.
    """
    return SCOPES if route_key == DEFAULT else _NEEDS.get(route_key, (SERVER,))


def allowed_methods(path: str) -> list[str]:
    """The methods that `path` answers, sorted; none where there is no such path."""
    return sorted({r.method for r in ROUTES if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", r.path), path)})
