"""A small JSON client for a stack's HTTP API, from the standard library."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

TIMEOUT_S = 30.0


class HttpError(RuntimeError):
    """The API refused a request, or did not answer at all."""


class HttpClient:
    """Calls one API.

    Parameters
    ----------
    url : where it answers, without a path
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def get(self, path: str, **parameters: str | int) -> Any:
        """The answer's body. Raises HttpError."""
        return self._call("GET", f"{path}?{urlencode(parameters)}" if parameters else path)

    def put(self, path: str, body: object) -> Any:
        """The answer's body. Raises HttpError."""
        return self._call("PUT", path, body)

    def post(self, path: str, body: object) -> Any:
        """The answer's body. Raises HttpError."""
        return self._call("POST", path, body)

    def _call(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data, {"content-type": "application/json"}, method=method)
        try:
            with urlopen(request, timeout=TIMEOUT_S) as response:
                return json.loads(response.read() or b"null")
        except HTTPError as exc:
            detail = exc.read(500).decode(errors="replace")
            raise HttpError(f"{method} {path} was answered with {exc.code}: {detail}") from exc
        except (URLError, OSError) as exc:
            raise HttpError(f"{method} {path} got no answer: {exc}") from exc
