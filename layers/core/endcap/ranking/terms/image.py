"""The terms of the items' pictures: like those of recent items, or of the items that a list is to go with.

Their weights are those of `text` and `similar`, times what a gate of the rebuild found best; 0 where it found nothing.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from endcap.ranking.terms.described import history_support, history_values
from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.values import Likeness, Values

IMAGE_NAME: Final = "image"
IMAGE_SIMILAR_NAME: Final = "image_similar"


def _similar_values(context: ScoringContext) -> Values | None:
    anchors, images = context.anchors, context.index.beside["image"]
    if images is None or anchors is None or anchors.relation != "similar":
        return None
    toward = images.rows(anchors.rows).mean(axis=0)
    return Likeness(images, toward) if toward.any() else None


IMAGE: Final = Term(
    name=IMAGE_NAME,
    default_weight=0.0,
    source="content",
    values=partial(history_values, part="image"),
    support=partial(history_support, part="image"),
    gated=True,
)
IMAGE_SIMILAR: Final = Term(
    name=IMAGE_SIMILAR_NAME, default_weight=0.0, source="related", values=_similar_values, asked=True, gated=True
)
