"""What a page of the web must not do to a stack on this machine by way of its owner's browser.

A browser will send requests to 127.0.0.1 for any page, and a page whose own name is made to lead here (DNS rebinding)
may read the answers too. So what erases, signs or operates asks for our own address as `Host` and `Origin`, takes JSON
alone, and, but for erasing, wants a token that is made at each start and printed with the address.
"""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import urlsplit

from werkzeug.wrappers import Request

from endcap_local.gateway.access import REASON_HEADER, RefusedError
from endcap_local.gateway.issuer import PATH as ISSUER_PATH
from endcap_local.template.template import Route

START_PARAMETER = "start"
START_HEADER = "endcap-start"
OPERATING = "/admin/"
ERASING = ("DELETE", "/users/")
_NAMES = ("127.0.0.1", "localhost", "[::1]")


class Loopback:
    """The checks of a server on this machine.

    Parameters
    ----------
    url : where it answers, without a path

    Attributes
    ----------
    start_token : what requests that operate or sign bring, as the header `Endcap-Start` or the parameter `start`
    """

    def __init__(self, url: str) -> None:
        self.start_token = secrets.token_urlsafe(24)
        port = urlsplit(url).port or 80
        self._hosts = frozenset(f"{name}:{port}" for name in _NAMES) | frozenset(_NAMES if port == 80 else ())

    def check_route(self, request: Request, route: Route) -> None:
        """Let a request through to a route of the template.

        Raises
        ------
        RefusedError : it comes from a page that is not ours, is no JSON, or lacks the token
        """
        operating = route.path.startswith(OPERATING)
        if operating or (route.method == ERASING[0] and route.path.startswith(ERASING[1])):
            self._check_page(request)
            self._check_json(request)
        if operating:
            self._check_token(request)

    def check_issuer(self, request: Request, path: str) -> None:
        """Let a request through to the local issuer, whose token endpoint signs.

        Raises
        ------
        RefusedError : as of a route
        """
        if not path.startswith(ISSUER_PATH + "/"):
            return
        self._check_page(request)
        if request.method == "POST":
            self._check_token(request)

    def check_operation(self, request: Request) -> None:
        """Let a request through that operates the stack itself.

        Raises
        ------
        RefusedError : as of a route, or it is no POST
        """
        self._check_page(request)
        if request.method != "POST":
            raise RefusedError(405, "Method Not Allowed", {"Allow": "POST"})
        self._check_json(request)
        self._check_token(request)

    def check_forwarded(self, request: Request) -> None:
        """Let a request through that is sent on with its owner's credentials, whatever it is for.

        Raises
        ------
        RefusedError : as of a route
        """
        self._check_page(request)
        self._check_token(request)
        self._check_json(request)

    def is_studio(self, request: Request) -> bool:
        """Whether a request is one of the studio's pages, which bring the token of this start in its header.

        Raises
        ------
        RefusedError : it brings one, and `check_forwarded` refuses it
        """
        if START_HEADER not in request.headers:
            return False
        self.check_forwarded(request)
        return True

    def _check_page(self, request: Request) -> None:
        if request.headers.get("host", "").lower() not in self._hosts:
            raise _refused("the Host header does not name this server's own address")
        origin = request.headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{host}" for host in self._hosts}:
            raise _refused("the Origin header names another site")

    def _check_json(self, request: Request) -> None:
        """Forms, which any page can send anywhere, can't send this type."""
        if request.get_data() and request.mimetype != "application/json":
            raise _refused("only JSON is taken here: Content-Type: application/json")

    def _check_token(self, request: Request) -> None:
        given = request.headers.get(START_HEADER) or request.args.get(START_PARAMETER, "")
        if not hmac.compare_digest(given.encode(), self.start_token.encode()):
            raise _refused(f"the token of this start is missing: {START_PARAMETER}=... as printed")


def _refused(reason: str) -> RefusedError:
    return RefusedError(403, "Forbidden", {REASON_HEADER: reason})
