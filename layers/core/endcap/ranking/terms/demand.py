"""The terms that are the same for everyone: popularity, its trend at the snapshot's cut-off, and being new."""

from __future__ import annotations

from typing import Final

import numpy as np

from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.values import Column, Values


def _popularity_values(context: ScoringContext) -> Values:
    return Column(context.index.popularity, np.float32(context.features.demand), lasting=True)


def _trend_values(context: ScoringContext) -> Values:
    return Column(context.index.trend, np.float32(context.features.demand), lasting=True)


def _new_item_values(context: ScoringContext) -> Values:
    return Column(context.index.unseen, lasting=True)


POPULARITY: Final = Term(name="popularity", default_weight=0.15, source="popular", values=_popularity_values, base=True)
TREND: Final = Term(name="trend", default_weight=0.1, source="popular", values=_trend_values, base=True)
NEW_ITEM: Final = Term(name="new_item", default_weight=0.15, source="new", values=_new_item_values)
