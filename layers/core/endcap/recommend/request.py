"""What the pipeline is asked, and what it answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

from endcap.conversation.constraints import Conversation, Followed
from endcap.errors import FieldError, InvalidRequestError
from endcap.events.counts import WINDOWS
from endcap.events.interaction import Interaction
from endcap.explain.counterfactuals import Counterfactual
from endcap.explain.reasons import Reason
from endcap.filters.eligibility import EXCLUDE_SEEN, ExcludeSeen
from endcap.filters.tree import Expression
from endcap.messages.language import DEFAULT_AUDIENCE, LANGUAGES, Audience, Language
from endcap.ranking.slots import CAPPED, Capped, Pin, Promotion
from endcap.ranking.terms.inputs import ANCHORED, RELATIONS, Relation
from endcap.ranking.terms.registry import TERMS
from endcap.text.terms import Synonyms
from endcap.understanding.wish import Understood

if TYPE_CHECKING:
    from endcap.understanding.facets import Vocabulary

Personalization = Literal["off", "session", "full"]
PERSONALIZATION: Final = ("off", "session", "full")
MAX_LIMIT: Final = 500


class Bounds(NamedTuple):
    """The numbers from `lowest` to `highest`."""

    lowest: float
    highest: float

    def __str__(self) -> str:
        if self.highest == math.inf:
            return "not be negative"
        return f"lie between {self.lowest:g} and {self.highest:g}"

    def hold(self, number: float) -> bool:
        """Whether a number lies within; NaN lies nowhere."""
        return self.lowest <= number <= self.highest


SHARE: Final = Bounds(0, 1)
LIMIT: Final = Bounds(1, MAX_LIMIT)
BOOST: Final = Bounds(-100.0, 100.0)
WEIGHT: Final = Bounds(-1000.0, 1000.0)
LEAST_CAP: Final = 1
BOUNDS: Final[Mapping[str, Bounds]] = {
    "limit": LIMIT,
    "offset": Bounds(0, math.inf),
    "exploration": SHARE,
    "diversity": SHARE,
    "calibration": SHARE,
    "rotation": SHARE,
}
"""What the numbers of a request may be; the schemas of the API and its OpenAPI document say the same."""

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "exclude_seen": EXCLUDE_SEEN,
    "personalization": PERSONALIZATION,
    "language": LANGUAGES,
}
OPTIONAL: Final = frozenset({"language"})
"""Choices that may be left to others."""


@dataclass(frozen=True, slots=True)
class Boost:
    """Adds `weight` to the score of the items for which the expression holds."""

    filter: Expression
    weight: float


class ReadQuery(Protocol):
    """A query that was read otherwise than by the grammar."""

    def understood(self, query: str, vocabulary: Vocabulary, /) -> Understood:
        """The same in the words of a shop."""


@dataclass(frozen=True, slots=True)
class RecommendationRequest:
    """What is asked for; the profile comes separately.

    Attributes
    ----------
    limit : 1..500 items
    offset : items to skip, for the next page of the same list
    shown_keys : what earlier pages showed, as in a cursor; left out of the list wherever it stands by now
    shown_items : what other lists of the same page show; with every variant of their groups left out
    interactions : of the running session, folded in for this answer only
    query : words that the answer has to match
    window : rank what is in demand in this window (a name in `counts.WINDOWS`), by that alone
    relation, items : "similar" = substitutes of the items, "together" = what completes them; they are left out.
        "buy_again" = what the shopper has bought, by how likely they buy it again about now; without items
    candidates : rank just these; None for everything
    complete : every one of the candidates is in the answer, what can't be sold and what is unknown last
    filter : what else has to hold for an item
    parameters : values of `$name` in every expression of the request
    boosts, promotions, pinned, caps : what the shop wants, over what the scores say
    exclude_seen : "interacted" = anything but impressions, "purchased", or "none"; "none" where relation is "buy_again"
    seen_items : further items that count as seen (beyond what a profile remembers), unless exclude_seen is "none"
    personalization : "off" = as if unknown, "session" = by `interactions` only, "full" = with the profile
    diversity : 0 = by score, 1 = variety only
    calibration : 0..1, how far the list's mix of categories follows that of the history; 1 = nothing but that
    exploration : 0..1, the share of places that are drawn by chance; see `explore`
    recommendation_id : of the answer; exploration is drawn by it
    rotation : 0..1, how much what the shopper was shown lately is set back
    context : where the shopper is: `category`, `brand`
    fields : parts of the item's document to return
    counterfactual : say of the first ten items where they would be without what carried them most
    without_event, without_item : say it of every item of the page for this event, or for everything that was done with
        this item, instead; at most one of them
    language : of the reasons; by each item's own when None
    audience : whom the reasons speak to; only a preview asks for others than the shopper
    one_language : where `language` is None, that of most items of the page serves for all of them
    as_of_ms : the clock to rank by: what the profile learned later and changes since the snapshot are left out
    weights : term -> weight, in place of the snapshot's; boosts stay what they are
    synonyms : what else may stand for words of the query
    understand : whether limits, exclusions, facets and order are read out of the query
    understood : what was understood before, in place of that; `query` are its words to search for
    written : what a writer has read in the query, in place of the grammar
    conversation : what was said in turns, in place of a query
    """

    limit: int = 10
    offset: int = 0
    shown_keys: tuple[bytes, ...] = ()
    shown_items: tuple[str, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    query: str | None = None
    window: str | None = None
    relation: Relation | None = None
    items: tuple[str, ...] = ()
    candidates: tuple[str, ...] | None = None
    complete: bool = False
    filter: Expression | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    boosts: tuple[Boost, ...] = ()
    promotions: tuple[Promotion, ...] = ()
    pinned: tuple[Pin, ...] = ()
    caps: Mapping[Capped, int] = field(default_factory=dict)
    exclude_items: tuple[str, ...] = ()
    exclude_seen: ExcludeSeen = "interacted"
    seen_items: tuple[str, ...] = ()
    personalization: Personalization = "full"
    diversity: float = 0.0
    calibration: float = 0.0
    exploration: float = 0.0
    recommendation_id: str = ""
    rotation: float = 0.0
    context: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    explain: bool = True
    counterfactual: bool = False
    without_event: str | None = None
    without_item: str | None = None
    language: Language | None = None
    audience: Audience = DEFAULT_AUDIENCE
    one_language: bool = False
    as_of_ms: int | None = None
    weights: Mapping[str, float] | None = None
    synonyms: Synonyms | None = None
    understand: bool = False
    understood: Understood | None = None
    written: ReadQuery | None = None
    conversation: Conversation | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The items that the list is about, or is made of."""
        return (*self.items, *(self.candidates or ()), *(pin.item_id for pin in self.pinned))


