"""The grammar: a query in, what it asks for out. Bilingual, without a model, in the vocabulary of a shop."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from endcap.understanding.facets import SAID, Facet, NoVocabulary, Vocabulary, facets, filter_of
from endcap.understanding.negation import Exclusion, exclusions
from endcap.understanding.numbers import pattern
from endcap.understanding.prices import Limits, limits
from endcap.understanding.sorting import Order, order_of
from endcap.understanding.wish import Condition, Reading, Understood

MAX_CHARS: Final = 200
MAX_FACETS: Final = 8
MAX_EXCLUDED: Final = 8
"""A longer query is a text, and is searched for as it is."""
_COMPARED: Final = pattern(r"(?P<dearer>dearer|pricier|more expensive|贵)|cheaper|less expensive|便宜")
_SUPERLATIVE: Final = pattern(r"最|first|从|由")
_WHOM: Final = pattern(
    r"\bfor (?:\w+ )?(?:mum|mom|mother|dad|father|wife|husband|girlfriend|boyfriend|son|daughter|sister|brother|kids?|"
    r"child(?:ren)?|men|women|boys?|girls?|bab(?:y|ies)|toddlers?|him|her|grandma|grandpa|friends?|teachers?|colleagues?)\b"
    r"|(?:送给?|给|适合)我?(?:[妈爸]{2}|[母父]亲|父母|老[婆公人师]|妻子|丈夫|[女男](?:朋友|[友儿生士])|儿[子童]|孩子|宝宝|小孩|长辈|朋友|同事|学生|奶奶|爷爷)"
)
_EDGES: Final = " \t,;:.!?()。、·-的"
_SMALL: Final = "and|but|or|please|with|that|which|is|are|costs?|priced?"
_LEADING: Final = pattern(
    rf"^(?:(?:i|{_SMALL}|the|any)\b\s*|(?:而且|并且|但是|但|还要|要|价格|价位|预算|想买个|"
    r"想买|我想要|我要)(?=.))+"
)
_TRAILING: Final = pattern(rf"(?: (?:{_SMALL}|price|the|any|for|at|in|that's)|(?:价格|价位|预算))+$")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A query taken apart, with places in `text`, the query in one width of characters."""

    text: str
    limits: tuple[Limits, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    facets: tuple[Facet, ...] = ()
    order: Order | None = None

    @property
    def lowest(self) -> float | None:
        """The highest of the lower limits."""
        return max((one.lowest for one in self.limits if one.lowest is not None), default=None)

    @property
    def highest(self) -> float | None:
        """The lowest of the upper limits."""
        return min((one.highest for one in self.limits if one.highest is not None), default=None)

    @property
    def excluded(self) -> tuple[str, ...]:
        """Words that no item may mention, each once."""
        return tuple(list(dict.fromkeys(word for one in self.exclusions for word in one.words))[:MAX_EXCLUDED])


def parse(query: str, vocabulary: Vocabulary | None = None, *, continued: bool = False) -> Parsed:
    """What a query says; see `understood`."""
    text = unicodedata.normalize("NFKC", query)
    if len(text) > MAX_CHARS:
        return Parsed(text)
    priced = limits(text)
    left = _without(text, priced)
    unwanted = exclusions(left, continued=continued)
    left = _without(left, unwanted)
    order = order_of(left)
    left = _without(left, () if order is None else (order,))
    return Parsed(
        text, tuple(priced), tuple(unwanted), tuple(facets(left, vocabulary or NoVocabulary())[:MAX_FACETS]), order
    )


def understood(
    query: str, vocabulary: Vocabulary, shown_prices: Sequence[float] = (), *, continued: bool = False
) -> Understood:
    """A query as conditions and as the words that are left.

    Parameters
    ----------
    shown_prices : of what the query may compare with ("cheaper"); without them the cheapest come first
    continued : whether it goes on with something that was said before
    """
    parsed = parse(query, vocabulary, continued=continued)
    conditions, known = filter_of(list(parsed.facets), vocabulary)
    readings: list[tuple[int, Reading]] = []
    spans: list[tuple[int, int]] = []

    def reads(start: int, end: int, meaning: str, *, gone: bool = True) -> None:
        readings.append((start, Reading(parsed.text[start:end].strip(_EDGES), meaning)))
        if gone:
            spans.append((start, end))

    order = parsed.order
    for limit in parsed.limits:
        reads(limit.start, limit.end, " AND ".join(one.filter for one in price_conditions(limit.lowest, limit.highest)))
    comparison = _compared(parsed, shown_prices)
    if comparison is not None:
        start, end, condition = comparison
        conditions.append(condition)
        reads(start, end, condition.filter)
        order = None
    for exclusion in parsed.exclusions:
        meaning = "not: " + ", ".join(exclusion.words) if exclusion.words else "not used"
        reads(exclusion.start, exclusion.end, meaning)
    if order is not None:
        reads(order.start, order.end, f"order: {order.sort}")
    brands = [facet.value for facet in known if facet.kind == "brand"]
    for facet in known:
        said = SAID.search(parsed.text[: facet.start]) if facet.kind == "brand" else None
        start = facet.start if said is None else said.start()
        reads(start, facet.end, f"{facet.kind}: {facet.value}", gone=facet.kind == "brand")
    if (whom := _WHOM.search(parsed.text)) is not None:
        reads(whom.start(), whom.end(), "for whom: searched for", gone=False)
    priced = ", ".join(parsed.text[limit.start : limit.end].strip(_EDGES) for limit in parsed.limits)
    conditions = [*price_conditions(parsed.lowest, parsed.highest, priced), *conditions]
    return Understood(
        search=(_search(parsed.text, spans) or " ".join(brands)) if spans else query,
        filter=" AND ".join(condition.filter for condition in conditions) or None,
        exclude=parsed.excluded,
        sort=None if order is None else order.sort,
        words=tuple(reading for _, reading in sorted(readings)),
        conditions=tuple(conditions),
    )


def price_conditions(lowest: float | None, highest: float | None, text: str = "") -> list[Condition]:
    """The conditions of two limits; `text` has said them."""
    found = [] if lowest is None else [Condition("price_from", f"price >= {lowest:.10g}", text)]
    return found if highest is None else [*found, Condition("price_to", f"price <= {highest:.10g}", text)]


def _compared(parsed: Parsed, shown_prices: Sequence[float]) -> tuple[int, int, Condition] | None:
    """Cheaper or dearer than what is shown, where something is."""
    order = parsed.order
    if order is None or not shown_prices or parsed.limits:
        return None
    said = parsed.text[order.start : order.end].strip(_EDGES)
    match = _COMPARED.search(said)
    if match is None or _SUPERLATIVE.search(said):
        return None
    if match["dearer"]:
        return order.start, order.end, Condition("price_from", f"price > {max(shown_prices):.10g}", said)
    return order.start, order.end, Condition("price_to", f"price < {min(shown_prices):.10g}", said)


def _without(text: str, spans: Iterable[Limits | Exclusion | Order]) -> str:
    """The text with what was read blotted out, every character where it was."""
    for one in spans:
        text = text[: one.start] + "\0" * (one.end - one.start) + text[one.end :]
    return text


def _search(text: str, spans: list[tuple[int, int]]) -> str:
    """The words that are left to be searched for."""
    signs = list(text)
    for start, end in spans:
        signs[start:end] = ["\0"] * (end - start)
    parts = [part.strip(_EDGES) for part in re.split(r"\0+|[,;。!?]", "".join(signs))]
    kept = [_TRAILING.sub("", _LEADING.sub("", part)).strip(_EDGES) for part in parts]
    return " ".join(part for part in kept if part)
