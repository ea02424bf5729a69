"""Ranking by the book: every term for every item in double precision, then one full sort.

Nothing here is fast, and hardly anything is shared with the code that it checks. It reads what a snapshot stores, the
changed items, the profile's entries and the request, and works out the rest: what each item scores, which may be shown,
in which order, and which past items speak for each.

What it takes from the product: event types and default weights, tokens and keys (pure functions of a text), the
evaluator of filter expressions, and the user vector, which is an encoder's answer.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from endcap.events.contexts import context_value
from endcap.events.counts import Demand, Live
from endcap.events.types import BOUGHT, EVENT_TYPES, GRADED, EventType
from endcap.filters.evaluate import FilterContext, mask_of
from endcap.filters.tree import Expression
from endcap.identifiers import item_key
from endcap.index.index import index_of
from endcap.index.overlay import ChangedItem, Overlay
from endcap.profiles.entries import Entry, TextSignal
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, merge, profile_of, within
from endcap.profiles.settled import settled
from endcap.ranking.terms.registry import DEFAULT_WEIGHTS, TERMS
from endcap.ranking.terms.similarity import user_encoder_of, user_vector_of
from endcap.recommend.prepared import encode_with
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.snapshot import Snapshot
from endcap.text.terms import Need, asked_code, code_of, needs_of, terms_of
from tests.fakes.plain_shop import LISTS, NEAREST, PlainShop, unit

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

SETTINGS: Final[Mapping[str, float]] = {
    "history_half_life_events": 2.5,
    "text_half_life_events": 1.0,
    "affinity_half_life_events": 8.0,
    "words_half_life_events": 2.0,
    "time_half_life_factor": 1.0,
    "grade_strength": 1.0,
    "history_floor": 0.05,
    "repeat_demand": 0.0,
    "query_share": 0.3,
    "demand_fade_days": 0.0,
    "rotation_half_life_s": 7200.0,
}
DAY_MS: Final = 86_400_000
NUMBERS: Final = ("sku", "ean", "gtin", "upc", "isbn", "mpn", "article_number")


class NothingToGoWith(Exception):
    """The list is to go with items of which none is known."""


OF_THE_REQUEST = (
    "query",
    "lexical",
    "described_query",
    "similar",
    "image_similar",
    "complement",
    "boost",
    "rotation",
    "due",
)
"""Terms of what is asked for, which a query does not make less of."""


@dataclass(frozen=True)
class Past:
    """What was done with an item and its variants.

    Attributes
    ----------
    row : of the newest of the variants
    weight : signed, before newness
    kind : the strongest thing that was done
    rank : 0 = newest; those of one moment share their mean rank
    had : whether any of them was bought less than a day ago
    """

    row: int
    weight: float
    kind: str
    rank: float
    had: bool


@dataclass(frozen=True)
class Said:
    """A review, a search or a tag: its vector, and how much it weighs."""

    signal: TextSignal
    vector: F64
    weight: float
    rank: float


@dataclass(frozen=True)
class Carrier:
    """A past item that speaks for a term of an item's score, an anchor, or a reviewed item."""

    item_id: str
    kind: str
    support: float
    rank: float = 0.0


@dataclass(frozen=True)
class Shown:
    """One place of a list."""

    row: int
    promotion: str | None = None


