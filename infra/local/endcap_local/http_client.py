"""A small JSON client for a stack's HTTP API, from the standard library.

It brings the token of ENDCAP_TOKEN. Without one it signs: with the AWS credentials at hand for an API of API Gateway,
with the local stack's own for a stack on this machine that refuses what is unsigned (`endcap local --auth`).
"""

from __future__ import annotations

import json
import os
import re
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
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
        self._sign_locally = False

    def get(self, path: str, **parameters: str | int) -> Any:
        """The answer's body. Raises HttpError."""
        return self._call("GET", f"{path}?{urlencode(parameters, quote_via=quote)}" if parameters else path)

    def put(self, path: str, body: object) -> Any:
        """The answer's body. Raises HttpError."""
        return self._call("PUT", path, body)

    def post(self, path: str, body: object) -> Any:
        """The answer's body. Raises HttpError."""
        return self._call("POST", path, body)

    def _call(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"} | self._authorisation(method, self.url + path, data)
        request = Request(self.url + path, data, headers, method=method)
        try:
            with urlopen(request, timeout=TIMEOUT_S) as response:
                return json.loads(response.read() or b"null")
        except HTTPError as exc:
            detail = exc.read(500).decode(errors="replace")
            if exc.code == 403 and not self._sign_locally and "authorization" not in headers and _is_local(self.url):
                self._sign_locally = True
                return self._call(method, path, body)
            told = [exc.headers.get(name, "") for name in ("www-authenticate", "x-endcap-reason")]
            if exc.code == 401 and "authorization" not in headers:
                told = ["put a token into ENDCAP_TOKEN"]
            message = f"{method} {path} was answered with {exc.code}: {detail}"
            raise HttpError("; ".join([message, *filter(None, told)])) from exc
        except (URLError, OSError) as exc:
            raise HttpError(f"{method} {path} got no answer: {exc}") from exc

    def _authorisation(self, method: str, url: str, data: bytes | None) -> dict[str, str]:
        if token := os.environ.get("ENDCAP_TOKEN"):
            return {"authorization": f"Bearer {token}"}
        host = re.match(r"https://[\w-]+\.execute-api\.([\w-]+)\.amazonaws\.com(\.cn)?/", url)
        if host is None and not self._sign_locally:
            return {}
        import boto3
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        credentials: Credentials | None
        if host is None:
            from endcap_local.engine.engine import CREDENTIALS
            from endcap_local.template.intrinsics import REGION

            credentials, region = Credentials(*CREDENTIALS.values()), REGION
        else:
            credentials, region = boto3.Session().get_credentials(), host[1]
        if credentials is None:
            raise HttpError(f"{url} takes signed requests, and there are no AWS credentials; or set ENDCAP_TOKEN")
        request = AWSRequest(method, url, data=data or b"", headers={"content-type": "application/json"})
        SigV4Auth(credentials, "execute-api", region).add_auth(request)
        return {name.lower(): value for name, value in request.headers.items()}


def _is_local(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
