"""Words of a text, for two kinds of script: tokens to search by, and the words that two texts have in common.

Latin and the like: words of letters and digits, lower-cased. Chinese, Japanese and Korean don't separate words: their
tokens are the bigrams of each run of characters, and what two texts have in common are the longest runs that stand in
both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Set
from dataclasses import dataclass
from typing import Final

CJK: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_RUNS: Final = re.compile(rf"[{CJK}]+|[^\W_{CJK}]+")
_IS_CJK: Final = re.compile(rf"[{CJK}]")
_PLAIN_RUNS: Final = re.compile(r"[a-z0-9]+")
"""What `_RUNS` finds in lower-case ASCII, in half of the time."""

MAX_PHRASE: Final = 8
"""Characters of a Chinese phrase."""
_STOPWORDS: Final = """
a about all also an and any are as at be been but by can do each every for from had has have he her his how i if in into
is it its just like made make may me more most my no not of off on one only or other our out over own per she so some
such than that the their them then these they this those to too two up us use used very was we were what when which who
will with you your
"""
STOPWORDS: Final = frozenset(_STOPWORDS.split())
"""English words that say nothing about an item."""
_EDGES: Final = "的了是在和与及或也都很就而"
"""Chinese characters at whose border a phrase ends: grammar, no content."""


def has_cjk(text: str) -> bool:
    """Whether a text has characters that are written without spaces between words."""
    return bool(_IS_CJK.search(text))


def normalized(text: str) -> str:
    """The form that words are compared in: one width, lower case."""
    return unicodedata.normalize("NFKC", text).lower()


def tokens_of(text: str) -> list[str]:
    """Distinct tokens of a text, in the order of their first appearance."""
    tokens: dict[str, None] = {}
    for run in _RUNS.findall(normalized(text)):
        if len(run) > 1 and _IS_CJK.match(run):
            tokens.update(dict.fromkeys(run[k : k + 2] for k in range(len(run) - 1)))
        else:
            tokens[run] = None
    return list(tokens)


@dataclass(frozen=True, slots=True)
class Wording:
    """A text as the words that can be compared: words of alphabets, and runs of characters without spaces."""

    words: tuple[str, ...]
    runs: tuple[str, ...]
    known: frozenset[str] = frozenset()
    """The words, to look one up."""

    @classmethod
    def of(cls, text: str) -> Wording:
        """The wording of a text; English words that say nothing are left out."""
        if text.isascii():
            found, runs = dict.fromkeys(_PLAIN_RUNS.findall(text.lower())), dict[str, None]()
        else:
            found = dict.fromkeys(_RUNS.findall(normalized(text)))
            runs = dict.fromkeys([run for run in found if _IS_CJK.match(run)])
        words = tuple([word for word in found if len(word) > 1 and word not in STOPWORDS and word not in runs])
        return cls(words, tuple(runs), frozenset(words))


def common_words(wording: Wording, other: Wording, *, cut: bool = True) -> tuple[str, ...]:
    """Words and phrases that stand in both, each once, in the order in which they stand in the first.

    Parameters
    ----------
    cut : runs longer than `MAX_PHRASE` are cut to it, else left out, as they are copied sentences
    """
    found = dict.fromkeys(word for word in wording.words if word in other.known)
    if not wording.runs:
        return tuple(found)
    text = "\n".join(other.runs)
    if text:
        pairs = {text[k : k + 2] for k in range(len(text) - 1)}
        for run in wording.runs:
            phrases = _common_runs(run, text, pairs)
            found.update(dict.fromkeys(p[:MAX_PHRASE] for p in phrases if cut or len(p) <= MAX_PHRASE))
    return tuple(found)


def _common_runs(run: str, text: str, pairs: Set[str]) -> list[str]:
    """The longest common runs; `pairs` of the text's characters spare a search through it at most places."""
    phrases = []
    start = 0
    while start < len(run) - 1:
        end = start + 2
        if run[start:end] not in pairs:
            start += 1
            continue
        while end < len(run) and run[start : end + 1] in text:
            end += 1
        phrase = run[start:end].strip(_EDGES)
        if len(phrase) > 1:
            phrases.append(phrase)
        start = end
    return phrases
