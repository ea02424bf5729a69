"""A request up to its scores: whom it is for, what it names, and what each item gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from endcap.conversation.constraints import Followed
from endcap.encoders.quantize import quantize_unit
from endcap.encoders.text import MODEL_FILE
from endcap.events.counts import Demand, Live
from endcap.events.types import EVENT_TYPES, EventType
from endcap.filters.evaluate import FilterContext, mask_of
from endcap.index.index import ItemIndex, index_of
from endcap.index.overlay import Overlay
from endcap.profiles.consent import refuses
from endcap.profiles.profile import EMPTY_PROFILE, Encode, UserProfile, merge, profile_of, within
from endcap.ranking.features import RankingSettings, UserFeatures, features_of
from endcap.ranking.score import Scores, coefficients
from endcap.ranking.terms.context import known_contexts
from endcap.ranking.terms.inputs import BoostedItems, Query
from endcap.ranking.terms.live_trend import by_item
from endcap.ranking.terms.registry import row_of
from endcap.ranking.terms.repurchase import due_items
from endcap.ranking.terms.similarity import user_vector_of
from endcap.ranking.terms.term import ScoringContext
from endcap.recommend.conversing import begun
from endcap.recommend.request import RecommendationRequest, check
from endcap.recommend.resolve import ResolvedItems, resolved
from endcap.recommend.trending import in_demand
from endcap.snapshot.snapshot import Snapshot


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
    """A request up to its scores; see `pipeline.recommend`."""
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
        from endcap.understanding.shop import ShopVocabulary, understood_in  # read by the first request that wants it

        if request.written is not None:
            found = request.written.understood(request.query, ShopVocabulary(index))
        else:
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
