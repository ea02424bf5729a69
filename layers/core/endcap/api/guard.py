"""Whether a request is answered at all: the role that its route asks for, and how much its client has asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from endcap.api.limits import ClientLimits
from endcap.api.roles import DOOR, OPEN, SIGNED, Caller, caller_of, permitted
from endcap.api.routes import needs_of
from endcap.errors import ForbiddenError, TooManyRequestsError
from endcap.settings import Authorisation

_UNLIMITED: Final = {OPEN, DOOR, SIGNED}  # the gateway limits them, and the door knows its visitors by itself


@dataclass(frozen=True, slots=True)
class Guard:
    """What a function asks before it looks at a request.

    Attributes
    ----------
    authorisation : how callers are told apart
    """

    authorisation: Authorisation
    limits: ClientLimits

    def admit(self, event: Mapping[str, Any]) -> None:
        """Let an event of the HTTP API through.

        Raises
        ------
        ForbiddenError : the caller lacks the role that the route asks for
        TooManyRequestsError : the client has had its share for now
        """
        needs = needs_of(event.get("routeKey", ""))
        caller = caller_of(event.get("requestContext") or {}, self.authorisation)
        if not permitted(needs, caller):
            raise ForbiddenError(f"this needs the scope {' or '.join(needs)}", needs)
        if caller is not None and not _UNLIMITED & set(needs):
            limited(self.limits.wait_s(caller.role, caller.client))

    def caller(self, event: Mapping[str, Any]) -> Caller | None:
        """Who has sent an event of the HTTP API; None where nobody is told apart."""
        return caller_of(event.get("requestContext") or {}, self.authorisation)

    def require(self, event: Mapping[str, Any], *scopes: str) -> Caller | None:
        """Who has sent an event that asks for more than its route does; None where nobody is told apart.

        Raises
        ------
        ForbiddenError : they have none of `scopes`
        """
        caller = self.caller(event)
        if not permitted(scopes, caller):
            raise ForbiddenError(f"this needs the scope {' or '.join(scopes)}", scopes)
        return caller


def limited(wait_s: float) -> None:
    """Refuse what has to wait.

    Raises
    ------
    TooManyRequestsError : it has to
    """
    if wait_s > 0:
        raise TooManyRequestsError("this client asks for more than its share", math.ceil(wait_s))
