"""What a review praises and what it complains about: its opinions, each given to the aspect that it speaks of.

An opinion belongs to the aspect whose word it is ("cheap", 合身), else to the one right behind it ("great quality",
很好的质量), else to the last one named before it in its clause, else to the next one. A clause that names nothing
continues the clause before, where that one said nothing about what it named (快递, 很快). Aspects joined by "and"
share what is said of them. What is only expected or claimed counts for none.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cache

from endcap.text.sentiment.lexicon import Key, Kind, key_of, lengths_of, lexicon, lines_of, units_of
from endcap.text.sentiment.opinions import UNREAL_WEIGHT, Opinion, Reading, read

ASPECTS = (
    "quality",
    "price",
    "delivery",
    "service",
    "fit",
    "comfort",
    "appearance",
    "smell",
    "taste",
    "durability",
    "packaging",
    "performance",
    "ease",
    "authenticity",
)
"""Every aspect; their order is that of their codes in stored profiles, so new ones are added at the end."""

_ALSO_NOUNS = frozenset({("fit",), ("support",)})
"""Words that the polarity lexicon takes for praise: "poor fit" is no mixed opinion."""
_JOINERS = frozenset({"and", "&", "or", "、", "和", "与", "及", "跟", "或"})
_ATTRIBUTIVE = "的"  # 很好的质量
_FILLERS = frozenset({"都", "也", "还", "the", "its", "a"})


class Mention:
    """An aspect named in a text, at the units `start` up to `end`."""

    __slots__ = ("aspect", "end", "opinions", "start")

    def __init__(self, aspect: str, start: int, end: int) -> None:
        self.aspect = aspect
        self.start = start
        self.end = end
        self.opinions: list[Opinion] = []


def review_aspects(text: str) -> dict[str, float]:
    """How favourable a review is about each aspect that it judges, in the order of `ASPECTS`.

    Parameters
    ----------
    text : any string, English, Chinese or both

    Returns
    -------
    aspect -> -1..1, on the scale of `review_polarity`; never raises for a string; time grows linearly with the text
    """
    units = units_of(text)
    mentions = mentions_of(units)
    if not mentions:
        return {}
    reading = read(units)
    _give(units, mentions, reading)
    opinions: dict[str, list[Opinion]] = {}
    for mention in mentions:
        opinions.setdefault(mention.aspect, []).extend(mention.opinions)
    return {name: _sum(opinions[name]) for name in ASPECTS if opinions.get(name)}


def _sum(opinions: Sequence[Opinion]) -> float:
    weight = math.sqrt(sum(o.weight**2 for o in opinions))
    return max(-1.0, min(1.0, sum(o.weight * o.score for o in opinions) / weight))


@cache
def aspect_words() -> Mapping[Key, str]:
    """The aspect that a word names, by its units."""
    found: dict[Key, str] = {}
    aspect, language = "", ""
    for line in lines_of("aspects.txt"):
        if line.startswith("["):
            aspect, language = line.strip("[]").split()
            continue
        for phrase in line.rstrip(",").split(", " if language == "en" else " "):
            found[key_of(phrase)] = aspect
    return found


@cache
def _lengths() -> Mapping[str, tuple[int, ...]]:
    return lengths_of(aspect_words())


def mentions_of(units: list[str]) -> list[Mention]:
    """The aspects that a text cut by `units_of` names, in reading order."""
    words, lengths = aspect_words(), _lengths()
    found = []
    place = 0
    while place < len(units):
        for length in lengths.get(units[place], ()):
            aspect = words.get(tuple(units[place : place + length]))
            if aspect is not None and place + length <= len(units):
                found.append(Mention(aspect, place, place + length))
                place += length
                break
        else:
            place += 1
    return found


def _give(units: list[str], mentions: list[Mention], reading: Reading) -> None:
    """Give each opinion to the mention that it speaks of."""
    by_clause: dict[int, list[Mention]] = {}
    for mention in mentions:
        by_clause.setdefault(bisect_right(reading.clauses, mention.start), []).append(mention)
    for opinion in reading.opinions:
        if opinion.weight <= UNREAL_WEIGHT:
            continue
        clause = bisect_right(reading.clauses, opinion.start)
        target = _spoken_of(units, by_clause.get(clause, []), opinion)
        if target is None:
            before = by_clause.get(clause - 1, [])
            same_sentence = bool(before) and _sentence(reading, before[-1].start) == _sentence(reading, opinion.start)
            # Only an open topic goes on: after "quality is great, love it" the love is for the whole.
            target = before[-1] if same_sentence and not before[-1].opinions else None
        if target is not None and not _is_name(units, opinion):
            target.opinions.append(opinion)
    for named in mentions:
        others = [o for o in named.opinions if not _same(named, o)]
        if others and tuple(units[named.start : named.end]) in _ALSO_NOUNS:
            named.opinions = others
    _share(units, by_clause)


def _is_name(units: list[str], opinion: Opinion) -> bool:
    """Whether a thing that is good to have was only named (质量), which judges nothing."""
    entry = lexicon().get(tuple(units[opinion.start : opinion.end]))
    return entry is not None and entry.kind is Kind.ASPECT and entry.value > 0


def _same(mention: Mention, opinion: Opinion) -> bool:
    return (mention.start, mention.end) == (opinion.start, opinion.end)


def _sentence(reading: Reading, place: int) -> int:
    return bisect_right(reading.sentences, place)


def _spoken_of(units: list[str], mentions: list[Mention], opinion: Opinion) -> Mention | None:
    place = bisect_right(mentions, opinion.start, key=lambda mention: mention.end)
    before = mentions[place - 1] if place else None
    after = mentions[place] if place < len(mentions) else None
    if after is not None and after.start < opinion.end:
        return after
    if after is None or before is None:
        return before or after
    gap = units[opinion.end : after.start]
    latin = units[opinion.start].isascii()
    if (latin and not gap) or gap == [_ATTRIBUTIVE]:
        return after
    joined = not _JOINERS.isdisjoint(units[before.end : opinion.start])
    return after if joined and _JOINERS.isdisjoint(gap) else before


def _share(units: list[str], by_clause: Mapping[int, list[Mention]]) -> None:
    """Aspects that nothing but a joining word parts share what is said of the last of them."""
    for mentions in by_clause.values():
        for mention, following in zip(mentions[-2::-1], mentions[:0:-1], strict=True):
            between = [unit for unit in units[mention.end : following.start] if unit not in _FILLERS]
            if not mention.opinions and between and _JOINERS.issuperset(between):
                mention.opinions.extend(following.opinions)
