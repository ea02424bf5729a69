"""Names of brands in a text: many are common words, too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from endcap.text.tokens import CJK, normalized
from endcap.understanding.facets import Facet

MAX_WORDS: Final = 4
MAX_CJK: Final = 10
OWN: Final = 0.5
"""Share of the titles with a word that must be the brand's own, for the word to mean the brand."""
_NO_BRAND: Final = frozenset(("generic", "unknown", "none", "other", "n/a", "no brand", "unbranded"))
_WORDS: Final = re.compile(rf"[^\s,;.!?()\0{CJK}]+")
_CJK_RUNS: Final = re.compile(rf"[\w{CJK}]*[{CJK}][\w{CJK}]*")
SAID: Final = re.compile(r"(?:\b(?:by|from|brand)\s+)$", re.IGNORECASE)


class BrandNames:
    """The brands of a shop, found in texts."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {normalized(name): name for name in names if normalized(name) not in _NO_BRAND}

    def within(self, text: str, counts: Callable[[str], tuple[int, int]]) -> list[Facet]:
        """The brands that a text names, the longest at each place.

        Parameters
        ----------
        counts : brand -> items whose titles mention it, and those of them that are of the brand
        """
        found: list[Facet] = []
        words = list(_WORDS.finditer(text))
        places = [
            (words[k].start(), words[k + n].end())
            for n in range(min(MAX_WORDS, len(words)) - 1, -1, -1)
            for k in range(len(words) - n)
        ]
        for run in _CJK_RUNS.finditer(text):
            span = range(run.start(), run.end())
            places += [(a, b) for a in span for b in range(min(a + MAX_CJK, run.end()), a + 1, -1)]
        for start, end in places:
            name = self._names.get(normalized(text[start:end]))
            if name is None or any(start < one.end and one.start < end for one in found):
                continue
            if self._meant(text, start, end, counts, name):
                found.append(Facet("brand", name, start, end))
        return found

    @staticmethod
    def _meant(text: str, start: int, end: int, counts: Callable[[str], tuple[int, int]], name: str) -> bool:
        if SAID.search(text[:start]):
            return True
        said, own = counts(name)
        if not said:
            return text[start:end] != text[start:end].lower()
        return own / said >= OWN
