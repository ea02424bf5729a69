"""Colours and materials that the attributes of a shop's items name, found in texts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from endcap.text.tokens import CJK, normalized
from endcap.understanding.facets import Facet
from endcap.understanding.kinds import Kind
from endcap.understanding.lexicon import COLOURS, MATERIALS

MAX_VALUES: Final = 5_000
MAX_WORDS: Final = 3
MAX_CJK: Final = 8
_PARTS: Final = re.compile(rf"[{CJK}]{{2,{MAX_CJK}}}(?![{CJK}:])|[a-z][a-z' -]{{2,24}}[a-z](?![\w:])")
_PURE: Final = re.compile("^(?:[纯全]|主要|进口|天然)+")
_NO_VALUE: Final = frozenset(("other", "mixed", "various", "none", "assorted", "natural", "standard", "with", "free"))
_WORDS: Final = re.compile(r"(?<![\w-])[a-z][a-z'-]+(?![\w-])", re.ASCII | re.IGNORECASE)
_CJK_RUNS: Final = re.compile(f"[{CJK}]+")
_KNOWN: Final = re.compile(f"{COLOURS}|{MATERIALS}")
"""What rules are written for, that know what else it means."""
_KIND_OF_THING: Final = re.compile("[枕被褥](?![头子芯套])")
MEASURED: Final = re.compile("重|参数|weight", re.IGNORECASE)
"""Attributes that say how much of something there is."""


class Values:
    """Words of attributes: of two signs and more where they are Chinese, of four letters and more else."""

    def __init__(self, values: Iterable[tuple[Kind, str]]) -> None:
        self._kinds: dict[str, Kind] = {}
        for kind, value in values:
            for part in _PARTS.findall(normalized(value)):
                word = _PURE.sub("", part)
                known = len(word) < 2 or word in _NO_VALUE or _KNOWN.fullmatch(word)
                if not known and len(self._kinds) < MAX_VALUES:
                    self._kinds.setdefault(word, kind)

    def within(self, text: str) -> list[Facet]:
        """What of them a text names beside other words, the longest at each place."""
        words = list(_WORDS.finditer(text))
        places = [
            (words[k].start(), words[k + n].end())
            for n in range(min(MAX_WORDS, len(words)) - 1, -1, -1)
            for k in range(len(words) - n)
        ]
        runs = [run.span() for run in _CJK_RUNS.finditer(text)] if self._kinds else []
        places += [(a, a + n) for n in range(MAX_CJK, 1, -1) for start, end in runs for a in range(start, end - n + 1)]
        found: list[Facet] = []
        for start, end in places:
            kind = self._kinds.get(text[start:end].lower())
            if kind is None or _KIND_OF_THING.match(text, end) or not (text[:start] + text[end:]).strip():
                continue
            if not any(start < one.end and one.start < end for one in found):
                found.append(Facet(kind, text[start:end], start, end))
        return found
