"""The one question whose answer would say most about which of the candidates is wanted, or which condition may go."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from endcap.arrays import F64, Mask
from endcap.conversation.constraints import DROP, FACETS, LIMITS, POOL, PRICE, Constraints, Option, Question
from endcap.conversation.values import filter_of, values_of
from endcap.filters.eligibility import sellable
from endcap.filters.evaluate import FilterContext
from endcap.index.index import ItemIndex
from endcap.messages.language import TEXTS, Language
from endcap.messages.texts import filled
from endcap.understanding.conditions import meeting

FEWEST: Final = 6
"""Candidates below which nothing is asked: they are soon looked through."""
OPTIONS: Final = 5
LEAST_GAIN: Final = 0.7
"""Bits that an answer must be worth; a halving is worth one."""
KNOWN: Final = 0.5
"""Share of the candidates, by weight, that must have the facet."""
_COMMON: Final = 0.9
"""A value that as many have tells nothing apart."""


class _Choice(NamedTuple):
    gain: float
    about: str
    options: tuple[Option, ...]


def question(index: ItemIndex, rows: Sequence[int], constraints: Constraints, language: Language) -> Question | None:
    """What to ask about candidates, best first; None where no answer would help.

    The facet with the highest information gain is asked about, where a candidate at rank r is the wanted one with a
    probability that falls like 1 / log2(r + 1). What is held or was asked is not asked again.
    """
    rows = rows[:POOL]
    if len(rows) < FEWEST:
        return None
    held = {one.about for one in constraints.conditions}
    weights = 1 / np.log2(np.arange(len(rows)) + 2.0)
    weights /= weights.sum()
    choices = [
        choice
        for about in FACETS
        if about not in held and about not in constraints.asked
        if (choice := _facet(index, rows, weights, about)) is not None
    ]
    if not held & set(LIMITS) and PRICE not in constraints.asked:
        choices += _prices(index, rows, weights, language)
    best = max(choices, default=None, key=lambda choice: choice.gain)
    if best is None or best.gain < LEAST_GAIN:
        return None
    return Question(best.about, TEXTS[language].questions[best.about], best.options)


def _facet(index: ItemIndex, rows: Sequence[int], weights: F64, about: str) -> _Choice | None:
    values = [values_of(index, row, about) for row in rows]
    if sum(weight for weight, own in zip(weights.tolist(), values, strict=True) if own) < KNOWN:
        return None
    shares: dict[str, float] = {}
    counts: dict[str, int] = {}
    for own, weight in zip(values, weights.tolist(), strict=True):
        for value in own:
            shares[value] = shares.get(value, 0.0) + weight
            counts[value] = counts.get(value, 0) + 1
    offered = sorted((v for v, share in shares.items() if share < _COMMON), key=lambda v: (-shares[v], v))[:OPTIONS]
    options = [Option(value, counts[value], filter_of(index, about, value)) for value in offered]
    if len(options) < 2:
        return None
    answers = [[option.text for option in options if option.text in own] for own in values]
    return _Choice(gain(answers, weights), about, tuple(options))


def gain(answers: Sequence[Collection[str]], weights: F64) -> float:
    """Bits that the answer says about the wanted one; of several that it has any may be said, of none nothing.

    That is the entropy of the answer, less what of it is left to chance once the wanted one is known.
    """
    told: dict[str, float] = {}
    chance = 0.0
    for own, weight in zip(answers, weights.tolist(), strict=True):
        chance += weight * math.log2(max(1, len(own)))
        for value in own or ("",):
            told[value] = told.get(value, 0.0) + weight / max(1, len(own))
    return -math.fsum(share * math.log2(share) for share in told.values() if share > 0) - chance


def _prices(index: ItemIndex, rows: Sequence[int], weights: F64, language: Language) -> list[_Choice]:
    """Three spans of the price that about as many of the candidates cost, in round numbers."""
    found = [index.document(row).get("price") for row in rows]
    prices = np.asarray([math.nan if price is None else float(price) for price in found])
    known = np.isfinite(prices)
    if weights[known].sum() < KNOWN:
        return []
    low, high = (_rounded(float(np.quantile(prices[known], share))) for share in (1 / 3, 2 / 3))
    if not 0 < low < high:
        return []
    words = TEXTS[language].price_spans
    spans: Mapping[str, tuple[str, Mask]] = {
        filled(words[0], most=f"{low:g}"): (f"price <= {low:.10g}", prices <= low),
        filled(words[1], least=f"{low:g}", most=f"{high:g}"): (
            f"price >= {low:.10g} AND price <= {high:.10g}",
            (prices > low) & (prices <= high),
        ),
        filled(words[2], least=f"{high:g}"): (f"price >= {high:.10g}", prices > high),
    }
    if not all(within.any() for _, within in spans.values()):
        return []
    options = tuple(Option(text, int(within.sum()), test) for text, (test, within) in spans.items())
    answers = [[text for text, (_, within) in spans.items() if within[k]] for k in range(len(rows))]
    return [_Choice(gain(answers, weights), PRICE, options)]


def _rounded(price: float) -> float:
    """In two digits."""
    return float(f"{price:.2g}")


def drop_question(
    index: ItemIndex, constraints: Constraints, about: FilterContext, language: Language
) -> Question | None:
    """Where nothing meets all that is asked for: which part of it may go, and how many items there are then.

    Raises
    ------
    ExpressionError : a condition can't be read or applied
    """
    on_sale = sellable(index, about.now_ms)
    without = index.positions(constraints.without_items)
    on_sale = on_sale & ~np.isin(np.arange(index.n_items), without)

    def left(those: Constraints) -> int:
        return int((meeting(index, those.wish, about) & on_sale).sum())

    options = []
    for condition in constraints.conditions:
        kept = tuple(one for one in constraints.conditions if one.text != condition.text)
        options.append(Option(condition.text, left(replace(constraints, conditions=kept)), condition.filter))
    for word in constraints.exclude:
        kept_words = tuple(one for one in constraints.exclude if one != word)
        options.append(Option(word, left(replace(constraints, exclude=kept_words)), None))
    offered = {option.text: option for option in options if option.items}
    best = sorted(offered.values(), key=lambda option: -option.items)[:OPTIONS]
    return Question(DROP, TEXTS[language].questions[DROP], tuple(best)) if best else None
