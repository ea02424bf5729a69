"""Whether the AWS Signature Version 4 of a request is right: botocore's own signer computes it again.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from urllib.parse import quote, unquote_to_bytes

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

SERVICE = "execute-api"
SKEW_S = 300.0  # how far a request's clock may be off
_ALGORITHM = "AWS4-HMAC-SHA256"
_CREDENTIAL = re.compile(r"([^/\s]+)/(\d{8})/([\w-]+)/([\w-]+)/aws4_request", re.ASCII)
_NAMES = re.compile(r"[\w.;-]+", re.ASCII)


class SignatureError(ValueError):
    """The request is not signed, or not rightly; the message says why, without any secret."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What came over the wire.

    Attributes
    ----------
    uri : path and query, still percent-encoded
    headers : with names in lower case
    """

    method: str
    uri: str
    headers: Mapping[str, str]
    body: bytes


def verify_signature(request: SignedRequest, access_key: str, secret_key: str, region: str, now_s: float) -> None:
    """Return where the request was signed with these credentials, for `execute-api` in `region`, within five minutes.

    Raises
    ------
    SignatureError : it was not; presigned URLs are not known either
    """
    claimed = _claimed(request.headers.get("authorization", ""))
    if claimed.access_key != access_key:
        raise SignatureError("the access key is not the local one")
    if (claimed.region, claimed.service) != (region, SERVICE):
        raise SignatureError(f"signed for {claimed.service} in {claimed.region}, not for {SERVICE} in {region}")
    time = _time(request.headers)
    if abs(time.timestamp() - now_s) > SKEW_S:
        raise SignatureError("the request was signed more than five minutes ago, or by a clock that is ahead")
    if time.strftime("%Y%m%d") != claimed.day:
        raise SignatureError("the request was not signed on the day of its credential")
    if missing := [name for name in claimed.headers if name not in request.headers]:
        raise SignatureError(f"headers were signed and are not there: {', '.join(missing)}")
    if "host" not in claimed.headers:
        raise SignatureError("the host header is not signed")
    digest = sha256(request.body).hexdigest()
    if request.headers.get("x-amz-content-sha256", digest) != digest:
        raise SignatureError("x-amz-content-sha256 is not the hash of the body")

    path, _, query = request.uri.partition("?")
    url = "http://local" + path.replace("#", "%23")  # the signer would cut a fragment off
    headers = {name: request.headers[name] for name in claimed.headers}
    again = AWSRequest(request.method, url, headers=headers, data=request.body)
    again.context |= {"timestamp": time.strftime(SIGV4_TIMESTAMP), "query": query}
    signer = _Signer(Credentials(access_key, secret_key), SERVICE, region)
    expected = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
    if not hmac.compare_digest(expected, claimed.signature):
        raise SignatureError("the signature does not match: another secret key, or the request was changed")


class _Signer(SigV4Auth):
    """Signs exactly the headers that the client has signed, and the query in the one form that the service sees."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        """All that were given, also those that botocore itself would not sign."""
        headers = HTTPHeaders()
        for name, value in request.headers.items():
            headers[name] = value
        return headers

    def canonical_query_string(self, request: AWSRequest) -> str:
        """Encoded anew: AWS wants `%2C` and `%20` signed also where a comma or a plus for a space was sent."""
        pairs = [pair.partition("=") for pair in request.context["query"].split("&") if pair]
        return "&".join(f"{name}={value}" for name, value in sorted((_encoded(n), _encoded(v)) for n, _, v in pairs))


@dataclass(frozen=True, slots=True)
class _Claimed:
    """What an Authorization header says; `headers` are the names of those that were signed."""

    access_key: str
    day: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str


def _claimed(header: str) -> _Claimed:
    if not header:
        raise SignatureError("the request is not signed: it has no Authorization header")
    algorithm, _, rest = header.partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    credential = _CREDENTIAL.fullmatch(parts.get("Credential", ""))
    names, signature = parts.get("SignedHeaders", ""), parts.get("Signature", "")
    if algorithm != _ALGORITHM or credential is None or not _NAMES.fullmatch(names) or not signature.isascii():
        raise SignatureError(f"the Authorization header is no {_ALGORITHM} signature")
    access_key, day, region, service = credential.groups()
    return _Claimed(access_key, day, region, service, tuple(names.lower().split(";")), signature)


def _time(headers: Mapping[str, str]) -> datetime:
    try:
        if "x-amz-date" in headers:
            return datetime.strptime(headers["x-amz-date"], SIGV4_TIMESTAMP).replace(tzinfo=UTC)
        return parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        raise SignatureError("neither x-amz-date nor date says when the request was signed") from None


def _encoded(part: str) -> str:
    return quote(unquote_to_bytes(part.replace("+", " ")), safe="-_.~")
