"""The studio on this machine for a stack on AWS: its pages, and its requests signed with the owner's credentials.

Whoever can have a request signed here acts as the owner. So every one of them needs the token of this start, which the
printed address alone carries, our own address as `Host` and `Origin`, and a route that Endcap has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import requests
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from endcap.api.routes import ROUTES
from endcap_local.gateway.access import RefusedError
from endcap_local.gateway.gateway import MAX_BODY_BYTES, RouteTable, refusal
from endcap_local.gateway.loopback import Loopback
from endcap_local.gateway.pages import Pages
from endcap_local.http_client import Authorisation
from endcap_local.template.template import Route

TIMEOUT_S: Final = 60.0
_ASKED: Final = ("content-type", "if-match", "if-none-match")
_ANSWERED: Final = ("content-type", "etag", "x-endcap-reason")


class StudioProxy:
    """A WSGI application.

    Parameters
    ----------
    api : where the stack's API answers, without a path
    pages : the studio's
    loopback : checks of what comes in
    """

    def __init__(self, api: str, pages: Pages, loopback: Loopback) -> None:
        self._api, self._pages, self._loopback = api.rstrip("/"), pages, loopback
        self._authorisation = Authorisation()
        self._routes = RouteTable(Route(route.method, route.path, route.function) for route in ROUTES)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        response = self._answer(Request(environ))
        body: Iterable[bytes] = response(environ, start_response)
        return body

    def _answer(self, request: Request) -> Response:
        request.max_content_length = MAX_BODY_BYTES
        uri = str(request.environ.get("RAW_URI", request.full_path))
        raw_path = uri.partition("?")[0]
        try:
            request.get_data()
        except RequestEntityTooLarge:
            return refusal(413, "Request Entity Too Large")
        if page := self._pages.answer(request, raw_path):
            return page
        try:
            self._loopback.check_forwarded(request)
        except RefusedError as exc:
            response = refusal(exc.status, exc.message)
            response.headers.update(exc.headers)
            return response
        if self._routes.match(request.method, raw_path) is None:
            return refusal(404, "Not Found")
        return self._forwarded(request, uri)

    def _forwarded(self, request: Request, uri: str) -> Response:
        headers = {name: request.headers[name] for name in _ASKED if name in request.headers}
        try:
            answer = requests.request(
                request.method,
                self._api + uri,
                data=request.get_data() or None,
                headers=headers,
                timeout=TIMEOUT_S,
                auth=self._authorisation,
                allow_redirects=False,
            )
        except requests.RequestException as exc:
            return refusal(502, f"{self._api} does not answer: {type(exc).__name__}")
        response = Response(answer.content, answer.status_code)
        for name in _ANSWERED:
            if name in answer.headers:
                response.headers[name] = answer.headers[name]
        return response
