"""What a review says of the thing itself: its text without what judges, and without what it says of buying it.

"很好" or "great, fast delivery" is an opinion and no interest: read as an interest it would lead to whatever item's
text happens to lie near such words.
"""

from collections.abc import Mapping, Set
from functools import cache

from endcap.text.sentiment.aspects import mentions_of
from endcap.text.sentiment.lexicon import UNIT, Key, Kind, key_of, lengths_of, lines_of, normalize
from endcap.text.sentiment.opinions import OTHER, entries_of
from endcap.text.tokens import STOPWORDS

_JUDGES = frozenset({Kind.OPINION, Kind.NEGATE, Kind.BOOST, Kind.DUAL, Kind.AFTER, Kind.EXCESS})
_OF_THE_SHOP = frozenset({"price", "delivery", "service", "packaging", "authenticity"})
"""Aspects of how a thing was sold, which say nothing of what it is."""
_LEAST_CHARACTERS = 2  # of Chinese that name something; a single one is mostly left over from a phrase
_LEAST_LETTERS = 3


def subject_of(text: str) -> str:
    """The part of a review that is about the thing, in the review's own characters.

    Parameters
    ----------
    text : any string, English, Chinese (simplified or traditional) or both

    Returns
    -------
    the text without opinions, what strengthens or negates them, and words of price, delivery, service and the like;
    "" where nothing is left that names something. Never raises for a string; time grows linearly with the text
    """
    plain = normalize(text)
    spans = [match.span() for match in UNIT.finditer(plain)]
    units = [plain[start:end] for start, end in spans]
    kept, names = [True] * len(units), [False] * len(units)
    place = 0
    for entry, length, _ in entries_of(units):
        kept[place : place + length] = [entry.kind not in _JUDGES] * length
        names[place] = entry is OTHER
        place += length
    for mention in mentions_of(units):
        if mention.aspect in _OF_THE_SHOP:
            kept[mention.start : mention.end] = [False] * (mention.end - mention.start)
    if not _names_something(units, [name and keep for name, keep in zip(names, kept, strict=True)]):
        return ""
    # Where folding has changed the length, places of the folded text are not those of the text.
    source = text if len(text) == len(plain) else plain
    parts, end_before = [], 0
    for (_, end), keep in zip(spans, kept, strict=True):
        if keep:
            parts.append(source[end_before:end])
        elif parts and not parts[-1].endswith(" "):
            parts.append(" ")
        end_before = end
    return " ".join("".join(parts).split())


def _names_something(units: list[str], names: list[bool]) -> bool:
    """Whether a word that is left over names something; Chinese characters do so two at a time."""
    fillers, lengths = _fillers(), _lengths()
    run = place = 0
    while place < len(units):
        unit = units[place]
        filler = next((n for n in lengths.get(unit, ()) if tuple(units[place : place + n]) in fillers), 0)
        if filler == 1 and not unit.isascii():  # part of a word as often as a word
            place += 1
            continue
        if filler or not names[place] or not unit.isalpha():
            run, place = 0, place + max(1, filler)
            continue
        if unit.isascii():
            if len(unit) >= _LEAST_LETTERS and unit not in STOPWORDS:
                return True
            run = 0
        else:
            run += 1
            if run >= _LEAST_CHARACTERS:
                return True
        place += 1
    return False


@cache
def _fillers() -> Set[Key]:
    """The words of `fillers.txt`, as units."""
    found, separator = set[Key](), " "
    for line in lines_of("fillers.txt"):
        if line.startswith("["):
            separator = ", " if line == "[en]" else " "
            continue
        found |= {key_of(phrase) for phrase in line.rstrip(",").split(separator)}
    return found


@cache
def _lengths() -> Mapping[str, tuple[int, ...]]:
    return lengths_of(_fillers())
