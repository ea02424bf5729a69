"""Whether a JSON Web Token lets a request in, by the rules of an HTTP API's JWT authorizer.

Signed with RSA by a key of the issuer that its `kid` names, from the issuer, for one of the audiences (`client_id`
counts where there is no `aud`), not expired, and not from the future.
Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from joserfc import jwt
from joserfc.errors import (
    BadSignatureError,
    ExpiredTokenError,
    InvalidClaimError,
    JoseError,
    MissingClaimError,
    UnsupportedAlgorithmError,
)
from joserfc.jwk import GuestProtocol, Key, KeySet

ALGORITHMS = ("RS256", "RS384", "RS512")


class TokenError(ValueError):
    """The token is not good enough; the message says why, without any of its content."""


def verify_token(token: str, keys: KeySet, issuer: str, audience: Sequence[str], now_s: float) -> dict[str, Any]:
    """The claims of a valid token.

    Parameters
    ----------
    keys : the issuer's
    audience : of which the token must name one
    now_s : seconds since 1970

    Raises
    ------
    TokenError : the token is malformed, or any check fails
    """

    def key_of(token: GuestProtocol) -> Key:
        kid = token.headers().get("kid")
        if not isinstance(kid, str):  # joserfc would take the only key there is
            raise TokenError("the token names no key (kid)")
        return keys.get_by_kid(kid)

    try:
        claims = jwt.decode(token, key_of, algorithms=ALGORITHMS).claims
        options: dict[str, jwt.ClaimsOption] = {
            "iss": {"essential": True, "value": issuer},
            "exp": {"essential": True},
            "aud" if "aud" in claims else "client_id": {"essential": True, "values": list(audience)},
        }
        jwt.JWTClaimsRegistry(int(now_s), 0, **options).validate(claims)
    except TokenError:
        raise
    except (JoseError, ValueError, TypeError, AttributeError) as exc:  # a header of odd types breaks joserfc's checks
        raise TokenError(_reason(exc)) from exc
    return claims


def scopes_of(claims: Mapping[str, Any]) -> set[str]:
    """What the token may do: `scope`, else `scp`; words of a text, or a list."""
    scopes = claims.get("scope", claims.get("scp"))
    if isinstance(scopes, str):
        return set(scopes.split())
    return {scope for scope in scopes if isinstance(scope, str)} if isinstance(scopes, list) else set()


def claims_as_text(claims: Mapping[str, Any]) -> dict[str, str]:
    """The claims as events carry them, where every value is a text: `[a b]` for a list."""
    return {name: _text(value) for name, value in claims.items()}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"[{' '.join(map(_text, value))}]" if isinstance(value, list) else json.dumps(value)


def _reason(error: Exception) -> str:
    match error:
        case ExpiredTokenError():
            return "the token has expired"
        case MissingClaimError(claim=claim):
            return f"the token lacks {claim}"
        case InvalidClaimError(claim="iss"):
            return "the token does not have a valid issuer"
        case InvalidClaimError(claim="aud" | "client_id"):
            return "the token does not have a valid audience"
        case InvalidClaimError(claim="nbf" | "iat"):
            return "the token is not valid yet"
        case InvalidClaimError(claim=claim):
            return f"the token does not have a valid {claim}"
        case BadSignatureError():
            return "the signature does not match"
        case UnsupportedAlgorithmError():
            return f"the signing method is none of {', '.join(ALGORITHMS)}"
    return "the token can not be read, or its key is not the issuer's"
