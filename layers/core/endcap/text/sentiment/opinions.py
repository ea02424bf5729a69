"""Read a review entry by entry and collect its opinions, each with a score and a weight."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from endcap.text.sentiment.lexicon import Entry, Kind, lengths, lexicon, units_of

ENGLISH_REACH = 5  # words over which a negation or a factor waits for its opinion
CHINESE_REACH = 8  # the same in characters
NEGATED_FACTOR = 0.8  # "not good" is milder than "bad" ...
NEGATED_LIMIT = 0.5  # ... and "not excellent" is no worse than "not good"
SIZE_SCORE = 0.6  # 噪音小, 性价比高
EXCESS_SCORE = 0.5  # too small, 偏大
EXCESS_OTHER_SCORE = 0.3  # too flowery: excess of something the lexicon does not know
ASIDE_WEIGHT = 0.4  # weight of what a contrast or a concession sets aside
UNREAL_WEIGHT = 0.15  # weight of what was only expected, claimed or said of something else

OTHER = Entry(Kind.NEUTRAL)
BREAK = Entry(Kind.CLAUSE)
NEW_LINE = Entry(Kind.SENTENCE)


class Opinion:
    """One judgement found in the text, and the units that it was read from: `start` up to `end`.

    Plain, because `dataclasses` alone would cost half of the import time.
    """

    __slots__ = ("end", "score", "start", "weight")

    def __init__(self, score: float, weight: float, start: int, end: int) -> None:
        self.score = score
        self.weight = weight
        self.start = start
        self.end = end


class Reading:
    """A text read: its opinions in reading order, and the units at which its clauses and its sentences start."""

    __slots__ = ("clauses", "opinions", "sentences")

    def __init__(self, opinions: list[Opinion], clauses: list[int], sentences: list[int]) -> None:
        self.opinions = opinions
        self.clauses = clauses
        self.sentences = sentences


def read(units: list[str]) -> Reading:
    """Read a text cut by `units_of`."""
    reader = _Reader()
    for entry, length, latin in entries_of(units):
        reader.read(entry, length, latin)
    reader.end_sentence()
    return Reading(reader.opinions, reader.clauses, reader.sentences)


def opinions_in(text: str) -> list[Opinion]:
    """The opinions of a review, in reading order."""
    return read(units_of(text)).opinions


def entries_of(units: list[str]) -> Iterator[tuple[Entry, int, bool]]:
    """Yield the longest entry at each place, with its length in units and whether it is in Latin script."""
    place = 0
    while place < len(units):
        first = units[place]
        entry, length = _longest_at(units, place) or (_unlisted(first), 1)
        yield entry, length, first.isascii()
        place += length


def _longest_at(units: list[str], place: int) -> tuple[Entry, int] | None:
    """The longest listed entry at a place, and its length."""
    for candidate in lengths().get(units[place], ()):
        key = tuple(units[place : place + candidate])
        found = lexicon().get(key)
        if found is not None:
            return found, len(key)  # shorter than the candidate at the end of the text
    return None


def _unlisted(unit: str) -> Entry:
    """What a unit says that no entry begins with."""
    if unit.isspace():
        return NEW_LINE if "\n" in unit else BREAK
    return _by_base_form(unit) if unit.isascii() else OTHER


def _by_base_form(word: str) -> Entry:
    """The entry of an inflected English word whose base form is listed as an opinion."""
    if word.endswith("n't"):
        return lexicon()[("not",)]
    for suffix in ("ing", "ed", "es", "er", "ly", "s", "d"):
        stem = word.removesuffix(suffix)
        if len(stem) < 3 or stem == word:
            continue
        for base in _bases_of(stem):
            found = lexicon().get((base,))
            if found is not None and found.kind is Kind.OPINION:
                return found
    return OTHER


def _bases_of(stem: str) -> list[str]:
    """The words that a stem without its ending may come from: as it is, with an e, with one letter less, with a y."""
    bases = [stem, stem + "e"]
    if stem[-1] == stem[-2]:
        bases.append(stem[:-1])
    elif stem[-1] == "i":
        bases.append(stem[:-1] + "y")
    return bases


class _Reader:
    """The state of the clause and the sentence being read."""

    def __init__(self) -> None:
        self.opinions: list[Opinion] = []
        self.clauses, self.sentences = [0], [0]
        self.length, self.latin = 0, False  # of the entry being read
        self.span = self.dual_span = self.aspect_span = self.negation_span = (0, 0)
        self.sentence_start = 0  # index of the first opinion of this sentence
        self.previous_start = 0  # the same of the sentence before
        self.aside_end = 0  # opinions below this index were met by an earlier contrast
        self._start_clause()

    def _start_clause(self) -> None:
        self.clause_start = len(self.opinions)
        self.weight = 1.0
        self.boost = 1.0
        self.boost_reach = 0
        self.negation: Entry | None = None
        self.negation_boost = 1.0
        self.negation_reach = 0
        self.negation_met = False  # whether the negation found an opinion
        self.excess: Entry | None = None
        self.excess_reach = 0
        self.aspect: Entry | None = None
        self.aspect_boost = 1.0
        self.dual: Entry | None = None

    def read(self, entry: Entry, length: int, latin: bool) -> None:
        """Take the next entry; `length` is in units."""
        self.length, self.latin = length, latin
        self.span = (self.span[1], self.span[1] + length)
        if self.dual is not None:
            self._settle_dual(followed_by=entry.kind)
        rule = _RULES.get(entry.kind)
        if rule is not None:
            rule(self, entry)
        elif entry is OTHER and self.excess is not None and latin and self.excess_reach == 2:
            self._judge(-EXCESS_OTHER_SCORE)
        self._move_on(length)

    def _opinion(self, entry: Entry) -> None:
        self.aspect = None
        self._judge(entry.value)

    def _negate(self, entry: Entry) -> None:
        if self.negation_reach <= 0:
            self._settle_negation()  # an earlier one that found nothing is a complaint of its own
        self.negation_boost = self._take_boost()
        self.negation, self.negation_met, self.negation_span = entry, False, self.span
        self._reach_on()

    def _join(self, _: Entry) -> None:
        if self.negation_met:
            self._reach_on()

    def _reach_on(self) -> None:
        """Let the negation wait for an opinion after this entry."""
        self.negation_reach = self.length + (ENGLISH_REACH if self.latin else CHINESE_REACH)

    def _strengthen(self, entry: Entry) -> None:
        self.boost = min(2.0, self._take_boost() * entry.value)
        self.boost_reach = self.length + 3

    def _hold_dual(self, entry: Entry) -> None:
        self.dual, self.dual_span = entry, self.span

    def _exceed(self, entry: Entry) -> None:
        self.excess, self.excess_reach = entry, self.length + 2

    def _contrast(self, _: Entry) -> None:
        self._end_clause()
        self._set_aside()
        self.clauses.append(self.span[1])

    def _concede(self, _: Entry) -> None:
        self._settle()
        self.weight = min(self.weight, ASIDE_WEIGHT)

    def _unreal(self, _: Entry) -> None:
        self._settle()
        self.weight = UNREAL_WEIGHT

    def _break(self, _: Entry) -> None:
        self._end_clause()
        self.clauses.append(self.span[1])

    def _new_sentence(self, _: Entry) -> None:
        self.end_sentence()
        self.clauses.append(self.span[1])
        self.sentences.append(self.span[1])

    def end_sentence(self) -> None:
        """Close the sentence; a later contrast reaches back to it only while nothing newer was said."""
        self._end_clause()
        if len(self.opinions) > self.sentence_start:
            self.previous_start = self.sentence_start
            self.sentence_start = len(self.opinions)

    def _end_clause(self) -> None:
        self._settle()
        self._start_clause()

    def _settle(self) -> None:
        """Give what still waits in the clause its own score."""
        if self.dual is not None:
            self._settle_dual(followed_by=Kind.CLAUSE)
        self._settle_aspect()
        self._settle_negation()

    def _settle_aspect(self) -> None:
        if self.aspect is not None and self.aspect.value:
            self._add(self.aspect.value * self.aspect_boost, self.aspect_span)
        self.aspect = None

    def _settle_negation(self) -> None:
        if self.negation is not None and self.negation.value and not self.negation_met:
            self._add(self.negation.value, self.negation_span)
        self.negation = None

    def _settle_dual(self, followed_by: Kind) -> None:
        dual, self.dual = self.dual, None
        if dual is None:
            return
        if followed_by is Kind.OPINION:
            self.boost, self.boost_reach = min(2.0, self._take_boost() * dual.extra), 2
        else:
            self.aspect = None
            self._judge(dual.value, self.dual_span)

    def _judge(self, score: float, span: tuple[int, int] | None = None) -> None:
        """Add an opinion after the negation and the factors that wait for it."""
        boost = self._take_boost()
        if self.excess is not None:
            boost *= self.excess.value
            self.excess = None
        if self.negation is not None and self.negation_reach > 0:
            flipped = max(-NEGATED_LIMIT, min(NEGATED_LIMIT, -score * NEGATED_FACTOR))
            self._add(flipped * self.negation_boost, span)
            # One negation, one opinion: "not good and smells" - unless a joining word extends it.
            self.negation_met, self.negation_reach = True, 0
        else:
            self._add(score * boost, span)

    def _add(self, score: float, span: tuple[int, int] | None = None) -> None:
        start, end = span or self.span
        self.opinions.append(Opinion(max(-1.0, min(1.0, score)), self.weight, start, end))

    def _take_boost(self) -> float:
        boost = self.boost if self.boost_reach > 0 else 1.0
        self.boost, self.boost_reach = 1.0, 0
        return boost

    def _revise_last(self, entry: Entry) -> None:
        self._settle_aspect()  # "the smell is gone" speaks of a fault that has no score yet
        if len(self.opinions) == self.clause_start:
            return
        last = self.opinions[-1]
        if entry.value > 0.0 or last.score < 0.0:
            last.score = max(-1.0, min(1.0, last.score * entry.value))

    def _size(self, entry: Entry) -> None:
        if self.aspect is not None:
            sign = self.aspect.extra * entry.value
            self.aspect = None
            self.excess = None
            self._judge(SIZE_SCORE * sign)
        elif self.excess is not None:
            factor = min(1.0, self.excess.value)
            self.excess = None
            self._judge(-EXCESS_SCORE * factor)

    def _name_aspect(self, entry: Entry) -> None:
        if self.negation is not None and self.negation_reach > 0 and entry.value < 0.0:
            self._judge(entry.value)  # 没有噪音: a fault that is absent
            return
        self._settle_aspect()
        self.aspect, self.aspect_boost, self.aspect_span = entry, self._take_boost(), self.span

    def _set_aside(self) -> None:
        start = self.sentence_start if len(self.opinions) > self.sentence_start else self.previous_start
        for opinion in self.opinions[max(start, self.aside_end) :]:
            opinion.weight = min(opinion.weight, ASIDE_WEIGHT)
        self.aside_end = len(self.opinions)

    def _move_on(self, length: int) -> None:
        self.boost_reach -= length
        self.negation_reach -= length
        self.excess_reach -= length
        if self.excess_reach <= 0:
            self.excess = None


_RULES: Mapping[Kind, Callable[[_Reader, Entry], None]] = {
    Kind.OPINION: _Reader._opinion,
    Kind.NEGATE: _Reader._negate,
    Kind.BOOST: _Reader._strengthen,
    Kind.DUAL: _Reader._hold_dual,
    Kind.AFTER: _Reader._revise_last,
    Kind.CONTRAST: _Reader._contrast,
    Kind.CONCEDE: _Reader._concede,
    Kind.UNREAL: _Reader._unreal,
    Kind.EXCESS: _Reader._exceed,
    Kind.SIZE: _Reader._size,
    Kind.ASPECT: _Reader._name_aspect,
    Kind.JOIN: _Reader._join,
    Kind.CLAUSE: _Reader._break,
    Kind.SENTENCE: _Reader._new_sentence,
}
"""What an entry of each kind does; a neutral one does nothing."""
