"""The languages that answers speak.

A new language is a file beside this one with its `Texts`, another with what is said otherwise to the shop's own people,
and its code in `Language`, `TEXTS` and `STAFF_TEXTS`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from endcap.messages import en, staff_en, staff_zh, zh
from endcap.messages.texts import Texts

Language = Literal["en", "zh"]

Audience = Literal["shopper", "staff"]
"""Whom sentences speak to: the shopper that they are about, or the shop's own people, of the shopper."""

TEXTS: Final[Mapping[Language, Texts]] = MappingProxyType({"en": en.TEXTS, "zh": zh.TEXTS})

STAFF_TEXTS: Final[Mapping[Language, Texts]] = MappingProxyType(
    {"en": staff_en.STAFF_TEXTS, "zh": staff_zh.STAFF_TEXTS}
)

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

DEFAULT_LANGUAGE: Final[Language] = "en"

AUDIENCES: Final[tuple[Audience, ...]] = get_args(Audience)

DEFAULT_AUDIENCE: Final[Audience] = "shopper"


def texts_for(language: Language, audience: Audience = DEFAULT_AUDIENCE) -> Texts:
    """What is said in a language to somebody."""
    return (STAFF_TEXTS if audience == "staff" else TEXTS)[language]


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
