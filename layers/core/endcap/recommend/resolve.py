"""The items that a request names, by their rows: looked up once, at the start of the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from endcap.arrays import I64
from endcap.index.index import ItemIndex
from endcap.ranking.terms.inputs import ANCHORED, Anchors
from endcap.ranking.terms.related import anchors_of
from endcap.recommend.request import RecommendationRequest


@dataclass(frozen=True)
class ResolvedItems:
    """Rows, int64 and ascending, of the known ones among what a request names.

    Attributes
    ----------
    among : the candidates; None where anything may be shown
    shown : what is not to come again, in any variant; excluded : what is not to come itself
    seen : what the request counts as seen beside the profile's own
    named : the items that the list is to go with; anchors : those of them that are not deleted
    pinned : slot, from 0 -> row
    """

    among: I64 | None
    shown: I64
    excluded: I64
    seen: I64
    named: I64
    anchors: Anchors | None
    pinned: Mapping[int, int]


def resolved(index: ItemIndex, request: RecommendationRequest) -> ResolvedItems:
    """What the ids of a request stand for.

    Raises
    ------
    NotFoundError : the list is to go with items of which none is known
    """
    pinned = {pin.position - 1: row for pin in request.pinned if (row := index.position(pin.item_id)) is not None}
    anchored = request.relation is not None and request.relation in ANCHORED
    return ResolvedItems(
        among=None if request.candidates is None else index.positions(request.candidates),
        shown=index.positions(request.shown_items),
        excluded=index.positions(request.exclude_items),
        seen=index.positions(request.seen_items),
        named=index.positions(request.items),
        anchors=anchors_of(index, request.relation, request.items) if anchored and request.relation else None,
        pinned=pinned,
    )
