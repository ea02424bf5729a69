"""Recommendations, start to end: one pipeline for the recommend function, its POST form and batch-recommend.

1. merge     the stored profile and the running session's interactions
2. taste     what that says about the shopper at the request's clock
3. terms     every term of the score, for every item
4. filter    availability, what was seen, what was excluded
5. candidates  the best allowed items, one per group of variants, in exact order
6. re-rank   variety, where it is asked for
7. explain   each score taken apart into its terms
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from endcap.assortment import Assortment, assortment_of
from endcap.candidates import best_first, contributions
from endcap.encoding import quantize_unit
from endcap.errors import InvalidRequestError
from endcap.event_types import EVENT_TYPES, EventType
from endcap.explaining import Reason, explain
from endcap.features import RankingSettings, Taste, taste_of
from endcap.filters import EXCLUDE_SEEN, ExcludeSeen, allowed, seen_items
from endcap.interactions import Interaction
from endcap.overlay import Overlay
from endcap.phrases import LANGUAGES, Language
from endcap.profiles import EMPTY_PROFILE, Encode, UserProfile, merge, profile_of, within
from endcap.reranking import rerank_mmr
from endcap.scoring import TERMS, Query, coefficients, term_scores
from endcap.snapshot import Snapshot

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

Personalization = Literal["off", "session", "full"]
PERSONALIZATION: Final = ("off", "session", "full")
MAX_LIMIT: Final = 500
DIVERSITY_POOL: Final = 300  # best candidates among which variety may choose; one size, so that pages fit together

_SOURCES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("similarity", "next", "together", "neighbours", "again"), "behaviour"),
    **dict.fromkeys(("wording", "text", "words", "category", "brand", "price"), "content"),
    **dict.fromkeys(("query", "lexical"), "query"),
    **dict.fromkeys(("popularity", "trend"), "popular"),
    "new_item": "new",
}


@dataclass(frozen=True, slots=True)
class RecommendationRequest:
    """What is asked for; the profile comes separately.

    Attributes
    ----------
    limit : 1..500 items
    offset : items to skip, for the next page of the same list
    interactions : of the running session, folded in for this answer only
    query : words that the answer has to match
    candidates : rank just these; None for everything
    exclude_seen : "interacted" = anything but impressions, "purchased", or "none"
    seen_items : further items that count as seen (beyond what a profile remembers), unless exclude_seen is "none"
    personalization : "off" = as if unknown, "session" = by `interactions` only, "full" = with the profile
    diversity : 0 = by score, 1 = variety only
    context : where the shopper is: `category`, `brand`
    fields : parts of the item's document to return
    language : of the reasons; by each item's own when None
    as_of_ms : the clock to rank by: what the profile learned later and changes since the snapshot are left out
    weights : term -> weight, in place of the snapshot's
    """

    limit: int = 10
    offset: int = 0
    interactions: tuple[Interaction, ...] = ()
    query: str | None = None
    candidates: tuple[str, ...] | None = None
    exclude_items: tuple[str, ...] = ()
    exclude_seen: ExcludeSeen = "interacted"
    seen_items: tuple[str, ...] = ()
    personalization: Personalization = "full"
    diversity: float = 0.0
    context: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    explain: bool = True
    language: Language | None = None
    as_of_ms: int | None = None
    weights: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class RankedItem:
    """One place of an answer.

    Attributes
    ----------
    rank : from 1
    source : where it comes from: "behaviour", "content", "query", "popular" or "new"
    """

    item_id: str
    score: float
    rank: int
    source: str
    reasons: tuple[Reason, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """An answer.

    Attributes
    ----------
    source : "popular" where nothing is known of the shopper, "query" for a search, else "personal"
    has_more : whether another page follows
    """

    items: tuple[RankedItem, ...]
    snapshot_version: str
    source: str
    has_more: bool


def recommend(
    snapshot: Snapshot,
    profile: UserProfile,
    request: RecommendationRequest,
    now_ms: int,
    overlay: Overlay | None = None,
    event_types: Mapping[str, EventType] = EVENT_TYPES,
) -> Recommendation:
    """The best items for a shopper at a moment.

    Parameters
    ----------
    profile : as stored; EMPTY_PROFILE for someone unknown
    now_ms : the clock, unless the request brings its own
    overlay : items changed since `snapshot`, made for it

    Raises
    ------
    InvalidRequestError : a parameter is out of its range
    EncoderError : the snapshot's encoder fails on the query or on a text of the session
    """
    _check(request)
    clock_ms = now_ms if request.as_of_ms is None else request.as_of_ms
    live = overlay is not None and request.as_of_ms is None and overlay.snapshot is snapshot
    assortment = overlay.assortment if live and overlay is not None else assortment_of(snapshot)
    known = merged_profile(snapshot, profile, request)
    settings = RankingSettings.of(snapshot.weights.settings)
    taste = taste_of(known, assortment, clock_ms, settings, event_types, request.context)
    query = _query_of(snapshot, request.query)

    terms = term_scores(assortment, taste, settings, query)
    factors = coefficients(assortment, settings, taste, query, request.weights)
    seen = seen_items(known, request.exclude_seen)
    if request.exclude_seen != "none":
        seen.update(request.seen_items)
    mask = allowed(assortment, clock_ms, seen, request.exclude_items, request.candidates)

    end = request.offset + request.limit
    wanted = end + 1 if request.diversity == 0 else max(end + 1, DIVERSITY_POOL)
    positions, scores = best_first(assortment, terms, factors, mask, wanted)
    if request.diversity > 0:
        pool = min(DIVERSITY_POOL, len(positions))
        vectors = assortment.white_rows(positions[:pool])
        order = rerank_mmr(scores[:pool], vectors, min(end + 1, pool), request.diversity)
        order = np.concatenate([order, np.arange(pool, len(positions))])
        positions, scores = positions[order], scores[order]
    has_more = len(positions) > end
    page = slice(request.offset, end)
    shares = contributions(terms, factors, positions[page])
    items = _ranked(assortment, taste, settings, request, positions[page], scores[page], shares)
    source = "query" if query is not None else "popular" if taste.is_empty else "personal"
    return Recommendation(items, snapshot.version, source, has_more)


def merged_profile(snapshot: Snapshot, profile: UserProfile, request: RecommendationRequest) -> UserProfile:
    """Who the answer is for: the stored profile, the running session, both or nobody, as the request asks.

    A stored consent of `{"personalization": false}` keeps the stored profile out, whatever the request says.
    """
    consent = profile.consent.value
    refused = isinstance(consent, Mapping) and consent.get("personalization") is False
    if request.personalization == "off":
        return EMPTY_PROFILE
    stored = EMPTY_PROFILE if refused or request.personalization == "session" else profile
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
    if "text_encoder.onnx" not in snapshot.manifest["files"]:
        return None

    def encode(text: str) -> tuple[bytes, bytes]:
        encoder = snapshot.encoder
        if encoder is None:
            return b"\0" * 4, b""
        return encoder.tag, quantize_unit(encoder.encode(text)).tobytes()

    return encode


def _query_of(snapshot: Snapshot, text: str | None) -> Query | None:
    if text is None or not text.strip():
        return None
    encoder = snapshot.encoder
    return Query(text, None if encoder is None else encoder.encode(text))


def _ranked(
    assortment: Assortment,
    taste: Taste,
    settings: RankingSettings,
    request: RecommendationRequest,
    positions: I64,
    scores: F64,
    shares: F64,
) -> tuple[RankedItem, ...]:
    reasons: Sequence[tuple[Reason, ...]] = [()] * len(positions)
    if request.explain:
        reasons = explain(assortment, taste, settings, positions, shares, request.language)
    items = []
    for k, position in enumerate(positions.tolist()):
        document = assortment.document(position) if request.fields else {}
        # What says most for the item; where everything is against it, nothing but popularity brought it here.
        best = int(np.argmax(shares[:, k])) if shares[:, k].max(initial=0.0) > 0 else TERMS.index("popularity")
        items.append(
            RankedItem(
                item_id=assortment.item_id(position),
                score=float(scores[k]),
                rank=request.offset + k + 1,
                source=_SOURCES[TERMS[best]],
                reasons=reasons[k],
                fields={name: document[name] for name in request.fields if name in document},
            )
        )
    return tuple(items)


def _check(request: RecommendationRequest) -> None:
    problems = []
    if not 1 <= request.limit <= MAX_LIMIT:
        problems.append(("limit", f"must lie between 1 and {MAX_LIMIT}"))
    if request.offset < 0:
        problems.append(("offset", "must not be negative"))
    if not 0 <= request.diversity <= 1:
        problems.append(("diversity", "must lie between 0 and 1"))
    if request.exclude_seen not in EXCLUDE_SEEN:
        problems.append(("exclude_seen", f"must be one of {', '.join(EXCLUDE_SEEN)}"))
    if request.personalization not in PERSONALIZATION:
        problems.append(("personalization", f"must be one of {', '.join(PERSONALIZATION)}"))
    if request.language not in (None, *LANGUAGES):
        problems.append(("language", f"must be one of {', '.join(LANGUAGES)}"))
    if unknown := sorted(set(request.weights or {}) - set(TERMS)):
        problems.append(("weights", f"no such term: {', '.join(unknown)}"))
    if problems:
        raise InvalidRequestError([{"field": name, "message": message} for name, message in problems])
