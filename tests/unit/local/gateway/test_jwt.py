"""Tokens by an HTTP API's rules: one that is right, and each rule broken by itself."""

from __future__ import annotations

import base64
import hmac
import json
import random
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from endcap_local.gateway.jwt import TokenError, verify_token

ISSUER, AUDIENCE, NOW_S = "https://issuer.example.com", ("storefront", "app"), 1_800_000_000
KEY = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
OTHER = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": KEY.kid})
KEYS = KeySet([KEY])


def token(key: Any = KEY, header: dict[str, Any] | None = None, **claims: Any) -> str:
    told = {"iss": ISSUER, "aud": "storefront", "client_id": "another", "exp": NOW_S + 60, "sub": "shop", **claims}
    kept = {name: value for name, value in told.items() if value is not ...}
    return jwt.encode(header or {"alg": "RS256", "kid": KEY.kid}, kept, key)


def verified(text: str) -> dict[str, Any]:
    return verify_token(text, KEYS, ISSUER, AUDIENCE, NOW_S)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "storefront"},
        {"aud": "app"},
        {"aud": ["another", "app"]},
        {"aud": ..., "client_id": "app"},  # such as Cognito's access tokens
        {"iat": NOW_S, "nbf": NOW_S},
    ],
)
def test_one_of_the_audiences_is_enough(claims: dict[str, Any]) -> None:
    assert verified(token(**claims))["sub"] == "shop"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"aud": "another", "client_id": "storefront"},  # where there is an audience, the client's id is none
        {"aud": ["another"], "client_id": "app"},
        {"aud": [], "client_id": "storefront"},
        {"aud": "", "client_id": "storefront"},
        {"aud": "storefront app"},
        {"aud": "storefrontx"},
        {"aud": "Storefront"},
        {"aud": ..., "client_id": "another"},
        {"aud": ..., "client_id": ...},
        {"aud": ..., "client_id": "", "azp": "storefront"},
        {"aud": {"storefront": True}},
        {"aud": None, "client_id": "storefront"},
    ],
)
def test_a_token_for_somebody_else_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(TokenError, match=r"audience|lacks|can not be read|valid"):
        verified(token(**claims))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://another.example.com"},
        {"iss": ISSUER + "/"},
        {"iss": ...},
        {"exp": NOW_S - 1},
        {"exp": ...},
        {"exp": "never"},
        {"nbf": NOW_S + 60},
        {"iat": NOW_S + 60},
    ],
)
def test_any_other_rule_broken_is_refused_too(claims: dict[str, Any]) -> None:
    with pytest.raises(TokenError):
        verified(token(**claims))


def test_a_key_of_the_same_name_is_no_key_of_the_issuers() -> None:
    with pytest.raises(TokenError, match="signature"):
        verified(token(OTHER))
    with pytest.raises(TokenError, match="kid"):
        verified(token(header={"alg": "RS256"}))


def _b64(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_no_forgery_of_200_gets_in() -> None:
    drawn = random.Random(12)
    good = token()
    head, payload, signature = good.split(".")
    public = KEY.as_pem(private=False)
    rooted = _b64({"iss": ISSUER, "aud": "storefront", "exp": NOW_S + 60, "sub": "root", "scope": "endcap/server"})
    for number in range(200):
        algorithm = drawn.choice(["none", "None", "HS256", "HS512", "RS1", "", "ES256"])
        with_public_key = f"{_b64({'alg': 'HS256', 'kid': KEY.kid})}.{rooted}"  # as if it were a secret
        at = drawn.randrange(len(good) - 4)
        forged = [
            f"{_b64({'alg': algorithm, 'kid': KEY.kid})}.{rooted}.",
            f"{_b64({'alg': algorithm, 'kid': KEY.kid})}.{rooted}.{signature}",
            f"{head}.{rooted}.{signature}",
            f"{head}.{payload}.{_b64(drawn.randbytes(256))}",
            good[:at] + drawn.choice([c for c in "ABCabc019" if c != good[at]]) + good[at + 1 :],
            f"{with_public_key}.{_b64(hmac.digest(public, with_public_key.encode(), 'sha256'))}",
        ][number % 6]
        with pytest.raises(TokenError):
            pytest.fail(f"{forged}: {verified(forged)}")
