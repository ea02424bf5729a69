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
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

import numpy as np

from endcap.conversation.constraints import POOL, Followed
from endcap.encoders.quantize import quantize_unit
from endcap.encoders.text import MODEL_FILE
from endcap.events.counts import Demand, Live
from endcap.events.types import EVENT_TYPES, EventType
from endcap.explain.counterfactuals import (
    MAX_COUNTERFACTUALS,
    Act,
    carrying_acts,
    counterfactuals,
    named_act,
    without,
)
from endcap.explain.reasons import Reason, explain
from endcap.filters.eligibility import sellable
from endcap.filters.evaluate import FilterContext, mask_of
from endcap.identifiers import event_key, item_key
from endcap.index.index import ItemIndex, index_of
from endcap.index.overlay import Overlay
from endcap.profiles.consent import refuses
from endcap.profiles.profile import EMPTY_PROFILE, Encode, UserProfile, merge, profile_of, within
from endcap.ranking.features import RankingSettings, UserFeatures, features_of
from endcap.ranking.score import Scores, coefficients, total_of
from endcap.ranking.slots import Slot
from endcap.ranking.terms.context import known_contexts
from endcap.ranking.terms.inputs import ANCHORED, BoostedItems, Query
from endcap.ranking.terms.live_trend import by_item
from endcap.ranking.terms.query import WORDS_FLOOR, meant
from endcap.ranking.terms.registry import REGISTRY, row_of
from endcap.ranking.terms.repurchase import due_items
from endcap.ranking.terms.similarity import user_vector_of
from endcap.ranking.terms.term import ScoringContext
from endcap.recommend.conversing import begun, ended
from endcap.recommend.cost import check_cost
from endcap.recommend.explore import MAX_ARMS, explore, explores, with_propensities
from endcap.recommend.request import MAX_LIMIT, RankedItem, Recommendation, RecommendationRequest, check
from endcap.recommend.resolve import ResolvedItems, resolved
from endcap.recommend.selection import given_order, slots_of
from endcap.recommend.trending import counted, in_demand
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


@dataclass(frozen=True)
class Prepared:
    """A request with everything that its list is chosen by.

    Attributes
    ----------
    request : as what is in demand has made it
    about : whose history counts, and when
    items : the items that it names
    scores : of all items, worked out as far as they are asked for
    score_for : the same scores for somebody else
    followed : what a conversation has come to, where the request is one
    """

    request: RecommendationRequest
    index: ItemIndex
    about: FilterContext
    items: ResolvedItems
    query: Query | None
    trend: Demand | None
    scores: Scores
    score_for: Callable[[FilterContext], Scores]
    followed: Followed | None = None


def prepared(
    snapshot: Snapshot,
    profile: UserProfile,
    request: RecommendationRequest,
    now_ms: int,
    overlay: Overlay | None = None,
    event_types: Mapping[str, EventType] = EVENT_TYPES,
    live: Live | None = None,
) -> Prepared:
    """A request up to its scores; see `recommend`."""
    check(request)
    clock_ms = now_ms if request.as_of_ms is None else request.as_of_ms
    current = overlay is not None and request.as_of_ms is None and overlay.snapshot is snapshot
    index = overlay.index if current and overlay is not None else index_of(snapshot)
    trend = live.trend(request.window) if live is not None and request.as_of_ms is None else None
    trend = None if trend is None else by_item(index, trend)
    request, followed = begun(index, request)
    request = in_demand(_understood(index, request), trend)
    known = merged_profile(snapshot, profile, request)
    about = FilterContext(clock_ms, known, request.parameters, event_types)
    settings = RankingSettings.of(snapshot.weights.settings)
    items, query = resolved(index, request), _query_of(snapshot, request)

    def score_for(whom: FilterContext) -> Scores:
        features = features_of(whom.profile, index, clock_ms, settings, event_types, request.context)
        return _scores(index, features, settings, query, request, items, whom, trend)

    return Prepared(request, index, about, items, query, trend, score_for(about), score_for, followed)


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
    NotFoundError, EncoderError : see `recommend`
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


def merged_profile(snapshot: Snapshot, profile: UserProfile, request: RecommendationRequest) -> UserProfile:
    """Who the answer is for: the stored profile, the running session, both or nobody, as the request asks.

    A stored consent of `{"personalization": false}` keeps the stored profile out, whatever the request says.
    """
    if request.personalization == "off":
        return EMPTY_PROFILE
    stored = EMPTY_PROFILE if refuses(profile) or request.personalization == "session" else profile
    if request.as_of_ms is not None:
        past = within(stored, -1, request.as_of_ms)
        stored = replace(
            stored, interactions=past.interactions, strong=past.strong, texts=past.texts, impressions=past.impressions
        )
    if not request.interactions:
        return stored
    return merge(stored, profile_of(request.interactions, encode_with(snapshot)))


