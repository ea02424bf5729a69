"""Contexts that shoppers come in: names and spellings, the same in the properties of events and in requests."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

CONTEXT_NAMES: Final = ("device", "country", "referrer")
"""What is counted unless a rebuild is told otherwise."""
PAGE_NAMES: Final = frozenset({"category", "brand"})
"""What a page is about: an affinity that a request states, and no context to count demand in."""
MAX_NAMES: Final = 8
MAX_VALUE_CHARS: Final = 64


def context_value(value: object) -> str:
    """The one spelling of a value: without case and outer spaces, of a web address the host; "" for no value."""
    text = str(value).strip().casefold()
    if text.startswith(("http://", "https://")):
        try:
            text = (urlsplit(text).hostname or "").removeprefix("www.")
        except ValueError:
            return ""
    return text if len(text) <= MAX_VALUE_CHARS else ""
