"""An issuer that signs operators in by authorisation code with PKCE, in place of the network (RFC 6749, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import Page, Route


@dataclass
class CodeIssuer:
    """What stands behind `authorize_url` and `token_url`.

    Parameters
    ----------
    origin : below which its addresses lie
    token : makes the token of an operator

    Attributes
    ----------
    challenges : code -> challenge that it was given for; each counts once
    refuses : what it says in place of a code, or of a token where `at_the_end`
    """

    origin: str
    token: Callable[[], str]
    client_id: str = "studio"
    challenges: dict[str, str] = field(default_factory=dict)
    refuses: str = ""
    at_the_end: bool = False

    @property
    def sign_in(self) -> dict[str, str]:
        """As the studio's config.json has it."""
        return {
            "kind": "pkce",
            "authorize_url": f"{self.origin}/issuer/authorize",
            "token_url": f"{self.origin}/issuer/token",
            "client_id": self.client_id,
            "scope": "openid endcap/look",
        }

    def serve(self, page: Page) -> None:
        """Answer what the page asks of it, and give the studio its addresses."""
        page.route("**/studio/config.json", lambda route: route.fulfill(json={"sign_in": self.sign_in, "pictures": []}))
        page.route("**/issuer/authorize?*", self._authorize)
        page.route("**/issuer/token", self._exchange)

    def _authorize(self, route: Route) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(route.request.url).query).items()}
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        assert asked["client_id"] == self.client_id
        answer = {"state": asked["state"]}
        if self.refuses and not self.at_the_end:
            answer |= {"error": "access_denied", "error_description": self.refuses}
        else:
            code = f"code-{len(self.challenges)}"
            self.challenges[code] = asked["code_challenge"]
            answer["code"] = code
        back = html.escape(f"{asked['redirect_uri']}?{urlencode(answer)}")
        route.fulfill(
            content_type="text/html", body=f'<!doctype html><title>Issuer</title><a href="{back}">It is me</a>'
        )

    def _exchange(self, route: Route) -> None:
        given = {name: values[0] for name, values in parse_qs(route.request.post_data or "").items()}
        digest = hashlib.sha256(given["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        known = given["grant_type"] == "authorization_code" and self.challenges.pop(given["code"], None) == challenge
        if self.refuses or not known or given["client_id"] != self.client_id:
            route.fulfill(status=400, json={"error": "invalid_grant"})
        else:
            route.fulfill(json={"access_token": self.token(), "token_type": "Bearer", "expires_in": 3600})
