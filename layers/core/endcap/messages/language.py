"""The languages that answers speak."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

Language = Literal["en", "zh"]

LANGUAGES: Final = ("en", "zh")

_HAN: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")


def language_of(document: Mapping[str, Any]) -> Language:
    """The language to speak about an item in: its own `language` where given, else by the script of its title."""
    stated = str(document.get("language") or "")
    if stated:
        return "zh" if stated.lower().startswith("zh") else "en"
    return "zh" if _HAN.search(str(document.get("title") or "")) else "en"
