"""Tokens at the storefront door: the shop's word for who a shopper is, and the door's own for a visitor.

A shopper's token is a JSON Web Token that the shop's back end signs with HS256 and the secret that it shares with the
door. No other algorithm is read, whatever a token's header says. A visitor's token is base64url of 1 byte format, 16
bytes id, 4 bytes time, 8 bytes that name the shopper it was last linked to, and 16 bytes HMAC-SHA256.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from endcap.errors import InvalidInputError, UnauthorisedError
from endcap.identifiers import clean_user_id, is_placeholder
from endcap.validation import json_value

AUDIENCE: Final = "endcap-storefront"
MAX_TOKEN_CHARS: Final = 2048
MAX_LIFETIME_S: Final = 24 * 3600
LEEWAY_S: Final = 60
"""How far the clocks of shop and door may be apart, but for the end of a token: it is over when it is over."""

VISIT_S: Final = 365 * 24 * 3600
"""A visitor's token is good for this long, and so is the cookie that holds it."""
RENEWED_AFTER_S: Final = 30 * 24 * 3600

_FORMAT: Final = b"\x01"
_ID, _TIME, _LINK, _MAC = 16, 4, 8, 16
_UNLINKED: Final = b"\0" * _LINK
_NO_GOOD: Final = "the shopper's token is no good, or has expired"


def shopper_of(token: str, secrets: Sequence[str], now_s: float) -> str:
    """The user id that a shopper's token stands for.

    Parameters
    ----------
    secrets : that a token may be signed with, the one before among them while they are changed
    now_s : seconds since 1970

    Raises
    ------
    UnauthorisedError : any check fails; it is not said which
    """
    parts = token.split(".")
    if len(token) > MAX_TOKEN_CHARS or len(parts) != 3:
        raise UnauthorisedError(_NO_GOOD)
    header, payload, signature = (_bytes_of(part) for part in parts)
    signed = f"{parts[0]}.{parts[1]}".encode()
    macs = [hmac.digest(secret.encode(), signed, "sha256") for secret in secrets]
    if not any(hmac.compare_digest(mac, signature) for mac in macs):
        raise UnauthorisedError(_NO_GOOD)
    _check_header(_object(header))
    return _subject(_object(payload), now_s)


def _bytes_of(part: str) -> bytes:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise UnauthorisedError(_NO_GOOD) from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:  # one token has one spelling
        raise UnauthorisedError(_NO_GOOD)
    return raw


def _object(data: bytes) -> Mapping[str, Any]:
    try:
        value = json_value(data, "the token")
    except InvalidInputError:
        raise UnauthorisedError(_NO_GOOD) from None
    if not isinstance(value, dict):
        raise UnauthorisedError(_NO_GOOD)
    return value


def _check_header(header: Mapping[str, Any]) -> None:
    if header.get("alg") != "HS256" or header.get("typ", "JWT") not in ("JWT", "jwt") or "crit" in header:
        raise UnauthorisedError(_NO_GOOD)


def _subject(claims: Mapping[str, Any], now_s: float) -> str:
    ends = _moment(claims.get("exp"))
    if ends is None or not now_s < ends <= now_s + MAX_LIFETIME_S + LEEWAY_S:
        raise UnauthorisedError(_NO_GOOD)
    for name in ("nbf", "iat"):
        begins = _moment(claims.get(name))
        if name in claims and (begins is None or begins > now_s + LEEWAY_S):
            raise UnauthorisedError(_NO_GOOD)
    audience = claims.get("aud", AUDIENCE)
    if AUDIENCE not in (audience if isinstance(audience, list) else [audience]):
        raise UnauthorisedError(_NO_GOOD)
    subject = claims.get("sub")
    try:
        # A name of the shopper's own choice must not be the key of a visitor's profile.
        user_id = clean_user_id(subject) if isinstance(subject, str) else ""
    except ValueError:
        user_id = ""
    if is_placeholder(user_id):
        raise UnauthorisedError(_NO_GOOD)
    return user_id


def _moment(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser that came by.

    Attributes
    ----------
    key : 16 random bytes
    issued_s : when its token was made
    link : names the shopper whom it was last said to be, as in `link_of`; zeros for none
    """

    key: bytes
    issued_s: int
    link: bytes = _UNLINKED

    @property
    def anonymous_id(self) -> str:
        """What its events carry."""
        return base64.urlsafe_b64encode(self.key).rstrip(b"=").decode()


def link_of(user_id: str, secrets: Sequence[str]) -> bytes:
    """8 bytes that name a shopper in a visitor's token, and tell nobody else who it is."""
    return hmac.digest(_key(secrets[0], "link"), user_id.encode(), "sha256")[:_LINK]


def write_visitor(visitor: Visitor, secrets: Sequence[str]) -> str:
    """The token of a visitor, 60 characters."""
    told = _FORMAT + visitor.key + visitor.issued_s.to_bytes(_TIME) + visitor.link
    return base64.urlsafe_b64encode(told + _mac(secrets[0], told)).decode()


def read_visitor(token: str, secrets: Sequence[str], now_s: float) -> Visitor | None:
    """The visitor that a token of ours names; None for any other text, and for a token that is over."""
    if len(token) != (1 + _ID + _TIME + _LINK + _MAC) * 4 // 3:
        return None
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    told, mac = raw[:-_MAC], raw[-_MAC:]
    genuine = any(hmac.compare_digest(_mac(secret, told), mac) for secret in secrets)
    if not genuine or told[:1] != _FORMAT:
        return None
    issued_s = int.from_bytes(told[1 + _ID : -_LINK])
    if not now_s - VISIT_S < issued_s <= now_s + LEEWAY_S:
        return None
    return Visitor(told[1 : 1 + _ID], issued_s, told[-_LINK:])


def _mac(secret: str, told: bytes) -> bytes:
    return hmac.digest(_key(secret, "visitor"), told, "sha256")[:_MAC]


def _key(secret: str, purpose: str) -> bytes:
    # Of its own for each purpose: nothing that the shop signs with the secret can be taken for a visitor's token.
    return hashlib.sha256(f"endcap {purpose}\0{secret}".encode()).digest()
