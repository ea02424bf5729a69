"""Recommendations, start to end: one pipeline for every call of the recommend function, and for batch-recommend.

1. merge     the stored profile and the running session's interactions
2. features  what that says about the shopper at the request's clock
3. terms     of the score, worked out as far as they are asked for; what the request asks for, and boosts, are terms too
4. filter    availability, what was seen, what was excluded, the request's own expression
5. candidates  the best allowed items, one per group of variants, in exact order
6. re-rank   variety, where it is asked for
7. arrange   what is pinned, promoted and capped
8. explore   draw the places that are left to chance
9. explain   each score taken apart into its terms

The first three stand in `prepared`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from endcap.conversation.constraints import POOL
from endcap.errors import SnapshotError
from endcap.events.counts import Demand, Live
from endcap.events.types import EVENT_TYPES, EventType
from endcap.explain.counterfactuals import MAX_COUNTERFACTUALS, Act, carrying_acts, counterfactuals, named_act, without
from endcap.explain.reasons import Reason, explain
from endcap.filters.eligibility import sellable
from endcap.filters.evaluate import FilterContext
from endcap.identifiers import event_key, item_key
from endcap.index.index import ItemIndex
from endcap.index.overlay import Overlay
from endcap.messages.language import language_of_most
from endcap.profiles.profile import UserProfile
from endcap.ranking.features import UserFeatures
from endcap.ranking.score import Scores, total_of
from endcap.ranking.slots import Slot
from endcap.ranking.terms.inputs import ANCHORED, Query
from endcap.ranking.terms.query import WORDS_FLOOR, meant
from endcap.ranking.terms.registry import REGISTRY, row_of
from endcap.recommend.conversing import ended
from endcap.recommend.cost import check_cost
from endcap.recommend.explore import MAX_ARMS, explore, explores, with_propensities
from endcap.recommend.prepared import prepared
from endcap.recommend.request import MAX_LIMIT, RankedItem, Recommendation, RecommendationRequest
from endcap.recommend.resolve import ResolvedItems
from endcap.recommend.selection import given_order, slots_of
from endcap.recommend.trending import counted
from endcap.snapshot.snapshot import Snapshot


def recommend(
    snapshot: Snapshot,
    profile: UserProfile,
    request: RecommendationRequest,
    now_ms: int,
    overlay: Overlay | None = None,
    event_types: Mapping[str, EventType] = EVENT_TYPES,
    live: Live | None = None,
) -> Recommendation:
    """The best items for a shopper at a moment.

    Parameters
    ----------
    profile : as stored; EMPTY_PROFILE for someone unknown
    now_ms : the clock, unless the request brings its own
    overlay : items changed since `snapshot`, made for it
    live : the live counts; without them nothing is in demand

    Raises
    ------
    InvalidRequestError : a parameter is out of its range, or an expression does not fit the catalogue
    NotFoundError : the list is to go with items of which none is known, or the shopper has not done what it is to be
        compared without
    EncoderError : the snapshot's encoder fails on the query or on a text of the session
    SnapshotError : a score is not finite, as damaged vectors may make it
    """
    made = prepared(snapshot, profile, request, now_ms, overlay, event_types, live)
    request, index, about, items, scores = made.request, made.index, made.about, made.items, made.scores
    query, trend = made.query, made.trend

    start = request.offset + len(request.shown_keys)
    exposure = live.exposure if live is not None and explores(request) else None
    wanted = start + request.limit + (1 if exposure is None else MAX_ARMS)
    wanted = wanted if made.followed is None else max(wanted, POOL)
    slots = _slots(scores, request, items, about, wanted)
    if request.shown_keys:
        shown = set(request.shown_keys)
        slots = [slot for slot in slots if item_key(index.item_id(slot.row)) not in shown]
    end = request.offset + request.limit
    page, draws = slots[request.offset : end], None
    if exposure is not None:
        page, draws = explore(page, slots[end:], start, request, exposure, index.item_id)
    ranked = _ranked(scores, request, page, start, trend)
    if draws is not None:
        ranked = with_propensities(ranked, draws)
    if request.counterfactual:
        ranked = _with_counterfactuals(scores, made.score_for, request, items, about, page, ranked)
    if request.complete:
        ranked = _with_the_unknown(index, request, ranked)
    features = scores.context.features
    more = len(slots) > request.offset + len(page)
    matched = None if query is None else _matched(scores, query, page)
    if query is None and request.understood is not None:
        matched = bool(page)  # nothing but conditions was asked for
    source = _source(request, features, query)
    rows = [slot.row for slot in slots], [slot.row for slot in page]
    followed = ended(index, request, made.followed, *rows, about)
    return Recommendation(ranked, snapshot.version, source, more, matched, request.understood, followed)


def recommend_lists(
    snapshot: Snapshot,
    profile: UserProfile,
    requests: Sequence[RecommendationRequest],
    now_ms: int,
    overlay: Overlay | None = None,
    event_types: Mapping[str, EventType] = EVENT_TYPES,
    live: Live | None = None,
    others: Mapping[int, Overlay] = MappingProxyType({}),
) -> list[Recommendation]:
    """Several lists for one page, in order: what one shows, the next ones leave out.

    Parameters
    ----------
    others : number of a list, from 0, that is to come from another snapshot -> what lies over that one

    Raises
    ------
    InvalidRequestError : also where the call as a whole would cost too much
    NotFoundError, EncoderError, SnapshotError : see `recommend`
    """
    check_cost(requests, snapshot.n_items)
    answers: list[Recommendation] = []
    for number, request in enumerate(requests):
        shown = tuple(item.item_id for answer in answers for item in answer.items)
        apart = replace(request, shown_items=(*request.shown_items, *shown))
        over = others.get(number, overlay)
        base = snapshot if number not in others else others[number].snapshot
        answers.append(recommend(base, profile, apart, now_ms, over, event_types, live))
    return answers


def _matched(scores: Scores, query: Query, page: Sequence[Slot]) -> bool:
    """Whether an item of a page has most of the query's words, or its meaning."""
    positions = np.asarray([slot.row for slot in page], dtype=np.int64)
    factor = scores.factors[row_of("lexical")]
    words = scores.contributions(positions)[row_of("lexical")] / factor if factor else np.zeros(len(page))
    return bool((words >= WORDS_FLOOR).any() or meant(scores.index, query, positions).any())


