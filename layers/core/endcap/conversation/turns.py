"""A turn of a conversation followed: what held before, and what the shopper says now, as what holds from here on."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from endcap.conversation.constraints import (
    DROP,
    FACETS,
    LIMITS,
    MAX_CONDITIONS,
    MAX_EXCLUDED,
    MAX_ITEMS,
    NOT,
    PRICE,
    Constraints,
    Turn,
)
from endcap.conversation.critiques import ANY, OPPOSITES, Critique, critiques
from endcap.conversation.subject import joined, without_words, worded
from endcap.conversation.values import condition_of, main_category, values_of
from endcap.filters.parser import MAX_CHARS
from endcap.index.index import ItemIndex
from endcap.understanding.facets import NoVocabulary, facets
from endcap.understanding.grammar import understood
from endcap.understanding.shop import ShopVocabulary
from endcap.understanding.wish import Condition, Reading, Understood

_EDGES: Final = " ,;.!?。的"
_NUMBER: Final = re.compile(r"^price\s*[<>]=?\s*(\d+(?:\.\d+)?)$")


def followed(index: ItemIndex, before: Constraints, turns: Sequence[Turn]) -> tuple[Constraints, tuple[Reading, ...]]:
    """What holds after some turns, and what their words were taken for."""
    readings: list[Reading] = []
    for turn in turns:
        step = _Step(index, before, turn, readings)
        before = step.constraints()
    return before, tuple(readings)


@dataclass
class _Step:
    index: ItemIndex
    before: Constraints
    turn: Turn
    readings: list[Reading]

    def constraints(self) -> Constraints:
        text = unicodedata.normalize("NFKC", self.turn.text).strip()
        chosen = self._chosen(text)
        if chosen is not None:
            return chosen
        after, left = self.before, text
        for critique in critiques(text):
            after = self._criticised(after, critique, text[critique.start : critique.end])
            left = left[: critique.start] + " " * (critique.end - critique.start) + left[critique.end :]
        left = re.sub(r"\s+", " ", left).strip(_EDGES)
        return bounded(after if not left else self._told(after, left))

    def _chosen(self, text: str) -> Constraints | None:
        """An answer to what was asked last; None where the turn is none."""
        about = self.before.asked[-1] if self.before.asked else None
        if about is None or not text:
            return None
        if ANY.fullmatch(text):
            self._reads(text, f"{about}: any")
            return self.before
        if about == DROP:
            return self._dropped(text)
        if about == PRICE:
            return None  # a limit like any other
        test = condition_of(self.index, about, text)
        if test is None:
            return None
        self._reads(text, f"{about}: {text}")
        return _with(self.before, Condition(about, test, text))

    def _dropped(self, text: str) -> Constraints | None:
        wanted = text.casefold()
        kept = tuple(one for one in self.before.conditions if one.text.casefold() != wanted)
        exclude = tuple(word for word in self.before.exclude if word.casefold() != wanted)
        if len(kept) == len(self.before.conditions) and len(exclude) == len(self.before.exclude):
            return None
        self._reads(text, "no longer asked for")
        return replace(self.before, conditions=kept, exclude=exclude)

    def _criticised(self, after: Constraints, critique: Critique, text: str) -> Constraints:
        match critique.deed:
            case "anew":
                self._reads(text, "anew")
                return Constraints(shown=after.shown)
            case "others":
                self._reads(text, "others than shown")
                return replace(after, without_items=_last([*after.without_items, *after.shown], MAX_ITEMS))
            case "reject":
                items = self.turn.items or (after.shown if critique.word else after.shown[:1])
                self._reads(text, f"left out: {', '.join(items)}")
                return replace(after, without_items=_last([*after.without_items, *items], MAX_ITEMS))
            case "more" | "less":
                return self._degree(after, critique, text)
            case "any":
                self._reads(text, f"{critique.about}: any")
                return _opened(after, critique.about)
            case _:
                return self._facet(after, critique, text)

    def _degree(self, after: Constraints, critique: Critique, text: str) -> Constraints:
        self._reads(text, f"{critique.deed}: {critique.word}")
        if critique.deed == "more":
            search = without_words(after.search, [OPPOSITES.get(critique.word, "")])
            known = critique.word in search.casefold()
            return replace(after, search=search if known else worded(critique.word, search))
        search = without_words(after.search, [critique.word])
        if search != after.search:
            return replace(after, search=search)
        return replace(after, exclude=_last([*after.exclude, critique.word], MAX_EXCLUDED))

    def _facet(self, after: Constraints, critique: Critique, text: str) -> Constraints:
        """What is shown has a brand, a colour: another one is wanted, or the same."""
        about, wanted = critique.about, critique.deed == "same"
        found = [(value, test) for value in self._values(about) if (test := condition_of(self.index, about, value))]
        if not found:
            self._reads(text, f"{about}: not known of what was shown")
            return after
        values = " / ".join(value for value, _ in found)
        self._reads(text, f"{about}: {values}" if wanted else f"not {about}: {values}")
        tests = [test for _, test in found]
        whole = tests[0] if len(tests) == 1 else f"({' OR '.join(tests)})"
        if wanted:
            return _with(after, Condition(about, whole, values))
        after = _without_facet(after, about)
        return _with(after, Condition(NOT + about, f"NOT {whole}", text.strip()))

    def _values(self, about: str) -> list[str]:
        rows = [self.index.position(item_id) for item_id in (self.turn.items or self.before.shown[:1])]
        if about == "category":
            names = [main_category(self.index, row) for row in rows if row is not None]
            return list(dict.fromkeys(name for name in names if name))
        return list(dict.fromkeys(v for row in rows if row is not None for v in values_of(self.index, row, about)))

    def _told(self, after: Constraints, text: str) -> Constraints:
        """What the grammar reads in a turn, over what held before."""
        going_on = bool(after.search or after.conditions)
        wish = understood(text, ShopVocabulary(self.index), self._compared(after), continued=going_on)
        self.readings.extend(wish.words)
        named = [value for one in wish.conditions if one.about in FACETS for value in one.text.split(" / ")]
        words = without_words(wish.search, named)
        search, anew = joined(self.index, after.search, words)
        if anew:
            if after.search:
                self._reads(words, "something else")
            after = Constraints(shown=after.shown)
        after = replace(after, search=search, sort=wish.sort or after.sort)
        for condition in wish.conditions:
            after = _with(after, condition)
        return self._with_exclusions(after, wish, named)

    @staticmethod
    def _with_exclusions(after: Constraints, wish: Understood, named: Sequence[str]) -> Constraints:
        wanted = {value.casefold() for value in named}
        exclude = [word for word in (*after.exclude, *wish.exclude) if word.casefold() not in wanted]
        unwanted = {word.casefold() for word in wish.exclude}
        kept = tuple(c for c in after.conditions if c.about not in FACETS or c.text.casefold() not in unwanted)
        search = without_words(after.search, wish.exclude)
        return replace(after, search=search, exclude=_last(exclude, MAX_EXCLUDED), conditions=kept)

    def _compared(self, after: Constraints) -> list[float]:
        """What "cheaper" compares with: the items that the turn is about, else the middle of what was shown."""
        rows = self.index.positions(self.turn.items or after.shown).tolist()
        prices = [self.index.document(row).get("price") for row in rows]
        known = [float(price) for price in prices if price is not None]
        return known if self.turn.items or not known else [median(known)]

    def _reads(self, text: str, meaning: str) -> None:
        self.readings.append(Reading(text.strip(), meaning))


def _with(after: Constraints, new: Condition) -> Constraints:
    """With one condition more, in the place of what it takes back."""
    kept = [one for one in after.conditions if one != new and not _taken_back(one, new)]
    return replace(after, conditions=(*kept, new))


def _without_facet(after: Constraints, about: str) -> Constraints:
    return replace(after, conditions=tuple(one for one in after.conditions if one.about != about))


def _opened(after: Constraints, about: str) -> Constraints:
    """Without conditions on a facet or the price, which is not asked about any more either."""
    gone = LIMITS if about == PRICE else (about, NOT + about)
    kept = tuple(one for one in after.conditions if one.about not in gone)
    named = {word: {facet.kind for facet in facets(word, NoVocabulary())} for word in after.exclude}
    exclude = tuple(word for word, kinds in named.items() if about not in kinds)
    sort = None if about == PRICE and after.sort in ("price_asc", "price_desc") else after.sort
    asked = after.asked if about in after.asked else (about, *after.asked)
    return replace(after, conditions=kept, exclude=exclude, sort=sort, asked=asked)


def _taken_back(old: Condition, new: Condition) -> bool:
    if new.about.startswith(NOT):
        return False
    if new.about in LIMITS and old.about in LIMITS:
        return old.about == new.about or _contradict(old, new)
    return old.about == new.about or (old.about == NOT + new.about and new.filter in old.filter)


def _contradict(one: Condition, other: Condition) -> bool:
    """Whether no price is within both limits."""
    low, high = (one, other) if one.about == LIMITS[0] else (other, one)
    least, most = _NUMBER.match(low.filter), _NUMBER.match(high.filter)
    if least is None or most is None:
        return False
    strict = "=" not in low.filter or "=" not in high.filter
    lowest, highest = float(least[1]), float(most[1])
    return lowest > highest or (strict and lowest == highest)


def bounded(after: Constraints) -> Constraints:
    """With no more conditions than one filter can hold: the oldest go first, and before others what is not wanted."""
    while len(after.conditions) > MAX_CONDITIONS or len(after.wish.filter or "") > MAX_CHARS:
        unwanted = [one for one in after.conditions if one.about.startswith(NOT)]
        gone = unwanted[0] if unwanted else after.conditions[0]
        after = replace(after, conditions=tuple(one for one in after.conditions if one is not gone))
    return after


def _last(values: Iterable[str], most: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))[-most:]