@dataclass
class PlainRanking:
    """Everything about one request.

    Attributes
    ----------
    request : as it was carried out; one for what is in demand names its candidates
    terms : term -> its value for each item, before weights and scales
    sizes : term -> how large the numbers were that it was added up from; what single precision takes from the term is
        in proportion to that
    coefficients : term -> what it counts for
    sellable, allowed : bool (n,), what may be sold at all, and what this list may show
    pins : place (from 0) -> row
    promoted : of each promotion of the request what it may place
    source : of the answer; None where it hangs on what was named in earlier requests
    support : term -> float64 (past items, n), how much each past item speaks for each item
    """

    shop: PlainShop
    request: RecommendationRequest
    past: list[Past]
    said: list[Said]
    anchors: list[int]
    terms: dict[str, F64]
    sizes: dict[str, F64]
    coefficients: dict[str, float]
    sellable: Mask
    allowed: Mask
    pins: dict[int, int]
    promoted: list[Mask]
    source: str | None
    support: dict[str, F64]

    @cached_property
    def scores(self) -> F64:
        """Float64 (n,)."""
        return np.asarray(sum(self.coefficients[name] * self.terms[name] for name in TERMS), dtype=np.float64)

    @cached_property
    def spans(self) -> F64:
        """Float64 (n,), how large the numbers were that each score was added up from."""
        return np.asarray(sum(abs(self.coefficients[name]) * self.sizes[name] for name in TERMS), dtype=np.float64)

    def shares(self, row: int) -> dict[str, float]:
        """What each term adds to the score of an item."""
        return {name: float(self.coefficients[name] * self.terms[name][row]) for name in TERMS}

    def tie_key(self, row: int) -> int:
        """A number made from the id that settles what score and popularity leave open."""
        mixed = zlib.crc32(self.shop.items[row].item_id.encode()) * 0x9E3779B1 % 2**32
        return mixed ^ (mixed >> 15)

    def best_first(self, mask: Mask, *, all_variants: bool = False) -> list[int]:
        """The rows of `mask` from the best down, one of each group of variants unless all are wanted."""
        scores, popularity = self.scores, self.shop.popularity
        rows = sorted(np.flatnonzero(mask).tolist(), key=lambda r: (-scores[r], -popularity[r], self.tie_key(r)))
        one_each: dict[str, int] = {}
        for row in rows:
            one_each.setdefault(self.shop.items[row].group, row)
        return rows if all_variants else list(one_each.values())

    def candidates(self) -> list[int]:
        """Rows of the known ones among the request's candidates."""
        wanted = set(self.request.candidates or ())
        return [row for row, item in enumerate(self.shop.items) if item.item_id in wanted]

    def expected(self) -> list[Shown]:
        """The whole list, whatever its limit."""
        if self.request.complete:
            among = np.isin(np.arange(self.shop.n), self.candidates())
            known = self.best_first(among, all_variants=True)
            return [Shown(row) for row in known if self.sellable[row]] + [
                Shown(row) for row in known if not self.sellable[row]
            ]
        ranking, promoted = self.best_first(self.allowed), [self.best_first(mask) for mask in self.promoted]
        room, places = Room(self), list[Shown]()
        while True:
            found = room.pinned_at(len(places))
            for number in () if found else room.owed(len(places)):
                own = next((row for row in promoted[number] if room.fits(row)), None)
                if own is not None:
                    room.take(own, number)
                    found = Shown(own, self.request.promotions[number].name)
                    break
            if found is None and (best := next((row for row in ranking if room.fits(row)), None)) is not None:
                room.take(best)
                found = Shown(best)
            found = found or room.next_pinned()
            if found is None:
                return places
            places.append(found)

    def carriers(self, term: str, row: int, share: float) -> list[Carrier]:
        """What speaks for a term of an item's score, or against it where it is negative; the strongest first.

        Parameters
        ----------
        share : what the term adds to the score
        """
        sign = 1.0 if share >= 0 else -1.0
        found: list[Carrier] = []
        if term == "words":
            best: dict[str, Carrier] = {}
            for said, one in zip(self.said, self.support["words"][:, row].tolist(), strict=True):
                item_id = said.signal.item_id
                if item_id in self.shop.row_of and not sign < 0 <= said.weight:
                    carrier = Carrier(item_id, said.signal.event_type, sign * one, said.rank)
                    best[item_id] = max(best.get(item_id, carrier), carrier, key=lambda known: known.support)
            found = list(best.values())
        elif term in ("similar", "complement") and self.anchors:
            for anchor, one in zip(self.anchors, self.support["anchors"][:, row].tolist(), strict=True):
                found.append(Carrier(self.shop.items[anchor].item_id, "anchor", one))
        elif term == "image_similar" and self.anchors:
            for anchor, one in zip(self.anchors, self.support["pictures"][:, row].tolist(), strict=True):
                found.append(Carrier(self.shop.items[anchor].item_id, "anchor", one))
        elif term in self.support:
            for past, one in zip(self.past, self.support[term][:, row].tolist(), strict=True):
                # What is unlike a liked thing loses by that too, but only what is disliked can be pointed at.
                if not (term in ("text", "described", "image", "tags") and sign < 0 <= past.weight):
                    found.append(Carrier(self.shop.items[past.row].item_id, past.kind, sign * one, past.rank))
        return sorted((one for one in found if one.support > 0), key=lambda one: (-one.support, one.rank))


class Room:
    """What may still be placed while a list is filled place by place."""

    def __init__(self, plain: PlainRanking) -> None:
        self._plain, self._items = plain, plain.shop.items
        self.taken: set[str] = set()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._placed = [0] * len(plain.request.promotions)
        self._pins: dict[int, int] = {}
        for place, row in sorted(plain.pins.items()):
            if self._items[row].group not in self.taken:  # of pinned variants the first one is placed
                self._pins[place] = row
                self.take(row)

    def _labels(self, row: int) -> list[tuple[str, str]]:
        labels = {"brand": self._items[row].brand, "category": ("", *self._items[row].categories)[-1]}
        return [(name, labels[name]) for name in self._plain.request.caps if labels[name]]

    def fits(self, row: int) -> bool:
        """Whether no variant of it is placed yet, and its brand and last category have room."""
        caps = self._plain.request.caps
        full = any(self._counts[label] >= caps[label[0]] for label in self._labels(row))  # type: ignore[index]
        return self._items[row].group not in self.taken and not full

    def take(self, row: int, promotion: int | None = None) -> None:
        """Place an item, for a promotion where that is given."""
        self.taken.add(self._items[row].group)
        self._counts.update(self._labels(row))
        if promotion is not None:
            self._placed[promotion] += 1

    def owed(self, place: int) -> list[int]:
        """The promotions that a place is owed to, the one that waits longest first."""
        shares = [promotion.share for promotion in self._plain.request.promotions]
        debts = [math.floor((place + 1) * share + 1e-9) - n for share, n in zip(shares, self._placed, strict=True)]
        return sorted((k for k, debt in enumerate(debts) if debt > 0), key=lambda k: -debts[k])

    def pinned_at(self, place: int) -> Shown | None:
        """What is pinned to a place."""
        row = self._pins.pop(place, None)
        return None if row is None else Shown(row)

    def next_pinned(self) -> Shown | None:
        """What is pinned further down, once nothing else is left."""
        return Shown(self._pins.pop(min(self._pins))) if self._pins else None


