"""A term of the score: one row that says what it is, how it scores and what carried it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from endcap.arrays import F32, F64, I64
from endcap.events.counts import Demand
from endcap.index.index import ItemIndex
from endcap.profiles.entries import Impression
from endcap.ranking.features import HistoryWeights, RankingSettings, UserFeatures, history_weights
from endcap.ranking.terms.inputs import Anchors, BoostedItems, Due, Query
from endcap.ranking.terms.sources import ListSources, list_sources
from endcap.ranking.values import Values

Source = Literal["behaviour", "content", "query", "related", "popular", "new", "shop"]
"""What an answer says an item comes from, where the term said most for it."""


@dataclass(frozen=True, kw_only=True)
class ScoringContext:
    """All that the terms of one request may look at.

    Attributes
    ----------
    encode : gives the shopper's vector, float32 (d_item,), where there is one; called if a term asks for it
    anchors : the items that the list is to go with; due : what may be bought again: where that is asked for
    contexts : rows of the snapshot's contexts that the request names
    trend : the live counts; impressions : what the shopper was shown, where the request rotates
    among : int64 (k,), ascending: nothing but these rows is asked about; None for all
    """

    index: ItemIndex
    features: UserFeatures
    settings: RankingSettings
    now_ms: int = 0
    query: Query | None = None
    encode: Callable[[], F32 | None] = lambda: None
    anchors: Anchors | None = None
    due: Due | None = None
    contexts: tuple[int, ...] = ()
    trend: Demand | None = None
    boosts: Sequence[BoostedItems] = ()
    impressions: Sequence[Impression] = ()
    among: I64 | None = None

    @cached_property
    def user_vector(self) -> F32 | None:
        """float32 (d_item,), length 1; None without user encoder, or without a known item."""
        return self.encode()

    @cached_property
    def past_texts(self) -> F32:
        """float32 (h, d_item): the whitened texts of the history."""
        return self.index.white.rows(self.features.positions)

    @cached_property
    def list_sources(self) -> ListSources:
        """Where the lists of the history begin."""
        return list_sources(self.index, self.features.positions)

    @cached_property
    def weights(self) -> HistoryWeights:
        """What each item of the history, and each text, weighs."""
        return history_weights(self.features, self.settings)

    @cached_property
    def category_affinity(self) -> F64:
        """float64 (numbers of categories,): -1 to 1 from history, and up to 1 more where stated outright."""
        index, features = self.index, self.features
        affinity = np.zeros(index.tables.names.n_categories)
        owner, categories = index.categories_at(features.positions)
        np.add.at(affinity, categories, self.weights.affinity[owner].astype(np.float64))
        for category, stated in features.categories.items():
            affinity[category] += stated
        return affinity


Support = Callable[[ScoringContext, I64], F64]
"""float64 (h, k): how much each item of the history speaks for each ranked one."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """One row of the registry.

    Attributes
    ----------
    name : as weights, scenarios and reasons spell it
    default_weight : where a snapshot has none
    source : see `Source`
    asked : the request itself asks for it: history does not fill it, and a rebuild does not tune it
    live : what happens right now: off in answers as of a moment, so that a rebuild has nothing to tune it by
    base : demand, which is all there is where nothing is known
    stated : counts in full as soon as it is stated outright, whoever the shopper is
    gated : its weight is chosen by a gate of its own, and not with those of the others
    by_text : an item is near a past one by it for what both say
    values : what it gives the items of a request; None where it has nothing to say
    support : which items of the history carried it; None where none can
    """

    name: str
    default_weight: float
    source: Source
    values: Callable[[ScoringContext], Values | None]
    support: Support | None = None
    asked: bool = False
    live: bool = False
    base: bool = False
    stated: bool = False
    gated: bool = False
    by_text: bool = False
