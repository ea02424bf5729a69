"""An issuer of tokens on the local stack's own server, in the place of the one that the template names.

It has what a client looks for: OpenID discovery, the public key as a JWK set, and a token endpoint for the OAuth 2.0
grant `client_credentials`. Anyone may ask it for any token, wrong and expired ones included, so that a client can be
tried with them. The key is made at each start.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from werkzeug.wrappers import Request, Response

PATH = "/local-issuer"
LIFETIME_S = 3600
MAX_LIFETIME_S = 86_400
DEFAULT_AUDIENCE = "endcap"
_TOKEN_PATH = "/oauth2/token"  # nosec B105 # a path
_CLIENT = "local"
_ALGORITHM = "RS256"


class LocalIssuer:
    """Issues tokens, and answers below `PATH`.

    Parameters
    ----------
    url : of the server, without a path
    issuer : what tokens say who issued them; empty for the issuer's own URL
    audience : whom tokens are for; the first where a request names none; empty for `DEFAULT_AUDIENCE`
    start_token : what `token_url` carries, so that no page of the web can make up an address that signs

    Attributes
    ----------
    keys : one RSA key
    is_itself : whether tokens name this issuer, not one in whose place it signs
    token_url : where tokens are handed out
    """

    def __init__(  # nosec B107 # none by default
        self, url: str, issuer: str = "", audience: Sequence[str] = (), start_token: str = ""
    ) -> None:
        self.issuer, self.is_itself = issuer or url + PATH, not issuer
        self.audience = tuple(audience) or (DEFAULT_AUDIENCE,)
        self.token_url = url + PATH + _TOKEN_PATH + (f"?start={start_token}" if start_token else "")
        self.keys = KeySet([RSAKey.generate_key(2048, {"use": "sig", "alg": _ALGORITHM}, auto_kid=True)])
        self._documents: dict[str, dict[str, Any]] = {
            "/.well-known/jwks.json": dict(self.keys.as_dict(private=False)),
            "/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "jwks_uri": f"{url}{PATH}/.well-known/jwks.json",
                "token_endpoint": self.token_url,
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
                "response_types_supported": [],  # nobody signs in here
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [_ALGORITHM],
            },
        }

    def token(
        self,
        *,
        audience: str | None = None,
        scope: str | None = None,
        client_id: str = _CLIENT,
        sub: str | None = None,
        expires_in: int = LIFETIME_S,
    ) -> str:
        """A signed token; `expires_in` is in seconds, and less than nothing for one that has expired."""
        (key,) = self.keys
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": client_id if sub is None else sub,
            "aud": self.audience[0] if audience is None else audience,
            "client_id": client_id,
            "iat": now,
            "exp": now + expires_in,
            "jti": uuid.uuid4().hex,
        }
        if scope is not None:
            claims["scope"] = scope
        return jwt.encode({"alg": _ALGORITHM, "kid": key.kid}, claims, key)

    def answer(self, request: Request, path: str) -> Response | None:
        """The answer to a request that is the issuer's, None for any other."""
        if not path.startswith(PATH + "/"):
            return None
        document = self._documents.get(path.removeprefix(PATH))
        if document is None and path != PATH + _TOKEN_PATH:
            return _answer(404, {"error": "not_found"})
        method = "POST" if document is None else "GET"
        if request.method != method:
            return _answer(405, {"error": "invalid_request", "error_description": f"takes {method}"}, allow=method)
        return self._issued(request) if document is None else _answer(200, document)

    def _issued(self, request: Request) -> Response:
        if request.get_data() and request.mimetype != "application/x-www-form-urlencoded":
            return _refused("invalid_request", "the body is not application/x-www-form-urlencoded")
        form = request.form
        if form.get("grant_type", "client_credentials") != "client_credentials":
            return _refused("unsupported_grant_type", "grant_type is client_credentials")
        try:
            expires_in = int(form.get("expires_in", LIFETIME_S))
        except ValueError:
            return _refused("invalid_request", "expires_in is a whole number of seconds")
        if abs(expires_in) > MAX_LIFETIME_S:
            return _refused("invalid_request", f"expires_in is at most {MAX_LIFETIME_S} seconds from now, or ago")
        basic = request.authorization.username if request.authorization else None
        token = self.token(
            audience=form.get("audience"),
            scope=form.get("scope"),
            client_id=basic or form.get("client_id") or _CLIENT,
            sub=form.get("sub"),
            expires_in=expires_in,
        )
        issued = {"access_token": token, "token_type": "Bearer", "expires_in": expires_in}  # nosec B105 # a type
        return _answer(200, issued | ({"scope": form["scope"]} if "scope" in form else {}))


def _refused(error: str, description: str) -> Response:
    return _answer(400, {"error": error, "error_description": description})


def _answer(status: int, document: dict[str, Any], **headers: str) -> Response:
    return Response(
        json.dumps(document), status, {"cache-control": "no-store", **headers}, content_type="application/json"
    )