def plain_ranking(
    snapshot: Snapshot,
    profile: UserProfile,
    request: RecommendationRequest,
    now_ms: int,
    overlay: Overlay | None = None,
    changes: Sequence[ChangedItem] = (),
    kinds: Mapping[str, EventType] = EVENT_TYPES,
    live: Live | None = None,
) -> PlainRanking:
    """What `recommend` has to answer.

    Parameters
    ----------
    changes : what `overlay` was made of

    Raises
    ------
    NothingToGoWith : none of the request's items is known
    """
    return _Evaluation(snapshot, profile, request, now_ms, overlay, changes, kinds, live).ranking()


class _Evaluation:
    """The way to a ranking, step by step."""

    def __init__(
        self,
        snapshot: Snapshot,
        profile: UserProfile,
        request: RecommendationRequest,
        now_ms: int,
        overlay: Overlay | None,
        changes: Sequence[ChangedItem],
        kinds: Mapping[str, EventType],
        live: Live | None,
    ) -> None:
        past_moment = request.as_of_ms is not None
        self.snapshot, self.kinds = snapshot, kinds
        self.now_ms = now_ms if request.as_of_ms is None else request.as_of_ms
        # As of a moment: the snapshot as it is, and nothing of what happens right now.
        over = None if past_moment else overlay
        self.index = index_of(snapshot) if over is None else over.index
        self.shop = PlainShop(snapshot, changes if over is not None else (), self.index.encoder_tag)
        self.trend: Demand | None = None if live is None or past_moment else live.demands.get(request.window or "24h")
        self.request = _of_what_is_in_demand(request, self.trend)
        self.profile = _who(snapshot, profile, request)
        self.settings = {**SETTINGS, **snapshot.weights.settings}
        self.past, self.said = self._past(), self._said()
        self.query = request.query if request.query and request.query.strip() else None
        self.zeros = np.zeros(self.shop.n)
        self.terms = {name: self.zeros.copy() for name in TERMS}
        self.sizes = {name: self.zeros.copy() for name in TERMS}
        self.support: dict[str, F64] = {}
        self.due: dict[int, float] = {}
        self.anchors: list[int] = []

    def ranking(self) -> PlainRanking:
        request, related = self.request, self.request.relation in ("similar", "together")
        if related:
            known = sorted({self.shop.row_of[i] for i in request.items if i in self.shop.row_of})
            self.anchors = [row for row in known if not self.shop.items[row].deleted]
            if not self.anchors:
                raise NothingToGoWith
        if request.relation == "buy_again":
            self.due = self._due()
        for part in (
            self._similarity,
            self._lists,
            self._text,
            self._described,
            self._images,
            self._tags,
            self._words,
            self._query,
            self._base,
            self._affinities,
            self._related,
            self._shop_wishes,
            self._rotation,
        ):
            part()
        for name in TERMS:
            self.sizes[name] = np.maximum(self.sizes[name], np.abs(self.terms[name]))
        allowed, pins = self._allowed()
        stated = self._stated()
        return PlainRanking(
            shop=self.shop,
            request=request,
            past=self.past,
            said=self.said,
            anchors=self.anchors,
            terms=self.terms,
            sizes=self.sizes,
            coefficients=self._coefficients(),
            sellable=self._sellable(),
            allowed=allowed,
            pins=pins,
            promoted=[allowed & self._holds(promotion.filter) for promotion in request.promotions],
            source=self._source(stated),
            support=self.support,
        )

    # What the shopper did

    def _age_weight(self, kind: str, at_ms: int) -> float:
        """What an event of a kind weighs after its time; all of it where the snapshot's times are no times."""
        about = self.kinds.get(kind)
        if about is None or not self.snapshot.clock_usable:
            return 0.0 if about is None else about.weight
        age_s = max(0, self.now_ms - at_ms) / 1000
        return float(about.weight * 0.5 ** (age_s / (about.half_life_s * self.settings["time_half_life_factor"])))

    def _standing(self) -> list[Entry]:
        """What was done and not taken back, oldest first."""

        def group(item_id: str) -> str:
            row = self.shop.row_of.get(item_id)
            return item_id if row is None else self.shop.items[row].group

        return list(settled(sorted({*self.profile.interactions, *self.profile.strong}), group))

    def _past(self) -> list[Past]:
        entries = self._standing()
        grades = [e.grade for e in entries if e.event_type in GRADED and e.grade is not None]
        mean = max(3.0, min(4.5, (math.fsum(grades) + 3.5 * 3) / (len(grades) + 3)))
        acts: dict[str, list[tuple[Entry, int, float]]] = {}
        for entry in entries:
            row = self.shop.row_of.get(entry.item_id)
            if row is not None and entry.event_type in self.kinds and self.kinds[entry.event_type].weight != 0:
                weight = self._age_weight(entry.event_type, entry.timestamp_ms)
                weight *= 1 + self.settings["grade_strength"] * (_grade_factor(entry, mean) - 1)
                acts.setdefault(self.shop.items[row].group, []).append((entry, row, weight))
        found = []
        for group in acts.values():
            total = _single(math.fsum(act[2] for act in group))
            # What goes against the sum makes nothing newer.
            of_its_side = [act for act in group if act[2] * total > 0] or group
            newest = max(of_its_side, key=lambda act: (act[0].timestamp_ms, abs(act[2]), -act[1]))
            strongest = max(group, key=lambda act: (abs(act[2]), act[0].timestamp_ms, act[0].event_type))
            had = self.snapshot.clock_usable and any(
                entry.event_type in BOUGHT and self.now_ms < entry.timestamp_ms + 24 * 3600 * 1000
                for entry, *_ in group
            )
            found.append((newest[1], total, strongest[0].event_type, newest[0].timestamp_ms, had))
        found.sort()
        ranks = _ranks([act[3] for act in found])
        return [
            Past(row, weight, kind, rank, had) for (row, weight, kind, _, had), rank in zip(found, ranks, strict=True)
        ]

    def _said(self) -> list[Said]:
        tag, width = self.index.encoder_tag, len(self.shop.mean)
        usable = [t for t in self.profile.texts if tag is not None and t.tag == tag and len(t.vector) == width]
        usable.sort(key=lambda t: (-t.timestamp_ms, t.item_id, t.event_type, t.polarity, t.vector))
        ranks = _ranks([t.timestamp_ms for t in usable])
        return [
            Said(
                text,
                unit(np.frombuffer(text.vector, dtype=np.int8).astype(np.float64)),
                _single(self._age_weight(text.event_type, text.timestamp_ms) * text.polarity),
                rank,
            )
            for text, rank in zip(usable, ranks, strict=True)
        ]

    def _faded(self, weights: Sequence[float], ranks: Sequence[float], setting: str) -> list[float]:
        """Weights after newness, divided by their total and a floor."""
        half_life = self.settings[f"{setting}_half_life_events"]
        faded = [weight * 2 ** (-rank / half_life) for weight, rank in zip(weights, ranks, strict=True)]
        total = sum(map(abs, faded))
        return [weight / (total + self.settings["history_floor"]) for weight in faded] if total > 0 else faded

    def _past_weights(self, setting: str) -> list[float]:
        return self._faded([past.weight for past in self.past], [past.rank for past in self.past], setting)

    def _stated(self) -> dict[str, dict[str, float]]:
        """Affinities stated outright, by the shopper or by the page; the page says more."""
        preferences = self.profile.preferences.value or {}
        stated: dict[str, dict[str, float]] = {}
        for name, plural in (("category", "categories"), ("brand", "brands")):
            stated[name] = dict.fromkeys(preferences.get(plural, ()), 0.5)
            if name in self.request.context:
                stated[name][self.request.context[name]] = 1.0
        return stated

    def _demand_left(self) -> float:
        """How much of the demand at the cut-off still holds for someone of whom something good is known."""
        days = self.settings["demand_fade_days"]
        likes = any(past.weight > 0 for past in self.past) or any(said.weight > 0 for said in self.said)
        if not likes or days <= 0 or not self.snapshot.clock_usable:
            return 1.0
        return float(0.5 ** (abs(self.now_ms - self.snapshot.training_cutoff_ms) / (days * DAY_MS)))

    # Terms

    def _similarity(self) -> None:
        vector = user_vector_of(self.profile, self.index, self.now_ms, self.kinds)
        encoder = user_encoder_of(self.snapshot)
        if vector is None or encoder is None:
            return
        for row in range(self.shop.n):
            if row < self.shop.n_old:
                own = self.snapshot.item_vectors_f16[row].astype(np.float64)
            else:
                own = unit(self.shop.white[row] @ encoder.projection.astype(np.float64))
            self.terms["similarity"][row] = own @ vector.astype(np.float64)
        self.sizes["similarity"][:] = 1.0

    def _spread_correction(self, name: str, told: F64) -> float:
        usual = self.shop.spreads.get(name, 0.0)
        if not usual or not told.any():
            return 1.0
        return math.sqrt(usual / max(float(told[: self.shop.n_old].std()), usual * 0.05))

    def _lists(self) -> None:
        for name in LISTS:
            weights = self._past_weights("history")
            rows = [weight * self.shop.listed(name, past.row) for past, weight in zip(self.past, weights, strict=True)]
            self.support[name] = _stacked(rows, self.shop.n)
            told = np.abs(self.support[name]).sum(axis=0)
            spread_correction = self._spread_correction(name, told)
            self.terms[name] = self.support[name].sum(axis=0) * spread_correction
            self.sizes[name] = told * spread_correction

    def _text(self) -> None:
        weights = self._past_weights("text")
        near = [self.shop.white @ self.shop.white[past.row] for past in self.past]
        self.support["text"] = _stacked(
            [_spoken(weight, one) for weight, one in zip(weights, near, strict=True)], self.shop.n
        )
        # Over the snapshot's items as they were then: what is laid over them changes nothing for the others.
        past = [self.shop.snapshot_white @ self.shop.white[past.row] for past in self.past]
        told = _stacked([abs(weight) * one for weight, one in zip(weights, past, strict=True)], self.shop.n_old)
        spread_correction = self._spread_correction("text", told.sum(axis=0))
        self.terms["text"] = _liked_less_disliked(weights, near, self.shop.n) * spread_correction
        self.sizes["text"] = np.full(self.shop.n, sum(map(abs, weights)) * spread_correction)

    def _centred(self, vector: F64) -> F64:
        """Dot products less that of the mean item; an item without text is neither near nor far."""
        return np.asarray([vector @ (raw - self.shop.mean) if raw.any() else 0.0 for raw in self.shop.raw])

    def _described(self) -> None:
        kept, shop = self.snapshot.described, self.shop
        written = np.zeros((shop.n, len(shop.mean)))
        if kept is not None:
            for row in range(shop.n_old):
                if not shop.items[row].changed:
                    written[row] = kept[1][row]
        weights = self._past_weights("text")
        counted = np.ones((shop.n, 2))
        if (shares := self.snapshot.described_shares) is not None:
            counted[: shop.n_old] = shares
        speaks = counted[:, 0] > 0
        near = [written @ (written[past.row] * speaks[past.row]) * counted[:, 0] for past in self.past]
        self.support["described"] = _stacked(
            [_spoken(weight, one) for weight, one in zip(weights, near, strict=True)], shop.n
        )
        self.terms["described"] = _liked_less_disliked(weights, near, shop.n)
        self.sizes["described"] = np.full(shop.n, sum(map(abs, weights)))
        if kept is not None and self.query is not None and self.snapshot.encoder is not None:
            meant = unit(self.snapshot.encoder.encode(self.query).astype(np.float64) - shop.mean)
            self.terms["described_query"] = written @ meant * counted[:, 1]
            self.sizes["described_query"][:] = 1.0

    def _tags(self) -> None:
        shop, kept = self.shop, self.snapshot.tag
        tags = np.zeros((shop.n, 1 if kept is None else kept.fine.shape[1]))
        for row in range(shop.n_old):
            if kept is not None and not shop.items[row].changed:
                tags[row] = kept.fine[row]
        weights = self._past_weights("text")
        near = [tags @ tags[past.row] for past in self.past]
        self.support["tags"] = _stacked(
            [_spoken(weight, one) for weight, one in zip(weights, near, strict=True)], shop.n
        )
        self.terms["tags"] = _liked_less_disliked(weights, near, shop.n)
        self.sizes["tags"] = np.full(shop.n, sum(map(abs, weights)))

    def _images(self) -> None:
        shop = self.shop
        weights = self._past_weights("text")
        near = [shop.images @ shop.images[past.row] for past in self.past]
        self.support["image"] = _stacked(
            [_spoken(weight, one) for weight, one in zip(weights, near, strict=True)], shop.n
        )
        self.terms["image"] = _liked_less_disliked(weights, near, shop.n)
        self.sizes["image"] = np.full(shop.n, sum(map(abs, weights)))
        if self.anchors and self.request.relation == "similar":
            rows = [shop.images @ shop.images[anchor] for anchor in self.anchors]
            self.support["pictures"] = _stacked(rows, shop.n)
            self.terms["image_similar"] = sum(rows, np.zeros(shop.n)) / len(self.anchors)
            self.sizes["image_similar"] = np.ones(shop.n)

    def _words(self) -> None:
        weights = self._faded([said.weight for said in self.said], [said.rank for said in self.said], "words")
        near = [self._centred(said.vector) for said in self.said]
        self.support["words"] = _stacked(
            [_spoken(weight, one) for weight, one in zip(weights, near, strict=True)], self.shop.n
        )
        self.terms["words"] = _liked_less_disliked(weights, near, self.shop.n)
        self.sizes["words"] = np.full(self.shop.n, 2 * sum(map(abs, weights)))

    def _query(self) -> None:
        if self.query is None:
            return
        if self.snapshot.encoder is not None:
            self.terms["query"] = self._centred(self.snapshot.encoder.encode(self.query).astype(np.float64))
            self.sizes["query"][:] = 2.0
        shop = self.shop
        now = [(None if item.words is None else _words_of(item.words)) for item in shop.items]
        # Rarity is counted over the snapshot's items as they were, and the changed ones as they are.
        counted = [_words_of(document) for document in shop.old_documents]
        counted += [words for words, item in zip(now, shop.items, strict=True) if item.changed and words is not None]
        n = shop.n_old + sum(item.changed for item in shop.items)
        needs = needs_of(self.query)
        rarity = {need: math.log1p(n / (1 + sum(_meets(words, need) for words in counted))) for need in needs}
        code = asked_code(self.query)
        for row, (item, words) in enumerate(zip(shop.items, now, strict=True)):
            if item.words is None or words is None:
                continue
            attributes = item.words.get("attributes", {}).items()
            named = [item.item_id, *(value for name, value in attributes if name.lower() in NUMBERS)]
            numbers = [str(number).strip().lower() for number in named]
            codes = {code_of(number) for number in numbers}
            if self.query.strip().lower() in numbers or code in codes:
                self.terms["lexical"][row] = 20.0
            elif code is not None and any(one.startswith(code) for one in codes):
                self.terms["lexical"][row] = 5.0  # shops here are so small that few items begin alike
            elif rarity:
                met = sum(value for need, value in rarity.items() if _meets(words, need))
                self.terms["lexical"][row] = met / sum(rarity.values())

    def _base(self) -> None:
        shop, left = self.shop, self._demand_left()
        self.terms["popularity"], self.terms["trend"] = shop.popularity * left, shop.trend * left
        self.terms["new_item"] = shop.unseen
        for item_id, chosen in (self.trend.decayed if self.trend is not None else {}).items():
            if item_id in shop.row_of:
                self.terms["live_trend"][shop.row_of[item_id]] = math.log1p(chosen)
        known = self.snapshot.contexts
        stated = {(name, context_value(value)) for name, value in self.request.context.items()}
        for number, context in enumerate(known.contexts if known is not None else ()):
            if known is None or context not in stated:
                continue
            there = dict(zip(*(part.tolist() for part in known.items.row(number)), strict=True))
            for row in range(shop.n):
                usual = math.log1p(math.expm1(shop.popularity[row]) * float(known.share[number]))
                lift, here = there.get(row, 0.0) - usual, there.get(row)
                if here is not None and abs(lift) <= here / 1024:  # sells there as everywhere
                    lift = 0.0
                self.terms["context"][row] += lift * left
                self.sizes["context"][row] += there.get(row, 0.0) + usual

    def _affinities(self) -> None:
        shop, stated = self.shop, self._stated()
        brands = np.asarray([item.brand for item in shop.items])
        groups = np.asarray([item.group for item in shop.items])
        bands = np.asarray([-9 if item.band is None else item.band for item in shop.items])
        support: dict[str, list[F64]] = {name: [] for name in ("category", "brand", "price", "again", "due")}
        for past, weight in zip(self.past, self._past_weights("affinity"), strict=True):
            then = shop.items[past.row]
            common, rarity = self.zeros.copy(), self.zeros.copy()
            for name in then.categories:
                common += shop.shares_of(name)
                rarity += shop.rarity(name) * (shop.shares_of(name) > 0)
            same_brand = (brands == then.brand) * (then.brand != "")
            apart = np.abs(bands - bands[past.row]) if then.band is not None else np.full(shop.n, 9)
            again = (np.arange(shop.n) == past.row) * (not past.had)
            for name, value in (
                ("category", common),
                ("brand", same_brand),
                ("price", np.where(apart == 0, 1.0, np.where(apart == 1, 0.5, 0.0))),
                ("again", again * (weight > 0)),
            ):
                self.terms[name] += weight * value
                self.sizes[name] += abs(weight) * value
            in_demand = self.settings["repeat_demand"] * self._demand_left() * shop.popularity * again * (weight > 0)
            self.terms["again"] += in_demand
            self.sizes["again"] += in_demand
            for name, value in (
                ("category", rarity),
                ("brand", same_brand),
                ("price", apart == 0),
                ("again", again),
            ):
                support[name].append(weight * value)
            support["due"].append((groups == then.group).astype(np.float64))
        for name, value in stated["category"].items():
            self.terms["category"] += value * shop.shares_of(name)
        for name, value in stated["brand"].items():
            self.terms["brand"] += value * (brands == name)
        self.support |= {name: _stacked(rows, shop.n) for name, rows in support.items()}

    def _related(self) -> None:
        shop, anchors = self.shop, self.anchors
        for row, score in self.due.items():
            self.terms["due"][row] = score
        if not anchors:
            return
        name = "neighbours" if self.request.relation == "similar" else "together"
        term = "similar" if self.request.relation == "similar" else "complement"
        found = np.zeros(shop.n)
        for anchor in anchors:
            near = shop.white @ shop.white[anchor]
            if term == "similar":
                found += near + 0.5 * self._from_peak(name, anchor)
            elif self._has_list(name, anchor):
                found += self._from_peak(name, anchor)
            else:  # never bought with anything: what is most like it lends half of what it has
                lending = [k for k in range(shop.n_old) if shop.lists[name][k].any() and near[k] > 0]
                lending.sort(key=lambda k: (-near[k], k))
                shop.note_the_cut([float(near[k]) for k in lending])
                total = sum(near[k] for k in lending[:NEAREST])
                for k in lending[:NEAREST]:
                    found += self._from_peak(name, k) * 0.5 * near[k] / max(total, 1e-6)
        self.terms[term] = found / len(anchors)
        self.sizes[term] = np.abs(self.terms[term]) + (1.0 if term == "similar" else 0.0)
        rows = [shop.white @ shop.white[a] if term == "similar" else shop.listed(name, a) for a in anchors]
        self.support["anchors"] = _stacked(rows, shop.n)

    def _has_list(self, name: str, row: int) -> bool:
        source = self.shop.list_row(row)
        return source is not None and bool(self.shop.lists[name][source].any())

    def _from_peak(self, name: str, row: int) -> F64:
        """The list of an item; 1 is what the best neighbour of a usual item has, or of this one where that is more."""
        source = self.shop.list_row(row)
        own = 0.0 if source is None else float(self.shop.lists[name][source].max(initial=0.0))
        return self.shop.listed(name, row) / max(self.shop.scales.get(name, 1.0), own)

    def _due(self) -> dict[int, float]:
        """Row of what may be bought again -> how likely that is about now."""
        bought: dict[str, list[tuple[int, int]]] = {}
        for entry in self._standing():
            row = self.shop.row_of.get(entry.item_id)
            if row is not None and entry.event_type == "purchase":
                bought.setdefault(self.shop.items[row].group, []).append((row, entry.timestamp_ms))
        found: dict[int, float] = {}
        for purchases in bought.values():
            score = self._chance(min(row for row, _ in purchases), sorted(at_ms for _, at_ms in purchases))
            found |= {row: score for row, _ in purchases if score is not None}
        return found

    def _chance(self, row: int, times_ms: list[int]) -> float | None:
        known = self.snapshot.repurchase
        if known is None or not self.snapshot.clock_usable:
            times = len(set(times_ms))
            return math.log1p(min(0.99, (0.25 * 2 + times - 1) / (2 + times - 1)) / 0.001)
        starts = [times_ms[0]]
        for at_ms in times_ms:
            if at_ms - starts[-1] >= DAY_MS:
                starts.append(at_ms)
        days = (self.now_ms - starts[-1]) / DAY_MS
        share, gap, spread = (
            float(part[row]) if row < self.shop.n_old else float(np.mean(part, dtype=np.float64))
            for part in (known.share, known.gap_days, known.gap_spread)
        )
        times = len(starts)
        share = min(0.99, (share * 2 + times - 1) / (2 + times - 1))
        if days < 1 or share < 0.1:
            return None
        gaps = [math.log((b - a) / DAY_MS) for a, b in pairwise(starts)]
        middle = (5 * math.log(gap) + sum(gaps)) / (5 + len(gaps))
        left, later = (0.5 * math.erfc((math.log(t) - middle) / spread / math.sqrt(2)) for t in (days, days + 7))
        return math.log1p(share * (left - later) / (1 - share + share * left) / 0.001)

    def _shop_wishes(self) -> None:
        for boost in self.request.boosts:
            holds = self._holds(boost.filter)
            self.terms["boost"] += boost.weight * holds
            self.sizes["boost"] += abs(boost.weight) * holds

    def _rotation(self) -> None:
        if not self.request.rotation:
            return
        latest: dict[str, int] = {}
        for item in self.shop.items:
            for impression in self.profile.impressions:
                if impression.key == item_key(item.item_id):
                    latest[item.group] = max(latest.get(item.group, 0), impression.timestamp_ms)
        for row, item in enumerate(self.shop.items):
            if item.group in latest:
                age_s = max(0, self.now_ms - latest[item.group]) / 1000
                self.terms["rotation"][row] = -(0.5 ** (age_s / self.settings["rotation_half_life_s"]))

    # What the terms count for, and what may be shown

    def _coefficients(self) -> dict[str, float]:
        request, stored = self.request, self.snapshot.weights.terms
        asked = self.query is not None or request.relation is not None
        weights = [past.weight for past in self.past] + [said.weight for said in self.said]
        unknown, no_likes = not asked and not any(weights), not asked and not any(weight > 0 for weight in weights)
        found = {}
        for term in TERMS:
            weight, scale = DEFAULT_WEIGHTS[term], self.shop.scales.get(term, 1.0)
            if term in stored:
                weight, scale = stored[term].weight, stored[term].scale
            if term in ("popularity", "trend", "context"):
                weight = max(weight, DEFAULT_WEIGHTS[term]) if no_likes else weight
            elif term == "live_trend" and unknown and term in stored:
                pass  # what sells right now concerns everyone
            elif unknown and term != "rotation":  # what they were shown is known
                weight = 2.0 if term in ("category", "brand") else 0.0
            if asked and term not in OF_THE_REQUEST:
                weight *= self.settings["query_share"]
            found[term] = (request.weights or {}).get(term, weight) / scale
        found["boost"] = 1.0 if request.boosts else 0.0
        found["rotation"] *= request.rotation
        return found

    def _holds(self, wanted: Expression) -> Mask:
        about = FilterContext(self.now_ms, self.profile, self.request.parameters, self.kinds)
        return np.asarray(mask_of(wanted, self.index, about), dtype=np.bool_)

    def _sellable(self) -> Mask:
        return np.asarray(
            [
                item.available and (item.expires_at_ms == 0 or item.expires_at_ms > self.now_ms)
                for item in self.shop.items
            ],
            dtype=np.bool_,
        )

    def _allowed(self) -> tuple[Mask, dict[int, int]]:
        """What the list may show, and what is pinned: what was seen may be pinned, what else is left out may not."""
        request, shop = self.request, self.shop
        holds = self._sellable() if request.filter is None else self._sellable() & self._holds(request.filter)
        seen = set() if request.exclude_seen == "none" else set(request.seen_items)
        for entry in {*self.profile.interactions, *self.profile.strong}:
            if request.exclude_seen == "interacted" or (
                request.exclude_seen == "purchased" and entry.event_type == "purchase"
            ):
                seen.add(entry.item_id)
        if request.relation == "buy_again":
            seen = set()
        shown, anchors = self._groups(request.shown_items), self._groups(request.items if self.anchors else ())
        seen_groups = self._groups(seen)
        free, pinnable = self.zeros.astype(bool), self.zeros.astype(bool)
        for row, item in enumerate(shop.items):
            pinnable[row] = (
                holds[row]
                and item.group not in shown | anchors
                and item.item_id not in request.exclude_items
                and (request.candidates is None or item.item_id in request.candidates)
                and (request.relation != "buy_again" or row in self.due)
            )
            free[row] = pinnable[row] and item.group not in seen_groups
        pins = {pin.position - 1: shop.row_of[pin.item_id] for pin in request.pinned if pin.item_id in shop.row_of}
        return free, {place: row for place, row in pins.items() if pinnable[row]}

    def _groups(self, item_ids: Iterable[str]) -> set[str]:
        return {self.shop.items[self.shop.row_of[i]].group for i in item_ids if i in self.shop.row_of}

    def _source(self, stated: Mapping[str, Mapping[str, float]]) -> str | None:
        if self.query is not None:
            return "query"
        if self.request.relation is not None:
            return "personal" if self.request.relation == "buy_again" else "related"
        if any(past.weight for past in self.past) or any(said.weight for said in self.said):
            return "personal"
        columns = self.snapshot.columns
        if set(stated["category"]) & set(columns.categories) or set(stated["brand"]) & set(columns.brands):
            return "personal"
        # A name that no item of the snapshot has counts once an item that changed since has had it.
        return None if stated["category"] or stated["brand"] else "popular"


