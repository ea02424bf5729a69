"""The score: a sum of terms times coefficients (weight / scale) and nothing else.

So each answer can be taken apart exactly. Terms that a snapshot's `weights.json` does not mention have default weights,
and the snapshot's natural scales. What a request needs of them is worked out when it is asked for: a rough total over
the whole index, and the exact terms of the few items that can be shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Final

import numpy as np

from endcap.arrays import F32, F64, I64, Mask
from endcap.index.index import ItemIndex
from endcap.ranking.features import RankingSettings, UserFeatures
from endcap.ranking.terms.inputs import Query
from endcap.ranking.terms.registry import REGISTRY, STATED_WEIGHT, TERMS
from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.values import Column, Values

_ROUNDING: Final = 1e-5
"""Of sums of single precision, with room to spare."""


class Scores:
    """The scores of one request.

    Parameters
    ----------
    factors : float64 (len(TERMS),), what each term counts for; those with 0 are never worked out
    """

    def __init__(self, context: ScoringContext, factors: F64) -> None:
        self.context, self.factors = context, factors
        self.index = context.index
        self._worked_out: tuple[I64, F64] = np.empty(0, dtype=np.int64), np.zeros((len(TERMS), 0))

    @cached_property
    def _counting(self) -> list[tuple[int, Values]]:
        """The terms that count for something here, by their row."""
        found = [(row, term.values(self.context)) for row, term in enumerate(REGISTRY) if self.factors[row]]
        return [(row, values) for row, values in found if values is not None]

    @cached_property
    def rough(self) -> tuple[F32, float]:
        """A total for every item, float32 (n_items,), and by how much at most it may be off."""
        lasting = {row: v for row, v in self._counting if isinstance(v, Column) and v.lasting}
        total = self._lasting(lasting).copy()
        error = 0.0
        for row, values in self._counting:
            if row not in lasting:
                error += abs(self.factors[row]) * values.add_to(total, np.float32(self.factors[row]))
        return total, float(error)

    def _lasting(self, columns: Mapping[int, Column]) -> F32:
        """The part of the total that is the same for many requests."""
        key = ("lasting", tuple((row, float(self.factors[row]), float(c.scale)) for row, c in columns.items()))
        kept = self.index.kept.get(key)
        if kept is None:
            kept = np.zeros(self.index.n_items, dtype=np.float32)
            for row, column in columns.items():
                column.add_to(kept, np.float32(self.factors[row]))
            self.index.keep(key, kept)
        return kept

    def contributions(self, positions: I64) -> F64:
        """Float64 (len(TERMS), k): what each term adds to the score of each position."""
        pool, known = self._worked_out
        if len(pool):  # those that can be shown were among the candidates
            at = np.minimum(np.searchsorted(pool, positions), len(pool) - 1)
            if (pool[at] == positions).all():
                return known[:, at]
        shares = np.zeros((len(TERMS), len(positions)))
        for row, values in self._counting:
            shares[row] = values.at(positions).astype(np.float64) * self.factors[row]
        if len(positions) and (np.diff(positions) > 0).all():
            self._worked_out = positions, shares
        return shares

    def at(self, positions: I64) -> F64:
        """Float64 (k,): the score of each position, the terms added up in their order."""
        return total_of(self.contributions(positions))

    def least_certain(self, rough: float) -> float:
        """The least that the score of an item with this rough total can be."""
        return rough - self.rough[1] - _ROUNDING * max(1.0, abs(rough))


def total_of(shares: F64) -> F64:
    """The sums of contributions, float64 (k,), in the order of the terms: the size of an answer changes none."""
    total = np.zeros(shares.shape[1])
    for row in shares:
        total += row
    return total


def term_scores(
    index: ItemIndex,
    features: UserFeatures,
    settings: RankingSettings | None = None,
    query: Query | None = None,
    user_vector: F32 | None = None,
    wanted: Mask | None = None,
) -> F32:
    """Every term for every item, before weights and scales: what a rebuild tunes by.

    Parameters
    ----------
    settings : the snapshot's own when None
    user_vector : float32 (d_item,), of `endcap.ranking.terms.similarity.user_vector_of`
    wanted : bool (len(TERMS),), terms that are worked out, the others are 0; all of them when None

    Returns
    -------
    float32 (len(TERMS), n_items)
    """
    settings = settings or RankingSettings.of(index.snapshot.weights.settings)
    return every_term(
        ScoringContext(index=index, features=features, settings=settings, query=query, encode=lambda: user_vector),
        wanted,
    )


def every_term(context: ScoringContext, wanted: Mask | None = None) -> F32:
    """Every term of a request for every item, float32 (len(TERMS), n_items); see `term_scores`."""
    terms = np.zeros((len(TERMS), context.index.n_items), dtype=np.float32)
    for row, term in enumerate(REGISTRY):
        values = term.values(context) if wanted is None or wanted[row] else None
        if values is not None:
            terms[row] = values.everywhere()
    return terms


def coefficients(
    index: ItemIndex,
    settings: RankingSettings,
    features: UserFeatures,
    query: Query | None = None,
    overrides: Mapping[str, float] | None = None,
    related: bool = False,
) -> F64:
    """What each term counts for in this request: float64 (len(TERMS),), weight / scale.

    With a query or given items, relevance comes first: the other terms keep `settings.query_share`. A shopper of whom
    nothing is known gets what is popular, in the context stated, whatever the weights for known shoppers are.

    Parameters
    ----------
    overrides : weights of a scenario, term -> weight; they come last
    related : whether the list is to go with given items
    """
    stored, natural = index.snapshot.weights.terms, index.tables.scales
    asked = query is not None or related
    unknown = not asked and not (features.weights.any() or features.text_weights.any())
    only_dislikes = not asked and not ((features.weights > 0).any() or (features.text_weights > 0).any())
    factors = []
    for term in REGISTRY:
        entry = stored.get(term.name)
        weight = term.default_weight if entry is None else entry.weight
        scale = natural.get(term.name, 1.0) if entry is None else entry.scale
        if only_dislikes and term.base:
            weight = max(weight, term.default_weight)
        elif unknown:
            weight = _of_unknown(term, weight, is_stored=entry is not None)
        elif asked and not term.asked:
            weight *= settings.query_share
        factors.append((overrides or {}).get(term.name, weight) / scale)
    return np.asarray(factors)


def _of_unknown(term: Term, weight: float, *, is_stored: bool) -> float:
    """The weight of a term where nothing is known of the shopper."""
    if term.name == "rotation":  # what they were shown is known
        return weight
    if term.live:  # what sells right now concerns everyone
        return weight if is_stored else 0.0
    return STATED_WEIGHT if term.stated else 0.0
