"""Which JSON Web Tokens an HTTP API's JWT authorizer lets in."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from endcap_local.gateway.jwt import TokenError, claims_as_text, scopes_of, verify_token

ISSUER, AUDIENCE = "https://issuer.example.com", ("storefront", "app")
NOW_S = 1_760_000_000
KEY = RSAKey.generate_key(2048, auto_kid=True)
KEYS = KeySet([KEY])
CLAIMS = {"iss": ISSUER, "aud": "storefront", "sub": "shop", "iat": NOW_S - 10, "exp": NOW_S + 10}


def signed(claims: Mapping[str, Any], alg: str = "RS256", kid: object = KEY.kid, key: Any = KEY) -> str:
    header = {"alg": alg} | ({"kid": kid} if kid is not None else {})
    return jwt.encode(header, dict(claims), key, algorithms=[alg])


def verified(token: str, now_s: float = NOW_S) -> dict[str, Any]:
    return verify_token(token, KEYS, ISSUER, AUDIENCE, now_s)


def encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in CLAIMS.items() if key != name}


@pytest.mark.parametrize(
    "claims",
    [
        CLAIMS,
        {**CLAIMS, "aud": ["somebody", "app"]},
        {**without("aud"), "client_id": "app"},  # as Cognito's access tokens
        without("iat"),
        {**CLAIMS, "nbf": NOW_S},
        {**CLAIMS, "exp": NOW_S + 0.5},
    ],
)
@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512"])
def test_good_tokens_are_let_in(claims: dict[str, Any], alg: str) -> None:
    assert verified(signed(claims, alg)) == claims


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({**CLAIMS, "exp": NOW_S}, "has expired"),
        ({**CLAIMS, "exp": str(NOW_S + 10)}, "valid exp"),
        (without("exp"), "lacks exp"),
        ({**CLAIMS, "iss": ISSUER + "/"}, "valid issuer"),
        ({**CLAIMS, "iss": [ISSUER]}, "valid issuer"),
        (without("iss"), "lacks iss"),
        ({**CLAIMS, "aud": "somebody"}, "valid audience"),
        ({**CLAIMS, "aud": []}, "valid audience"),
        ({**CLAIMS, "aud": "somebody", "client_id": "app"}, "valid audience"),
        ({**without("aud"), "client_id": "somebody"}, "valid audience"),
        (without("aud"), "lacks client_id"),
        ({**CLAIMS, "nbf": NOW_S + 5}, "not valid yet"),
        ({**CLAIMS, "iat": NOW_S + 5}, "not valid yet"),
    ],
)
def test_claims_that_do_not_hold_are_refused_with_the_reason(claims: dict[str, Any], reason: str) -> None:
    with pytest.raises(TokenError, match=reason):
        verified(signed(claims))


def test_a_token_that_was_tampered_with_is_refused() -> None:
    header, _, signature = signed(CLAIMS).split(".")
    with pytest.raises(TokenError, match="signature does not match"):
        verified(f"{header}.{encoded({**CLAIMS, 'sub': 'root'})}.{signature}")


def test_an_unsigned_token_is_refused() -> None:
    for alg in ("none", "None", "NONE"):
        header = encoded({"alg": alg, "kid": KEY.kid})
        for signature in ("", "AAAA"):
            with pytest.raises(TokenError):
                verified(f"{header}.{encoded(CLAIMS)}.{signature}")


def test_the_public_key_is_no_shared_secret() -> None:
    content = f"{encoded({'alg': 'HS256', 'kid': KEY.kid})}.{encoded(CLAIMS)}"
    digest = hmac.digest(KEY.as_pem(private=False), content.encode(), "sha256")
    with pytest.raises(TokenError, match="signing method"):
        verified(f"{content}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}")


@pytest.mark.parametrize("kid", [None, "another"])
def test_a_token_has_to_name_a_key_of_the_issuer(kid: str | None) -> None:
    with pytest.raises(TokenError):
        verified(signed(CLAIMS, kid=kid))


def test_a_key_of_the_same_name_is_another_key() -> None:
    with pytest.raises(TokenError, match="signature does not match"):
        verified(signed(CLAIMS, key=RSAKey.generate_key(2048)))


@given(st.one_of(st.text(), st.lists(st.text("abcXYZ019-_="), min_size=2, max_size=4).map(".".join)))
def test_anything_else_is_refused_and_nothing_breaks(token: str) -> None:
    with pytest.raises(TokenError):
        verified(token)


ODD = (
    st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.text())
)
NAMES = st.sampled_from(["alg", "kid", "crit", "b64", "typ", "jwk", "cty"])


@given(ODD | st.dictionaries(NAMES, ODD))
def test_any_header_is_refused_without_its_signature(header: Any) -> None:
    for usual in ({}, {"alg": "RS256", "kid": KEY.kid}):
        merged = {**header, **usual} if isinstance(header, dict) else header
        with pytest.raises(TokenError):
            verified(f"{encoded(merged)}.{encoded(CLAIMS)}.AAAA")


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "read write"}, {"read", "write"}),
        ({"scp": ["read"]}, {"read"}),
        ({"scp": "read"}, {"read"}),
        ({}, set()),
        ({"scope": 3}, set()),
    ],
)
def test_scopes_come_as_text_or_list(claims: dict[str, Any], scopes: set[str]) -> None:
    assert scopes_of(claims) == scopes


def test_events_carry_claims_as_text() -> None:
    claims = {"sub": "shop", "exp": 5, "groups": ["a", 1], "admin": True}
    assert claims_as_text(claims) == {"sub": "shop", "exp": "5", "groups": "[a 1]", "admin": "true"}
