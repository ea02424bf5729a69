"""A small JSON client for a stack's HTTP API, from the standard library."""

from __future__ import annotations

import json
import os
import re
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from endcap.errors import EndcapError

TIMEOUT_S = 30.0


class HttpError(EndcapError):
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
        headers = {"content-type": "application/json"} | _authorisation(method, self.url + path, data)
        request = Request(self.url + path, data, headers, method=method)
        try:
            with urlopen(request, timeout=TIMEOUT_S) as response:
                return json.loads(response.read() or b"null")
        except HTTPError as exc:
            detail = exc.read(500).decode(errors="replace")
            raise HttpError(f"{method} {path} was answered with {exc.code}: {detail}") from exc
        except (URLError, OSError) as exc:
            raise HttpError(f"{method} {path} got no answer: {exc}") from exc


def _authorisation(method: str, url: str, data: bytes | None) -> dict[str, str]:
    """The token of ENDCAP_TOKEN; else, for an API of API Gateway, a signature with the AWS credentials at hand."""
    if token := os.environ.get("ENDCAP_TOKEN"):
        return {"authorization": f"Bearer {token}"}
    host = re.match(r"https://[\w-]+\.execute-api\.([\w-]+)\.amazonaws\.com(\.cn)?/", url)
    if host is None:
        return {}
    import boto3
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    credentials = boto3.Session().get_credentials()
    if credentials is None:
        raise HttpError(f"{url} takes signed requests, and there are no AWS credentials; or set ENDCAP_TOKEN")
    request = AWSRequest(method, url, data=data or b"", headers={"content-type": "application/json"})
    SigV4Auth(credentials, "execute-api", host[1]).add_auth(request)
    return dict(request.headers.items())