def _single(value: float) -> float:
    """A weight as it is kept: what single precision can't tell from nothing is nothing."""
    return float(np.float32(value))


def _ranks(times_ms: Sequence[int]) -> list[float]:
    """Newest = 0; those of one moment share the mean of their ranks."""
    return [
        sum(other > at_ms for other in times_ms) + (sum(other == at_ms for other in times_ms) - 1) / 2
        for at_ms in times_ms
    ]


def _grade_factor(entry: Entry, mean: float) -> float:
    """How much a grade counts for or against an item, around the shopper's own mean; a tone around the usual one."""
    if entry.event_type not in GRADED or (entry.grade is None and entry.tone is None):
        return 1.0
    if entry.grade is not None:
        return max(-1.0, min(1.25, 0.5 + (entry.grade - mean) / 2))
    return max(-1.0, min(1.25, 0.5 + (3 + 2 * (entry.tone or 0.0) - 3.5) / 2))


def _stacked(rows: Sequence[F64], width: int) -> F64:
    return np.asarray(rows, dtype=np.float64).reshape(len(rows), width)


def _spoken(weight: float, near: F64) -> F64:
    """What one vector adds by itself: what is unlike a disliked thing gains nothing."""
    return weight * (near if weight >= 0 else np.maximum(near, 0.0))


