"""Rules for the text that comes from outside: ids and free text."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

KEY_BYTES: Final = 4
MAX_ID_BYTES: Final = 128
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")

ANONYMOUS_PREFIX: Final = "anon:"
"""Begins the profile key of an anonymous id; no user id may begin with it."""
PLACEHOLDERS: Final = frozenset({"", "undefined", "null", "none", "(not set)", "nan", "\\n", "[object object]"})
"""What scripts and exports write where they have no id, in lower case."""


def clean_text(text: str) -> str:
    """`text` if it can be stored and sent as UTF-8.

    Raises
    ------
    ValueError : the text holds a lone surrogate
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds a lone surrogate, which is not valid Unicode text") from None
    return text


def clean_id(text: str, max_bytes: int = MAX_ID_BYTES) -> str:
    """`text` in normal form C, if it can serve as an id.

    Raises
    ------
    ValueError : empty, longer than `max_bytes` of UTF-8, or with control characters or lone surrogates
    """
    if text.isascii() and text.isprintable() and 0 < len(text) <= max_bytes:
        return text  # as nearly all ids are
    text = unicodedata.normalize("NFC", clean_text(text))
    if not text:
        raise ValueError("must not be empty")
    if len(text.encode()) > max_bytes:
        raise ValueError(f"must be at most {max_bytes} bytes of UTF-8")
    if _CONTROL.search(text):
        raise ValueError("must not hold control characters")
    return text


def clean_user_id(text: str) -> str:
    """`text` in normal form C, if it can serve as a user's id.

    Raises
    ------
    ValueError : as `clean_id`, and where it begins as the keys of anonymous ids do
    """
    text = clean_id(text)
    if text.startswith(ANONYMOUS_PREFIX):
        raise ValueError(f"must not begin with {ANONYMOUS_PREFIX!r}, which stands for anonymous ids: see anonymous_id")
    return text


def anonymous_key(anonymous_id: str) -> str:
    """The profile key of an anonymous id: one that no user id can form."""
    return ANONYMOUS_PREFIX + anonymous_id


def anonymous_id_of(key: str) -> str | None:
    """The anonymous id that a profile key stands for; None for a user's."""
    return key.removeprefix(ANONYMOUS_PREFIX) if key.startswith(ANONYMOUS_PREFIX) else None


def named(key: str) -> dict[str, str]:
    """Whom a profile key stands for, by the name of the field that says so in requests and answers."""
    anonymous_id = anonymous_id_of(key)
    return {"user_id": key} if anonymous_id is None else {"anonymous_id": anonymous_id}


def is_placeholder(text: str) -> bool:
    """Whether `text` is what scripts write where they have no id: one row for all of them would mix their people."""
    return text.strip().lower() in PLACEHOLDERS


def short_hash(text: str, n_bytes: int) -> bytes:
    """The first `n_bytes` bytes of the SHA-256 of `text`."""
    return hashlib.sha256(text.encode()).digest()[:n_bytes]


def item_key(item_id: str) -> bytes:
    """The 4 bytes that name an item in a cursor."""
    return short_hash(item_id, KEY_BYTES)


def event_key(event_id: str) -> bytes:
    """How a profile knows an event: 4 bytes."""
    return short_hash(event_id, KEY_BYTES)


def order_key(order_id: str) -> bytes:
    """How a profile knows the order that a purchase belongs to, so that it can be given back by it: 4 bytes."""
    return short_hash(order_id, KEY_BYTES)
