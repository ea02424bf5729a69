"""The languages that answers speak.

A new language is a file beside this one with its `Texts`, and its code in `Language` and in `TEXTS`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from endcap.messages import en, zh
from endcap.messages.texts import Texts

Language = Literal["en", "zh"]

TEXTS: Final[Mapping[Language, Texts]] = MappingProxyType({"en": en.TEXTS, "zh": zh.TEXTS})

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

DEFAULT_LANGUAGE: Final[Language] = "en"


def language_of(document: Mapping[str, Any]) -> Language:
    """The language to speak about an item in: its own `language` where given, else by the script of its title."""
    stated = str(document.get("language") or "").lower()
    if stated:
        return next((code for code in LANGUAGES if stated.startswith(code)), DEFAULT_LANGUAGE)
    title = str(document.get("title") or "")
    scripts = ((code, TEXTS[code].script) for code in LANGUAGES)
    return next((code for code, script in scripts if script and script.search(title)), DEFAULT_LANGUAGE)


def language_of_most(documents: Iterable[Mapping[str, Any]]) -> Language | None:
    """The language to speak about several items in: that of most of them, of as many the one that comes first."""
    return next((language for language, _ in Counter(map(language_of, documents)).most_common(1)), None)
