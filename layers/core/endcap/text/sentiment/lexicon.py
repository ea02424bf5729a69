"""The lexicon: kinds of entry, how text is split into units, and the word lists beside this file.

The lists are read when first asked for: most functions never see a review.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import NamedTuple

# A Latin word, a number, a face, or one other character: a Chinese one, a pictogram, a piece of punctuation.
# White space after a Chinese character is kept, because many Chinese reviews use it as a comma.
UNIT = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+|:-?[()]|:-?d\b|<3|\^_\^|\n|(?<=[^\x00-\x7f])\s+|[^\s\-_\"*()']")
APOSTROPHES = str.maketrans("\u2018\u2019\u02bc`", "''''")


class Kind(IntEnum):
    """What an entry does to the opinions around it."""

    OPINION = 0  # value = its score
    NEGATE = 1  # value = the score it leaves when nothing was there to negate ("it won't turn on")
    BOOST = 2  # value = factor on the next opinion
    DUAL = 3  # a factor (extra) right before an opinion, an opinion (value) elsewhere: 好, pretty
    AFTER = 4  # value = factor on the opinion just read: 极了; below zero it takes a complaint back: solved
    CONTRAST = 5  # what came before counts less: but, 但是
    CONCEDE = 6  # the rest of this clause counts less: although, 虽然, apart from
    UNREAL = 7  # the rest of this clause is wished, claimed or about something else: expected, if, 以前
    EXCESS = 8  # turns a size into a complaint: too, 太, 偏; value = factor on a real opinion
    SIZE = 9  # value = +1 large or -1 small; an opinion only after an aspect or an excess
    ASPECT = 10  # value = score when named alone, extra = +1 where more is better, -1 where less is
    JOIN = 11  # a negation reaches across it: or, 、
    CLAUSE = 12
    SENTENCE = 13
    NEUTRAL = 14  # listed so that a shorter entry inside it is not read: 快递, 好像


class Entry(NamedTuple):
    """One thing the rules react to."""

    kind: Kind
    value: float = 0.0
    extra: float = 0.0


Key = tuple[str, ...]


def lines_of(name: str) -> list[str]:
    """The lines of a word list beside this file that are neither empty nor a remark."""
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@cache
def simplified() -> Mapping[int, str]:
    """Traditional characters and what they are written as, for `str.translate`."""
    return str.maketrans({pair[0]: pair[1] for line in lines_of("traditional.txt") for pair in line.split()})


def normalize(text: str) -> str:
    """Fold width, case and traditional characters, so that one spelling stands for all."""
    return unicodedata.normalize("NFKC", text).lower().translate(simplified()).translate(APOSTROPHES)


def units_of(text: str) -> list[str]:
    """Split text into the units that lexicon keys are made of."""
    return UNIT.findall(normalize(text))


def key_of(phrase: str) -> Key:
    """A listed phrase as units."""
    # Two shortcuts, together most of the list, keep the reading of it within a few milliseconds.
    if phrase.isalpha():
        return (phrase,) if phrase.isascii() else tuple(phrase.translate(simplified()))
    return tuple(UNIT.findall(phrase.translate(simplified())))


def read_lexicon(name: str) -> Iterator[tuple[Key, Entry]]:
    """Yield the entries of one word list: `[kind value extra]` headings over words, commas between English ones."""
    entry = Entry(Kind.NEUTRAL)
    separator = ", " if name == "english.txt" else " "
    for line in lines_of(name):
        if line.startswith("["):
            kind, *numbers = line.strip("[]").split()
            entry = Entry(Kind[kind.upper()], *map(float, numbers))
        else:
            for phrase in line.rstrip(",").split(separator):
                yield key_of(phrase), entry


@cache
def lexicon() -> Mapping[Key, Entry]:
    """Every entry by its units."""
    return {key: entry for name in ("english.txt", "chinese.txt", "signs.txt") for key, entry in read_lexicon(name)}


@cache
def lengths() -> Mapping[str, tuple[int, ...]]:
    """Per first unit, the lengths of the entries that start with it, longest first."""
    return lengths_of(lexicon())


def lengths_of(keys: Iterable[Key]) -> dict[str, tuple[int, ...]]:
    """Per first unit, the lengths of the keys that start with it, longest first."""
    found: dict[str, set[int]] = {}
    for key in keys:
        found.setdefault(key[0], set()).add(len(key))
    return {first: tuple(sorted(sizes, reverse=True)) for first, sizes in found.items()}