def _liked_less_disliked(weights: Sequence[float], near: Sequence[F64], n: int) -> F64:
    liked, disliked = np.zeros(n), np.zeros(n)
    for weight, one in zip(weights, near, strict=True):
        liked += max(weight, 0.0) * one
        disliked += max(-weight, 0.0) * one
    return liked - np.maximum(disliked, 0.0)


def _words_of(document: Mapping[str, object]) -> set[str]:
    categories = document.get("categories", ())
    parts = [document["item_id"], document.get("title", ""), document.get("brand", "")]
    parts += categories if isinstance(categories, list | tuple) else []
    return set(terms_of(" ".join(map(str, parts))))


def _meets(words: set[str], need: Need) -> bool:
    return any(all(term in words for term in alternative) for alternative in need)


def _of_what_is_in_demand(request: RecommendationRequest, trend: Demand | None) -> RecommendationRequest:
    if request.window is None:
        return request
    times = {} if trend is None else trend.times
    among = list(times) if request.candidates is None else [i for i in request.candidates if i in times]
    return replace(request, candidates=tuple(among), weights={**dict.fromkeys(TERMS, 0.0), "live_trend": 1.0})


def _who(snapshot: Snapshot, profile: UserProfile, request: RecommendationRequest) -> UserProfile:
    """The stored profile unless it is refused, as it was at the moment, and the running session."""
    consent = profile.consent.value
    stored = profile
    if request.personalization == "off":
        return EMPTY_PROFILE
    if request.personalization == "session" or (consent is not None and consent.get("personalization") is False):
        stored = EMPTY_PROFILE
    if request.as_of_ms is not None:
        then = within(stored, -1, request.as_of_ms)
        stored = replace(
            stored, interactions=then.interactions, strong=then.strong, texts=then.texts, impressions=then.impressions
        )
    if not request.interactions:
        return stored
    return merge(stored, profile_of(request.interactions, encode_with(snapshot)))
