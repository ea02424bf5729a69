"""Ids of lists, which say when the list was made: UUIDs of version 7 (RFC 9562), in hexadecimal digits."""

from __future__ import annotations

import re
import secrets
from typing import Final

_MADE: Final = re.compile(r"([0-9a-f]{12})7[0-9a-f]{3}[89ab][0-9a-f]{15}")


def new_list_id(now_ms: int) -> str:
    """An id for a list that is made now."""
    value = (now_ms << 80) | (0x7 << 76) | (secrets.randbits(12) << 64) | (0b10 << 62) | secrets.randbits(62)
    return f"{value:032x}"


def made_ms(list_id: str) -> int | None:
    """When a list was made; None where its id does not say it, as those of others and of before don't."""
    found = _MADE.fullmatch(list_id)
    return None if found is None else int(found[1], 16)