def _slots(
    scores: Scores, request: RecommendationRequest, items: ResolvedItems, about: FilterContext, wanted: int
) -> list[Slot]:
    if request.complete:
        return given_order(scores, about.now_ms)
    return slots_of(scores, request, items, about, wanted)


def _with_counterfactuals(
    scores: Scores,
    score_for: Callable[[FilterContext], Scores],
    request: RecommendationRequest,
    items: ResolvedItems,
    about: FilterContext,
    page: Sequence[Slot],
    ranked: tuple[RankedItem, ...],
) -> tuple[RankedItem, ...]:
    """The items of a page with their ranks in the same list for the same shopper, had they not done something.

    That is what the request names, for every item; else what carried each of the first ones most.
    """
    index = scores.index

    def order_without(act: Act) -> list[int]:
        other = replace(about, profile=without(about.profile, act))
        return [slot.row for slot in _slots(score_for(other), request, items, other, MAX_LIMIT)]

    acts: Sequence[Act | None]
    if request.without_event is not None or request.without_item is not None:
        rows = np.asarray([slot.row for slot in page], dtype=np.int64)
        act = named_act(index, about.profile, about.event_types, request.without_event, request.without_item)
        acts = [act] * len(rows)
    else:
        rows = np.asarray([slot.row for slot in page[:MAX_COUNTERFACTUALS]], dtype=np.int64)
        shares = scores.contributions(rows)
        acts = carrying_acts(scores.context, about.profile, rows, shares)
    first = ranked[0].rank if ranked else 1
    found = counterfactuals(index, acts, rows, first, order_without, MAX_LIMIT, request.language, request.audience)
    marked = [replace(item, counterfactual=one) for item, one in zip(ranked[: len(found)], found, strict=True)]
    return (*marked, *ranked[len(found) :])


def _with_the_unknown(
    index: ItemIndex, request: RecommendationRequest, ranked: tuple[RankedItem, ...]
) -> tuple[RankedItem, ...]:
    """A complete order: ids that no item has come last, in the order given."""
    asked = dict.fromkeys(request.candidates or ())
    if len(ranked) == len(asked):
        return ranked  # each id has an item of its own
    unknown = [i for i in asked if index.position(i) is None]
    last = (
        RankedItem(item_id, 0.0, rank, "unknown", known=False, available=False)
        for rank, item_id in enumerate(unknown, len(ranked) + 1)
    )
    return (*ranked, *last)


def _ranked(
    scores: Scores, request: RecommendationRequest, page: Sequence[Slot], start: int, trend: Demand | None
) -> tuple[RankedItem, ...]:
    index = scores.index
    positions = np.asarray([slot.row for slot in page], dtype=np.int64)
    shares = scores.contributions(positions)
    totals = total_of(shares).tolist()
    if not all(map(math.isfinite, totals)):
        raise SnapshotError("the snapshot gives a score that is no number")
    reasons: Sequence[tuple[Reason, ...]] = [()] * len(page)
    language = request.language
    if request.explain:
        if language is None and request.one_language:
            language = language_of_most(index.document(slot.row) for slot in page)
        said = {event_key(said.event_id): said.text for said in request.interactions if said.text}
        reasons = explain(scores.context, positions, shares, language, said, request.audience)
    # What says most for the item; where everything is against it, nothing but popularity brought it here.
    best = np.where(shares.max(axis=0, initial=0.0) > 0, shares.argmax(axis=0), row_of("popularity")).tolist()
    on_sale = sellable(index, scores.context.now_ms, positions).tolist() if request.complete else None
    items = []
    for k, slot in enumerate(page):
        document = index.document(slot.row) if request.fields or trend is not None else {}
        item_id = index.item_id(slot.row)
        items.append(
            RankedItem(
                item_id=item_id,
                score=totals[k],
                rank=start + k + 1,
                source="shop" if slot.promotion or slot.pinned else REGISTRY[best[k]].source,
                reasons=counted(reasons[k], trend, item_id, document, language),
                fields={name: document[name] for name in request.fields if name in document},
                promotion=slot.promotion,
                available=on_sale is None or on_sale[k],
            )
        )
    return tuple(items)


def _source(request: RecommendationRequest, features: UserFeatures, query: Query | None) -> str:
    if query is not None:
        return "query"
    if request.relation == "buy_again":
        return "personal"
    return "related" if request.relation in ANCHORED else "popular" if features.is_empty else "personal"
