"""Who calls, and what they may do: roles from what the gateway says about the caller.

| role | how it is known | may |
| --- | --- | --- |
| server | an AWS signature, or a token with the scope `endcap/server` | everything about shoppers and the catalogue |
| operator | a token with `endcap/look`, `endcap/steer` or `endcap/erase` | what its scopes name |
| browser | nobody's word; the storefront door itself says who its visitor is | the routes under `/storefront/` |
| shop system | its signature over the body | the routes under `/webhooks/` |

What each route asks for stands in `endcap.api.routes`, one row each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from endcap.settings import Authorisation

SERVER: Final = "endcap/server"
LOOK: Final = "endcap/look"
STEER: Final = "endcap/steer"
ERASE: Final = "endcap/erase"
SCOPES: Final = (SERVER, LOOK, STEER, ERASE)

OPEN: Final = "open"
"""Asks for nothing: for monitors."""
DOOR: Final = "door"
"""The function behind the route says itself who may."""
SIGNED: Final = "signed"
"""Whoever signs the body with a secret of the shop's may; the function behind the route checks it."""

_PERSON: Final = ("username", "preferred_username", "email", "sub")
"""Claims that say who has signed in; the first is that of Cognito's access tokens."""

Role = Literal["server", "operator", "browser"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Attributes
    ----------
    client : names the credential, for limits; never logged
    scopes : what it may do
    person : who it was given to, for audit records: all who sign in by one client of the issuer share its credential;
        "" where nobody but an address is known
    """

    client: str
    scopes: frozenset[str]
    person: str = ""

    @property
    def role(self) -> Role:
        """The strongest role that the scopes give."""
        if SERVER in self.scopes:
            return "server"
        return "operator" if self.scopes else "browser"


def caller_of(context: Mapping[str, Any], authorisation: Authorisation) -> Caller | None:
    """The caller by an event's `requestContext`, as the gateway's authorizer has left it; None for nobody.

    Nothing else of a request is looked at: neither headers nor query say who calls.
    """
    authorizer = context.get("authorizer") or {}
    token, signer = authorizer.get("jwt"), authorizer.get("iam")
    if token is not None:
        claims = token.get("claims") or {}
        named = _claimed(claims, "client_id", "azp", "sub")
        scopes = scopes_of(claims) & set(SCOPES) if authorisation == "scopes" else frozenset(SCOPES)
        return Caller(f"jwt:{named}", scopes, f"jwt:{_claimed(claims, *_PERSON) or named}")
    if signer is not None:
        signed_by = f"iam:{signer.get('userArn') or signer.get('accessKey')}"
        return Caller(signed_by, frozenset(SCOPES), signed_by)
    if authorisation == "scopes":
        return None
    return Caller(f"ip:{context.get('http', {}).get('sourceIp', '')}", frozenset(SCOPES))


def _claimed(claims: Mapping[str, Any], *names: str) -> str:
    return next((str(claims[name]) for name in names if claims.get(name)), "")


def scopes_of(claims: Mapping[str, Any]) -> frozenset[str]:
    """The scopes that a token's claims name: words of `scope`, else of `scp`; the gateway writes lists as `[a b]`."""
    scopes = claims.get("scope", claims.get("scp"))
    if isinstance(scopes, str):
        scopes = scopes.strip()
        return frozenset((scopes[1:-1] if scopes.startswith("[") and scopes.endswith("]") else scopes).split())
    return frozenset(scope for scope in scopes if isinstance(scope, str)) if isinstance(scopes, list) else frozenset()


def permitted(needs: Iterable[str], caller: Caller | None) -> bool:
    """Whether a route that needs one of `needs` may be called."""
    needs = set(needs)
    if needs & {OPEN, DOOR, SIGNED}:
        return True
    return caller is not None and bool(needs & caller.scopes)
