"""Cursors: how a list goes on without repeats.

A cursor says which items earlier pages have shown and which request it belongs to, and is signed. The next page is the
list as it is by then, without those items: nothing is shown twice, even when events, items or a new snapshot have
changed the order in between. Opaque to clients: base64url of 1 byte format, 8 bytes digest of the request, 16 bytes
HMAC-SHA256, and 4 bytes for each item shown.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from endcap.errors import FieldError, InvalidRequestError
from endcap.identifiers import KEY_BYTES

MAX_SHOWN: Final = 1000
"""Where a list ends; its cursor then takes 5,367 characters."""

_FORMAT: Final = b"\x01"
_DIGEST_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 16
_PAGE_ONLY: Final = frozenset({"cursor", "limit", "explain", "fields", "language", "interactions", "surface"})


def digest_of(request: Mapping[str, Any]) -> bytes:
    """8 bytes that name a request; how a page looks and what was done since the first one is no part of it."""
    kept = {name: value for name, value in request.items() if name not in _PAGE_ONLY}
    canonical = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).digest()[:_DIGEST_BYTES]


def write_cursor(secret: str, digest: bytes, shown: Iterable[bytes]) -> str | None:
    """The cursor behind a page; None where the list has become too long to go on.

    Parameters
    ----------
    shown : keys of all items shown so far
    """
    keys = list(shown)
    if len(keys) > MAX_SHOWN:
        return None
    payload = b"".join(keys)
    signed = _FORMAT + digest + _signature(secret, digest, payload) + payload
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()


def read_cursor(secret: str, digest: bytes, cursor: str) -> tuple[bytes, ...]:
    """The keys of what earlier pages have shown.

    Raises
    ------
    InvalidRequestError : not a cursor of ours, or one of another request
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _refused("is not a cursor that an answer has given") from None
    known, rest = raw[1 : 1 + _DIGEST_BYTES], raw[1 + _DIGEST_BYTES :]
    signature, payload = rest[:_SIGNATURE_BYTES], rest[_SIGNATURE_BYTES:]
    genuine = hmac.compare_digest(signature, _signature(secret, known, payload))
    if raw[:1] != _FORMAT or not genuine or len(payload) % KEY_BYTES:
        raise _refused("is not a cursor that an answer has given")
    if known != digest:
        raise _refused("belongs to another request; only limit, fields, language, explain and interactions may change")
    return tuple(payload[at : at + KEY_BYTES] for at in range(0, len(payload), KEY_BYTES))


def _signature(secret: str, digest: bytes, payload: bytes) -> bytes:
    key = hashlib.sha256(b"endcap cursor\0" + secret.encode()).digest()
    return hmac.digest(key, _FORMAT + digest + payload, "sha256")[:_SIGNATURE_BYTES]


def _refused(message: str) -> InvalidRequestError:
    return InvalidRequestError([FieldError(field="cursor", message=message)])
