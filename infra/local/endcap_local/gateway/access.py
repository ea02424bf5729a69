"""Lets a request through to its route, or refuses it, as API Gateway does with the template's authorizers.

A refusal has API Gateway's own status, body and `www-authenticate`. What AWS keeps to itself, why a signature was
refused, is told in a header of its own: `x-endcap-reason`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from werkzeug.wrappers import Request, Response

from endcap.api.roles import SCOPES
from endcap_local.engine.engine import CREDENTIALS
from endcap_local.gateway.issuer import LocalIssuer
from endcap_local.gateway.jwt import TokenError, claims_as_text, scopes_of, verify_token
from endcap_local.gateway.sigv4 import SERVICE, SignatureError, SignedRequest, verify_signature
from endcap_local.template.authorizers import IAM, JWT, Authorizer
from endcap_local.template.intrinsics import ACCOUNT_ID, REGION, TemplateError
from endcap_local.template.template import Route

REASON_HEADER = "x-endcap-reason"
EVERYTHING = " ".join(SCOPES)
SIGNED_LOCALLY = f"--aws-sigv4 aws:amz:{REGION}:{SERVICE} --user {':'.join(CREDENTIALS.values())}"
"""With which curl is let in where signatures are asked for."""
_BEARER = '-H "authorization: Bearer $ENDCAP_TOKEN"'
_ACCESS_KEY, _SECRET_KEY = CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"]


def _owner() -> dict[str, Any]:
    caller = {"accessKey": _ACCESS_KEY, "accountId": ACCOUNT_ID, "callerId": _ACCESS_KEY, "userId": _ACCESS_KEY}
    arn = f"arn:aws:iam::{ACCOUNT_ID}:user/{_ACCESS_KEY}"
    return {"iam": {**caller, "userArn": arn, "principalOrgId": None, "cognitoIdentity": None}}


OWNER = _owner()
"""Who signs with the one access key that there is here, as the event's `requestContext.authorizer` has it."""


