"""Which pages may call the storefront door from a browser: an exact list, and nothing by pattern."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

METHODS: Final = "GET, POST"
HEADERS: Final = "content-type, endcap-shopper, endcap-visitor"
EXPOSED: Final = "date, retry-after"
"""What a page may read of an answer beside its body: the server's time, and when to come again."""
PREFLIGHT_AGE_S: Final = 7200  # more than browsers heed


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins of the shop's pages, as browsers write them: `https://shop.example`."""

    allowed: frozenset[str]

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Whether a request may be answered; one without an origin comes from no other page.

        Parameters
        ----------
        headers : by names in lower case
        """
        origin = headers.get("origin")
        return origin is None or origin in self.allowed or origin == _own(headers)

    def answer_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """What an answer says to the browser: whose page may read it, with cookies; it depends on the page."""
        origin = headers.get("origin")
        if origin is None or origin not in self.allowed:
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": EXPOSED,
        }

    def preflight_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The answer to what a browser asks before it asks across origins; nothing where the page may not."""
        allowed = {
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": HEADERS,
            "Access-Control-Max-Age": str(PREFLIGHT_AGE_S),
        }
        return self.answer_headers(headers) | (allowed if headers.get("origin") in self.allowed else {})


def _own(headers: Mapping[str, str]) -> str:
    """The door's own origin: a page that it serves itself is no other's."""
    return f"{headers.get('x-forwarded-proto', 'https')}://{headers.get('host', '')}"
