"""An API Gateway HTTP API on loopback: the template's routes, payload format 2.0, and the gateway's own refusals.

Facts that are easy to get wrong, and are kept here: `rawPath` and path parameters arrive decoded, `rawQueryString` does
not; header names are in lower case and repeated headers joined by commas, cookies apart; a body is plain text only for
text/*, JSON, XML and JavaScript, base64 for any other or absent content type; a static segment wins over a parameter,
a parameter over `{proxy+}`, and all over `$default`. What the gateway itself refuses has its own body,
`{"message": ...}`, which no function shapes.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from endcap.errors import ConflictError, EndcapError
from endcap_local.gateway.access import OWNER, Access, RefusedError
from endcap_local.gateway.loopback import Loopback
from endcap_local.gateway.pages import Pages
from endcap_local.keep_alive import KeepAliveServer
from endcap_local.lambda_runtime.reply import Reply
from endcap_local.template.authorizers import IAM
from endcap_local.template.intrinsics import ACCOUNT_ID
from endcap_local.template.template import ANY, Route

MAX_BODY_BYTES = 10 * 1024 * 1024
MAX_HEADER_BYTES = 10_240  # request line and headers together
INTEGRATION_TIMEOUT_S = 30.0
API_ID = "local"
_TEXT_TYPES = {"application/json", "application/xml", "application/javascript"}
_TIME_FORMAT = "%d/%b/%Y:%H:%M:%S +0000"

Invoke = Callable[[str, Mapping[str, Any], float], Reply]
Operation = Callable[[], Mapping[str, Any]]


class RouteTable:
    """Finds the route of a request as an HTTP API does."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._default: Route | None = None
        self._routes: list[tuple[list[str], Route]] = []
        for route in routes:
            if route.path == "$default":
                self._default = route
            else:
                self._routes.append((route.path.split("/")[1:], route))

    def match(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
        """The route and its decoded path parameters; None when nothing matches and there is no `$default`."""
        segments = raw_path.split("/")[1:]
        best: tuple[list[int], Route, dict[str, str]] | None = None
        for pattern, route in self._routes:
            if route.method not in (ANY, method):
                continue
            found = _match_segments(pattern, segments)
            if found is not None:
                rank = [*found[0], int(route.method == ANY)]
                if best is None or rank < best[0]:
                    best = (rank, route, found[1])
        if best is not None:
            return best[1], best[2]
        return (self._default, {}) if self._default is not None else None


def _match_segments(pattern: list[str], segments: list[str]) -> tuple[list[int], dict[str, str]] | None:
    ranks: list[int] = []
    parameters: dict[str, str] = {}
    for i, part in enumerate(pattern):
        if part.startswith("{") and part.endswith("+}"):
            if i >= len(segments):
                return None
            parameters[part[1:-2]] = unquote("/".join(segments[i:]))
            return [*ranks, 2], parameters
        if i >= len(segments):
            return None
        if part.startswith("{") and part.endswith("}"):
            if not segments[i]:
                return None
            parameters[part[1:-1]] = unquote(segments[i])
            ranks.append(1)
        elif part == unquote(segments[i]):
            ranks.append(0)
        else:
            return None
    return (ranks, parameters) if len(pattern) == len(segments) else None


def event_of(
    request: Request, raw_path: str, route: Route, parameters: Mapping[str, str], now_s: float
) -> dict[str, Any]:
    """The payload 2.0 event of a request.

    Parameters
    ----------
    raw_path : the path as it came, still percent-encoded
    now_s : arrival, seconds since 1970
    """
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in request.headers.items():
        key = name.lower()
        if key == "cookie":
            cookies += [cookie.strip() for cookie in value.split(";") if cookie.strip()]
        else:
            headers[key] = f"{headers[key]},{value}" if key in headers else value
    headers.setdefault("x-forwarded-for", request.remote_addr or "127.0.0.1")
    headers.setdefault("x-forwarded-port", str(request.environ.get("SERVER_PORT", "")))
    headers.setdefault("x-forwarded-proto", "http")
    path, query = unquote(raw_path), request.query_string.decode("latin-1")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT_ID,
            "apiId": API_ID,
            "domainName": request.host,
            "domainPrefix": API_ID,
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.remote_addr or "127.0.0.1",
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": uuid.uuid4().hex,
            "routeKey": route.key,
            "stage": "$default",
            "time": time.strftime(_TIME_FORMAT, time.gmtime(now_s)),
            "timeEpoch": int(now_s * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    if query:
        joined: dict[str, str] = {}
        for key, value in parse_qsl(query, keep_blank_values=True):
            joined[key] = f"{joined[key]},{value}" if key in joined else value
        event["queryStringParameters"] = joined
    if parameters:
        event["pathParameters"] = dict(parameters)
    body = request.get_data()
    if body:
        event["body"], event["isBase64Encoded"] = _body(body, request.mimetype)
    return event


def _body(body: bytes, mimetype: str) -> tuple[str, bool]:
    if mimetype.startswith("text/") or mimetype in _TEXT_TYPES:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def response_of(payload: object) -> Response:
    """The HTTP answer for what a function returned, by the rules of payload 2.0.

    Without `statusCode` the whole payload is the body of a 200; a malformed answer becomes the gateway's own 500.
    """
    if not (isinstance(payload, dict) and "statusCode" in payload):
        text = payload if isinstance(payload, str) else json.dumps(payload)
        return Response(text, 200, content_type="application/json")
    body = payload.get("body") or ""
    try:
        content = base64.b64decode(body, validate=True) if payload.get("isBase64Encoded") else str(body).encode()
        response = Response(content, int(payload["statusCode"]))
    except (ValueError, TypeError):
        return refusal(500, "Internal Server Error")
    response.headers["content-type"] = "text/plain;charset=UTF-8"
    for name, value in (payload.get("headers") or {}).items():
        response.headers[name] = str(value)
    for name, values in (payload.get("multiValueHeaders") or {}).items():
        response.headers.setlist(name, [str(value) for value in values])
    for cookie in payload.get("cookies") or ():
        response.headers.add("set-cookie", cookie)
    return response


def refusal(status: int, message: str) -> Response:
    """An answer that the gateway itself gives."""
    return Response(json.dumps({"message": message}, separators=(",", ":")), status, content_type="application/json")


def _operated(operation: Operation) -> Response:
    try:
        return Response(json.dumps(operation(), default=str), 200, content_type="application/json")
    except EndcapError as exc:
        return refusal(409 if isinstance(exc, ConflictError) else 400, str(exc))


class HttpApi:
    """The gateway as a WSGI application.

    Parameters
    ----------
    routes : the template's routes
    invoke : called with a function's name, an event and the seconds that the gateway waits; raises TimeoutError
    timeout_s : how long an integration may take, 30 s on AWS
    access : who may call what; None to let everything through, as this machine's own AWS credentials would
    loopback : what pages of the web must not do; None where no browser is
    operations : path -> what operates the stack itself, and answers with a JSON object; they need `loopback`
    pages : static pages beside the routes; None for none
    """

    def __init__(
        self,
        routes: Iterable[Route],
        invoke: Invoke,
        timeout_s: float = INTEGRATION_TIMEOUT_S,
        access: Access | None = None,
        loopback: Loopback | None = None,
        operations: Mapping[str, Operation] | None = None,
        pages: Pages | None = None,
    ) -> None:
        self._routes, self._invoke, self._timeout_s = RouteTable(routes), invoke, timeout_s
        self._access, self._loopback, self._pages = access, loopback, pages
        self._operations: Mapping[str, Operation] = {} if operations is None else operations

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        response = self._answer(Request(environ))
        body: Iterable[bytes] = response(environ, start_response)
        return body

    def _answer(self, request: Request) -> Response:
        uri = str(request.environ.get("RAW_URI", request.full_path))
        size = len(request.method) + len(uri) + sum(len(name) + len(value) for name, value in request.headers.items())
        if size > MAX_HEADER_BYTES:
            return _closing(refusal(431, "Request Header Fields Too Large"))
        request.max_content_length = MAX_BODY_BYTES
        try:
            request.get_data()  # read in any case: the connection is kept, and the next request follows the body
        except RequestEntityTooLarge:
            return _closing(refusal(413, "Request Entity Too Large"))
        raw_path, now_s = uri.partition("?")[0], time.time()
        try:
            if self._access and (answer := self._issued(request, raw_path)):
                return answer
            if self._loopback and (operation := self._operations.get(raw_path)):
                self._loopback.check_operation(request)
                return _operated(operation)
            if self._pages and (page := self._pages.answer(request, raw_path)):
                return page
            found = self._routes.match(request.method, raw_path)
            if found is None:
                return refusal(404, "Not Found")
            route, parameters = found
            if self._loopback:
                self._loopback.check_route(request, route)
            event = event_of(request, raw_path, route, parameters, now_s)
            if caller := self._caller(request, uri, route, now_s):
                event["requestContext"]["authorizer"] = caller
        except RefusedError as exc:
            response = refusal(exc.status, exc.message)
            response.headers.update(exc.headers)
            return response
        try:
            reply = self._invoke(route.function, event, self._timeout_s)
        except TimeoutError:
            return refusal(503, "Service Unavailable")
        return refusal(500, "Internal Server Error") if reply.error is not None else response_of(reply.payload)

    def _issued(self, request: Request, path: str) -> Response | None:
        assert self._access is not None
        if self._loopback and self._access.issuer:
            self._loopback.check_issuer(request, path)
        return self._access.answer(request, path)

    def _caller(self, request: Request, uri: str, route: Route, now_s: float) -> dict[str, Any] | None:
        if self._access is not None:
            # A page can't sign; whose machine this is acts as its owner by the token, as through `endcap studio`.
            signs = route.authorizer is not None and route.authorizer.kind == IAM
            if signs and self._loopback is not None and self._loopback.is_studio(request):
                return OWNER
            return self._access.identify(request, uri, route, now_s)
        return OWNER if route.authorizer else None  # the storefront door knows its visitors by itself, here as anywhere


class Gateway:
    """An HTTP server for a WSGI application on 127.0.0.1; port 0 is a free one, which `url` tells before the start."""

    def __init__(self, port: int = 0) -> None:
        self._server = KeepAliveServer(port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="gateway", daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self, api: Callable[..., Iterable[bytes]]) -> None:
        """Begin to answer."""
        self._server.app = api
        self._thread.start()

    def stop(self) -> None:
        """Stop answering; requests that are under way are not waited for."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def _closing(response: Response) -> Response:
    response.headers["connection"] = "close"  # the body was not read
    return response