def encode_with(snapshot: Snapshot) -> Encode | None:
    """How a profile's texts are encoded under this snapshot; None where it carries no encoder."""
    if MODEL_FILE not in snapshot.manifest["files"]:
        return None

    def encode(text: str) -> tuple[bytes, bytes]:
        encoder = snapshot.encoder
        if encoder is None:
            return b"\0" * 4, b""
        return encoder.tag, quantize_unit(encoder.encode(text)).tobytes()

    return encode


def _understood(index: ItemIndex, request: RecommendationRequest) -> RecommendationRequest:
    """The request with what its query says beside the words to search for, where that is asked for."""
    if request.understand and request.understood is None and request.query is not None and request.query.strip():
        from endcap.understanding.shop import understood_in  # the grammar is read by the first request that wants it

        found = understood_in(index, request.query, request.items)
        request = replace(request, query=found.search or None, understood=found)
    if request.understood is not None and request.understood.sort is not None:
        request = replace(request, exploration=0.0)  # an order that the shopper asks for leaves nothing to chance
    return request


def _query_of(snapshot: Snapshot, request: RecommendationRequest) -> Query | None:
    text = request.query
    if text is None or not text.strip():
        return None
    encoder = snapshot.encoder
    return Query(text, None if encoder is None else encoder.encode(text), request.synonyms)


def _matched(scores: Scores, query: Query, page: Sequence[Slot]) -> bool:
    """Whether an item of a page has most of the query's words, or its meaning."""
    positions = np.asarray([slot.row for slot in page], dtype=np.int64)
    factor = scores.factors[row_of("lexical")]
    words = scores.contributions(positions)[row_of("lexical")] / factor if factor else np.zeros(len(page))
    return bool((words >= WORDS_FLOOR).any() or meant(scores.index, query, positions).any())


def _scores(
    index: ItemIndex,
    features: UserFeatures,
    settings: RankingSettings,
    query: Query | None,
    request: RecommendationRequest,
    items: ResolvedItems,
    about: FilterContext,
    trend: Demand | None,
) -> Scores:
    """The scores of one request, worked out as far as they are asked for."""
    due = due_items(index, about.profile, about.now_ms) if request.relation == "buy_again" else None
    among = items.among
    if due is not None and not request.complete:  # a complete order leaves nothing out
        among = due.rows if among is None else np.intersect1d(among, due.rows)
    factors = coefficients(index, settings, features, query, request.weights, related=request.relation is not None)
    factors[row_of("boost")] = 1.0 if request.boosts else 0.0  # a boost is what it says, whatever else is known
    factors[row_of("rotation")] *= request.rotation
    context = ScoringContext(
        index=index,
        features=features,
        settings=settings,
        now_ms=about.now_ms,
        query=query,
        encode=partial(user_vector_of, about.profile, index, about.now_ms, about.event_types),
        anchors=items.anchors,
        due=due,
        contexts=known_contexts(index.snapshot, request.context),
        trend=trend,
        boosts=[BoostedItems(mask_of(wish.filter, index, about, among), wish.weight) for wish in request.boosts],
        impressions=about.profile.impressions,
        among=among,
    )
    return Scores(context, factors)


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
    found = counterfactuals(index, acts, rows, first, order_without, MAX_LIMIT, request.language)
    marked = [replace(item, counterfactual=one) for item, one in zip(ranked[: len(found)], found, strict=True)]
    return (*marked, *ranked[len(found) :])


def _with_the_unknown(
    index: ItemIndex, request: RecommendationRequest, ranked: tuple[RankedItem, ...]
) -> tuple[RankedItem, ...]:
    """A complete order: ids that no item has come last, in the order given."""
    unknown = [i for i in dict.fromkeys(request.candidates or ()) if index.position(i) is None]
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
    reasons: Sequence[tuple[Reason, ...]] = [()] * len(page)
    if request.explain:
        said = {event_key(said.event_id): said.text for said in request.interactions if said.text}
        reasons = explain(scores.context, positions, shares, request.language, said)
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
                reasons=counted(reasons[k], trend, item_id, document, request.language),
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