@dataclass(frozen=True, slots=True)
class RankedItem:
    """One place of an answer.

    Attributes
    ----------
    rank : from 1
    source : where it comes from: "behaviour", "content", "query", "related", "popular", "new", "shop" or
        "exploration"; "unknown" for an id that no item has
    promotion : the promotion that the place was owed to
    propensity : how likely the item was to stand there, 1 where nothing was drawn; None in a list without exploration
    arms : item id -> probability, what was drawn from
    counterfactual : where it would be without a past interaction, where asked for
    known, available : whether the item is, where the request asks for a complete order of given ids
    """

    item_id: str
    score: float
    rank: int
    source: str
    reasons: tuple[Reason, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    promotion: str | None = None
    propensity: float | None = None
    arms: Mapping[str, float] = field(default_factory=dict)
    counterfactual: Counterfactual | None = None
    known: bool = True
    available: bool = True


@dataclass(frozen=True, slots=True)
class Recommendation:
    """An answer.

    Attributes
    ----------
    source : "query" for a search, "related" for what goes with given items, "popular" where nothing is known of the
        shopper, else "personal"
    has_more : whether another page follows
    matched : whether anything on it has the words or the meaning of the query; None where there is no query
    understood : what was understood of the query, where that was asked for
    followed : what a conversation has come to, where there is one
    """

    items: tuple[RankedItem, ...]
    snapshot_version: str
    source: str
    has_more: bool
    matched: bool | None = None
    understood: Understood | None = None
    followed: Followed | None = None


def check(request: RecommendationRequest) -> None:
    """Whether every part is in its range and the parts fit each other.

    Raises
    ------
    InvalidRequestError : with every finding
    """
    rules = (_numbers, _choices, _weights, _combinations, _anchors, _boosts, _promotions, _pins, _caps)
    problems = [problem for rule in rules for problem in rule(request)]
    if problems:
        raise InvalidRequestError([FieldError(field=name, message=message) for name, message in problems])


Problems = Iterator[tuple[str, str]]
"""Names of parts, and what is wrong with them."""


def _numbers(request: RecommendationRequest) -> Problems:
    for name, bounds in BOUNDS.items():
        if not bounds.hold(getattr(request, name)):
            yield name, f"must {bounds}"


def _choices(request: RecommendationRequest) -> Problems:
    for name, choices in CHOICES.items():
        if getattr(request, name) not in choices and not (name in OPTIONAL and getattr(request, name) is None):
            yield name, f"must be one of {', '.join(choices)}"


def _weights(request: RecommendationRequest) -> Problems:
    weights = request.weights or {}
    if unknown := sorted(set(weights) - set(TERMS)):
        yield "weights", f"no such term: {', '.join(unknown)}"
    if not all(map(WEIGHT.hold, weights.values())):
        yield "weights", f"must {WEIGHT}"


def _combinations(request: RecommendationRequest) -> Problems:
    if request.window not in (None, *WINDOWS):
        yield "window", f"must be one of {', '.join(WINDOWS)}"
    elif request.window is not None and request.as_of_ms is not None:
        yield "window", "ends now: live counts know no other moment"
    if request.without_event is not None and request.without_item is not None:
        yield "without_item", "can't be asked together with without_event"
    if request.complete and request.candidates is None:
        yield "candidates", "are what a complete order is of"


def _anchors(request: RecommendationRequest) -> Problems:
    if request.relation not in (None, *RELATIONS):
        yield "relation", f"must be one of {', '.join(RELATIONS)}"
    elif (request.relation in ANCHORED) != bool(request.items):
        if request.relation == "buy_again":
            yield "items", "are the shopper's own purchases where the relation is buy_again"
        else:
            yield "items" if request.relation else "relation", "relation and items come together"


def _boosts(request: RecommendationRequest) -> Problems:
    if not all(BOOST.hold(boost.weight) for boost in request.boosts):
        yield "boost", f"a weight must {BOOST}"


def _promotions(request: RecommendationRequest) -> Problems:
    if not all(SHARE.hold(promotion.share) for promotion in request.promotions):
        yield "promotions", f"a share must {SHARE}"
    elif sum(promotion.share for promotion in request.promotions) > 1 + 1e-9:
        yield "promotions", "the shares must not add up to more than 1"
    if len({promotion.name for promotion in request.promotions}) < len(request.promotions):
        yield "promotions", "two have the same name"


def _pins(request: RecommendationRequest) -> Problems:
    if not all(LIMIT.hold(pin.position) for pin in request.pinned):
        yield "pinned", f"a position must {LIMIT}"
    for part in ("position", "item_id"):
        if len({getattr(pin, part) for pin in request.pinned}) < len(request.pinned):
            yield "pinned", f"two have the same {part}"


def _caps(request: RecommendationRequest) -> Problems:
    if any(name not in CAPPED or most < LEAST_CAP for name, most in request.caps.items()):
        yield "caps", f"must be at least {LEAST_CAP}, and of {' or '.join(CAPPED)}"
