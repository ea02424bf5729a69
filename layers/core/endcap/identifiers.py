"""Rules for the text that comes from outside: ids and free text."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

ANONYMOUS_PREFIX: Final = "anon:"
KEY_BYTES: Final = 4
MAX_ID_BYTES: Final = 128
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")


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


def anonymous_key(anonymous_id: str) -> str:
    """What the profile of a shopper is stored under of whom nothing but an anonymous id is known."""
    return ANONYMOUS_PREFIX + anonymous_id


def short_hash(text: str, n_bytes: int) -> bytes:
    """The first `n_bytes` bytes of the SHA-256 of `text`."""
    return hashlib.sha256(text.encode()).digest()[:n_bytes]


def item_key(item_id: str) -> bytes:
    """The 4 bytes that name an item in a cursor."""
    return short_hash(item_id, KEY_BYTES)


def event_key(event_id: str) -> bytes:
    """How a profile knows an event: 4 bytes."""
    return short_hash(event_id, KEY_BYTES)
