"""A small JSON client for a stack's HTTP API.

It brings the token of ENDCAP_TOKEN. Without one it signs: with the AWS credentials at hand for an API of API Gateway,
with the local stack's own for a stack on this machine that refuses what is unsigned (`endcap local --auth`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import requests

from endcap.errors import EndcapError

TIMEOUT_S = 30.0


class HttpError(EndcapError):
    """The API refused a request, or did not answer at all.

    Attributes
    ----------
    status : of the answer, None where there was none, or none of Endcap's
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class HttpClient:
    """Calls one API.

    Parameters
    ----------
    url : where it answers, without a path
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._authorisation = Authorisation()

    @property
    def signs_locally(self) -> bool:
        """Whether requests are signed with the local stack's keys, since it refused one that was not."""
        return self._authorisation.sign_locally

    def get(self, path: str, **parameters: str | int) -> Any:
        """The answer's body. Raises HttpError."""
        # Joined here, since requests writes a space as "+", which a signature has as "%20".
        return self._call("GET", f"{path}?{urlencode(parameters, quote_via=quote)}" if parameters else path)

    def put(self, path: str, body: Any) -> Any:
        """The answer's body. Raises HttpError."""
        return self._call("PUT", path, body)

    def post(self, path: str, body: Any, timeout_s: float | None = TIMEOUT_S) -> Any:
        """The answer's body. Raises HttpError."""
        return self._call("POST", path, body, timeout_s)

    def _call(self, method: str, path: str, body: Any = None, timeout_s: float | None = TIMEOUT_S) -> Any:
        url = self.url + path
        try:
            answer = requests.request(method, url, json=body, timeout=timeout_s, auth=self._authorisation)
            answered_to_unsigned = "authorization" not in answer.request.headers
            if answer.status_code == 403 and answered_to_unsigned and _is_local(url):
                self._authorisation.sign_locally = True
                return self._call(method, path, body, timeout_s)
            if not answer.ok:
                told = [answer.headers.get(name, "") for name in ("www-authenticate", "x-endcap-reason")]
                if answer.status_code == 401 and answered_to_unsigned:
                    told = ["put a token into ENDCAP_TOKEN"]
                message = f"{method} {path} was answered with {answer.status_code}: {answer.text[:500]}"
                raise HttpError("; ".join([message, *filter(None, told)]), answer.status_code)
            return answer.json() if answer.content else None
        except requests.JSONDecodeError as exc:
            raise HttpError(f"{method} {path} was answered with what is no JSON: {exc}") from exc
        except requests.ConnectionError as exc:
            raise HttpError(f"{method} {path} got no answer: {self.url} can't be reached, or hung up") from exc
        except requests.RequestException as exc:
            raise HttpError(f"{method} {path} got no answer: {exc}") from exc


def health_of(api: HttpClient) -> dict[str, Any]:
    """What `/health` tells of a stack that serves: its `items`, `snapshot_version` and more.

    Raises
    ------
    HttpError : no snapshot is served, nothing answers, or what answers is no stack of Endcap's
    """
    told = api.get("/health")
    if not isinstance(told, dict) or not {"items", "snapshot_version"} <= told.keys():
        raise HttpError(f"{api.url}/health answers, but not as Endcap does; is it the stack's ApiUrl?")
    return told


class Authorisation(requests.auth.AuthBase):
    """What a request carries so that it is let in."""

    def __init__(self) -> None:
        self.sign_locally = False

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if token := os.environ.get("ENDCAP_TOKEN"):
            request.headers["authorization"] = f"Bearer {token}"
        else:
            request.headers.update(self._signature(request))
        return request

    def _signature(self, request: requests.PreparedRequest) -> Mapping[str, str]:
        url = str(request.url)
        host = re.match(r"https://[\w-]+\.execute-api\.([\w-]+)\.amazonaws\.com(\.cn)?/", url)
        if host is None and not self.sign_locally:
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
        signed = AWSRequest(request.method, url, data=request.body or b"", headers={"content-type": "application/json"})
        SigV4Auth(credentials, "execute-api", region).add_auth(signed)
        return dict(signed.headers.items())


def _is_local(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
