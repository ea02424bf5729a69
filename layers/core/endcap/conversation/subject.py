"""The words that are searched for, from turn to turn: whether new ones say more of the same, or are something else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import numpy as np

from endcap.arrays import Mask
from endcap.index.index import ItemIndex
from endcap.ranking.terms.query import lexical_scores
from endcap.text.tokens import CJK

MAX_SEARCH: Final = 300
MAX_WORDS: Final = 6
_ALL: Final = 0.999
"""From which share of the words on an item has all of them, but for rounding."""
_CJK: Final = re.compile(f"[{CJK}]")
_FILLER: Final = (
    r"(?:ok(?:ay)?|hi|hello|hey|yes|no|well|so|then|now|please|thanks?(?:\s+you)?|and|or|but|also|maybe|i|i'?m|i'?d|we|me|us|you|can|could|"
    r"would|do|have|got|show|give|find|want|need|like|looking|look|search(?:ing)?|for|let'?s|see|something|anything|some|any|a|an|the|ones?|it|this|"
    r"that|these|those|them|to|of|buy|get|is|are|there|my|what|about|how|instead|rather|actually)"
)
_LEADING: Final = re.compile(rf"^(?:{_FILLER}\b[\s,]*)+", re.IGNORECASE)
_TRAILING: Final = re.compile(
    r"(?:[\s,]+(?:please|thanks?(?:\s+you)?|instead|rather|ones?|though|then|too|now|of|in|and|or|but|with))+$",
    re.IGNORECASE,
)
_ZH_LEADING: Final = re.compile(
    r"^(?:请|麻烦|帮我|给我|我|想要|想买|想找|想|要|买|找|看看|看|有没有|有|来|推荐|一下|一个|一些|个|些|好的|好|嗯|那|那么|再|还|也|换成|改成|改为|换|的|,|,)+(?=.)"
)
_ZH_TRAILING: Final = re.compile(r"(?:吧|呢|吗|啊|呀|哦|谢谢|可以吗|的|,)+$")
_MORE_OF_IT: Final = re.compile(
    r"^\s*(?:(?:and|but|also|maybe|preferably|something|anything|ones?)\s+)*"
    r"(?P<begins>(?:with|for|in|that|which|made|as|from|suitable|good)\b|带|有|给|送|适合|最好|还要|而且|并且|能|可以)",
    re.IGNORECASE,
)
_INSTEAD: Final = re.compile(r"\b(?:instead|rather|actually)\b|换成|改成|改为|还是", re.IGNORECASE)
_EDGES: Final = " \t,;:.!?。,、·-"


def joined(index: ItemIndex, before: str, said: str) -> tuple[str, bool]:
    """The words to search for after a turn, and whether they are about something else than before.

    New words say more of the same where they begin like that ("with", "for", 适合), where an item of the shop has them
    and any of those before in its title, or where none has them at all; else they are something else.
    """
    words = bare(said)
    if not words or words.casefold() in before.casefold():
        return before, False
    if not before:
        return words, False
    more = _MORE_OF_IT.match(said)
    both = words if more is None else said[more.start("begins") :].strip(_EDGES)
    together = f"{before} {both}"
    if _INSTEAD.search(said) or len(together) > MAX_SEARCH:
        return words, True
    if more is not None:
        return together, False
    new = _having(index, words, every=True)
    if not new.any() or (new & _having(index, before, every=False)).any():
        return (f"{words} {before}" if _CJK.search(words) is None else together), False
    return words, True


def bare(said: str) -> str:
    """The words of a turn without what only carries them."""
    words = _LEADING.sub("", said.strip(_EDGES))
    words = _ZH_LEADING.sub("", words)
    words = _ZH_TRAILING.sub("", _TRAILING.sub("", words)).strip(_EDGES)
    return "" if re.fullmatch(_FILLER, words, re.IGNORECASE) else words


def without_words(search: str, words: Iterable[str]) -> str:
    """A search without some words, each whole."""
    for word in words:
        if not word:
            continue
        pattern = re.escape(word) if _CJK.search(word) else rf"(?<!\w){re.escape(word)}(?!\w)"
        search = re.sub(pattern, " ", search, flags=re.IGNORECASE)
    return re.sub(r"\s+", " ", _TRAILING.sub("", search.strip(_EDGES))).strip(_EDGES + "的")


def worded(word: str, search: str) -> str:
    """A search with a word more, where such words stand in its language."""
    return f"{word} {search}".strip()


def _having(index: ItemIndex, words: str, *, every: bool) -> Mask:
    """Items that have every one of some words in title or brand, in singular or plural, or any."""
    parts = [part for part in re.split(r"[\s,;、,]+", words) if part and not re.fullmatch(_FILLER, part, re.IGNORECASE)]
    masks = [
        np.logical_or.reduce([lexical_scores(index, form) >= _ALL for form in _forms(part)])
        for part in parts[:MAX_WORDS]
    ]
    if not masks:
        return np.zeros(index.n_items, dtype=np.bool_)
    return np.asarray((np.logical_and if every else np.logical_or).reduce(masks), dtype=np.bool_)


def _forms(word: str) -> tuple[str, ...]:
    """A word in singular and plural, as far as a final s tells."""
    if not word.isascii() or not word.isalpha():
        return (word,)
    return (word, word[:-1]) if word.endswith("s") and len(word) > 3 else (word, word + "s")