class RefusedError(Exception):
    """The request may not pass.

    Attributes
    ----------
    status, message : of API Gateway's answer
    headers : of the answer
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


class Access:
    """The checks of an API's routes.

    Parameters
    ----------
    routes : the template's
    url : where the API answers, without a path
    start_token : without which the local issuer signs nothing; empty where it is not asked for

    Attributes
    ----------
    issuer : of tokens; None where no route asks for one

    Raises
    ------
    TemplateError : a route has an authorizer that can't be enforced here
    """

    def __init__(self, routes: Iterable[Route], url: str, start_token: str = "") -> None:  # nosec B107 # none by default
        self._url, self._routes = url, tuple(routes)
        authorizers = {route.authorizer for route in self._routes if route.authorizer}
        for authorizer in authorizers:
            if authorizer.kind not in (JWT, IAM):
                raise TemplateError(f"authorizer {authorizer.name} ({authorizer.kind}) is not known to the local stack")
        issuers = {(authorizer.issuer, authorizer.audience) for authorizer in authorizers if authorizer.kind == JWT}
        if len(issuers) > 1:
            raise TemplateError("JWT authorizers with different issuers or audiences are not known to the local stack")
        self._takes_signatures = any(authorizer.kind == IAM for authorizer in authorizers)
        self.issuer = LocalIssuer(url, *issuers.pop(), start_token) if issuers else None

    def answer(self, request: Request, path: str) -> Response | None:
        """The local issuer's answer, None where the request is the API's."""
        return self.issuer.answer(request, path) if self.issuer else None

    def identify(self, request: Request, uri: str, route: Route, now_s: float) -> dict[str, Any] | None:
        """Who calls, as the event's `requestContext.authorizer` has it; None on an open route.

        Parameters
        ----------
        uri : path and query, still percent-encoded

        Raises
        ------
        RefusedError : the caller may not
        """
        if route.authorizer is None:
            return None
        if route.authorizer.kind == IAM:
            return self._signer_of(request, uri, now_s)
        return self._bearer_of(request, route, route.authorizer, now_s)

    def facts(self) -> dict[str, Any]:
        """How to be let in, for programs."""
        facts: dict[str, Any] = {"open_routes": [route.key for route in self._routes if route.authorizer is None]}
        if self.issuer:
            facts["jwt"] = {
                "issuer": self.issuer.issuer,
                "audience": list(self.issuer.audience),
                "token_url": self.issuer.token_url,
                "token": self.issuer.token(scope=EVERYTHING),
            }
        if self._takes_signatures:
            facts["iam"] = {"service": SERVICE, "region": REGION, **CREDENTIALS}
        return facts

    @property
    def curl_options(self) -> str:
        """With which curl is let in, once ENDCAP_TOKEN holds a token where one is asked for."""
        return SIGNED_LOCALLY if self._takes_signatures else _BEARER if self.issuer else ""

    def told(self) -> list[str]:
        """How to be let in, for people: one line each, commands indented."""
        open_routes = ", ".join(route.key for route in self._routes if route.authorizer is None)
        lines = [f"Open without authorisation: {open_routes or 'nothing'}"]
        example = f"'{self._url}/users/ann/recommendations?limit=3'"
        if self.issuer:
            audience = " or ".join(self.issuer.audience)
            stood_for = "" if self.issuer.is_itself else ", in whose place one here signs,"
            lines += [
                f"Other routes take a token of {self.issuer.issuer}{stood_for} for {audience}. One for an hour:",
                f"  export ENDCAP_TOKEN={self.issuer.token(scope=EVERYTHING)}",
                f"  curl {_BEARER} {example}",
                "More (also audience=, scope=, sub=, client_id=; expires_in=-1 for one that has expired):",
                f"  curl -d grant_type=client_credentials '{self.issuer.token_url}'",
            ]
        if self._takes_signatures:
            variables = " ".join(f"{name}={value}" for name, value in CREDENTIALS.items())
            lines += [
                f"Other routes take a signature for {SERVICE} in {REGION} with {variables}:",
                f"  curl {SIGNED_LOCALLY} {example}",
            ]
        return lines

    def _signer_of(self, request: Request, uri: str, now_s: float) -> dict[str, Any]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        sent = SignedRequest(request.method, uri, headers, request.get_data())
        try:
            verify_signature(sent, _ACCESS_KEY, _SECRET_KEY, REGION, now_s)
        except SignatureError as exc:
            raise RefusedError(403, "Forbidden", {REASON_HEADER: str(exc)}) from exc
        return OWNER

    def _bearer_of(self, request: Request, route: Route, authorizer: Authorizer, now_s: float) -> dict[str, Any]:
        assert self.issuer is not None
        token = _token(request, authorizer.identity_source)
        if not token:
            raise RefusedError(401, "Unauthorized", {"www-authenticate": "Bearer"})
        try:
            claims = verify_token(token, self.issuer.keys, self.issuer.issuer, self.issuer.audience, now_s)
        except TokenError as exc:
            raise RefusedError(401, "Unauthorized", _challenge(route, "invalid_token", str(exc))) from exc
        if route.scopes and not scopes_of(claims) & set(route.scopes):
            raise RefusedError(
                403, "Forbidden", _challenge(route, "insufficient_scope", "the token has none of the scopes")
            )
        return {"jwt": {"claims": claims_as_text(claims), "scopes": list(route.scopes) or None}}


def _token(request: Request, source: str) -> str:
    place, _, name = source.removeprefix("$request.").partition(".")
    value: str = request.args.get(name, "") if place == "querystring" else request.headers.get(name, "")
    scheme, _, rest = value.partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else value.strip()


def _challenge(route: Route, error: str, description: str) -> dict[str, str]:
    scopes = " ".join(route.scopes)
    return {"www-authenticate": f'Bearer scope="{scopes}" error="{error}" error_description="{description}"'}
