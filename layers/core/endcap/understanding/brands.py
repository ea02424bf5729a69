"""Names of brands in a text: many are common words, too, and shoppers leave parts of them out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from endcap.text.tokens import CJK, normalized
from endcap.understanding.facets import SAID, Facet

MAX_WORDS: Final = 4
MAX_CJK: Final = 10
MAX_PARTS: Final = 4
"""Beginnings of names that are looked for in the titles, for one text."""
OWN: Final = 0.5
"""Share of the titles with a word that must be of brands with it, for the word to mean the brand."""
OWN_CAPITAL: Final = 0.4
"""The same of a whole name with a capital letter."""
OWN_PART: Final = 0.8
"""The same of the beginning of a name in small letters."""
_NO_BRAND: Final = frozenset(("generic", "unknown", "none", "other", "n/a", "no brand", "unbranded"))
_WORDS: Final = re.compile(rf"[^\s,;!?()\0{CJK}]+(?<!\.)")
_CJK_RUNS: Final = re.compile(rf"[\w{CJK}]*[{CJK}][\w{CJK}]*")
_NO_PART: Final = frozenset(
    ("the", "a", "an", "my", "new", "and", "for", "all", "one", "no", "it", "in", "best", "dr", "st", "le", "la")
)
_COMPANY: Final = re.compile(r"(?:制造商|旗舰店|官方|品牌|公司)+$")


def _key(name: str) -> str:
    """A name without the signs that are left out as often as not."""
    return re.sub(r"[.'’®]", "", normalized(name))


class BrandNames:
    """The brands of a shop, found in texts."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names: dict[str, list[str]] = {}
        for name in dict.fromkeys(names):
            if normalized(name) not in _NO_BRAND:
                self._names.setdefault(_key(name), []).append(name)
        self._parts: dict[str, list[str]] = {}
        for key in self._names:
            words, short = key.split(), _COMPANY.sub("", key)
            beginnings = {" ".join(words[:n]) for n in range(1, min(len(words), MAX_WORDS))} | {short}
            for part in beginnings - self._names.keys():
                if len(part) > 1 and part not in _NO_PART:
                    self._parts.setdefault(part, []).append(key)

    def within(self, text: str, counts: Callable[[str], tuple[int, int]]) -> list[Facet]:
        """The brands that a text names, the longest at each place, each as the shop or, in part, the text has it.

        Parameters
        ----------
        counts : name -> items whose titles mention it, and those of them whose brand does
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
        tried = 0
        for known in (self._names, self._parts):
            for start, end in places:
                key, whole = _key(text[start:end]), known is self._names
                if key not in known or any(start < one.end and one.start < end for one in found):
                    continue
                names = known[key]
                if not whole:
                    end, name = self._continued(text, start, end, key)
                    names = [name]
                    tried += 1
                    if tried > MAX_PARTS:
                        return found
                said = SAID.search(text[:start]) is not None
                meant = [name for name in names if said or self._meant(text[start:end], counts(name), name, whole)]
                if meant:
                    found.append(Facet("brand", max(meant, key=lambda name: counts(name)[0]), start, end))
        return found

    def _continued(self, text: str, start: int, end: int, key: str) -> tuple[int, str]:
        """The whole name, where its rest follows in another script, else what there is of it."""
        for rest in self._parts[key]:
            for full in self._names[rest]:
                if text[start : start + len(full)].casefold() == full.casefold():
                    return start + len(full), full
        return end, text[start:end]

    @staticmethod
    def _meant(text: str, counted: tuple[int, int], name: str, whole: bool) -> bool:
        said, own = counted
        capital = text != text.lower()
        if not said:
            return capital or re.match(f"[{CJK}]", name) is not None
        return own / said >= (OWN_CAPITAL if capital and whole else OWN if whole or capital else OWN_PART)
