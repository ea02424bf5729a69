"""Some fifty requests, of every kind that lists come from, about a snapshot's own items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from endcap.events.counts import WINDOWS, Demand, Live
from endcap.events.interaction import Interaction
from endcap.filters.eligibility import sellable
from endcap.filters.parser import expression
from endcap.index.index import index_of
from endcap.profiles.profile import EMPTY_PROFILE, Encode, UserProfile, profile_of
from endcap.ranking.slots import Pin, Promotion
from endcap.recommend.prepared import encode_with
from endcap.recommend.request import Boost, RecommendationRequest
from endcap.snapshot.snapshot import Snapshot

_ABOUT: Final = 12
"""Items that the requests are about: the most popular ones, and others evenly from the whole catalogue."""
_TYPES: Final = ("view", "click", "add_to_cart", "purchase", "wishlist", "dislike")
_HISTORIES: Final = (1, 2, 3, 5, 8, 12, 12, 12)
_DAY_MS: Final = 86_400_000
_WORDS: Final = ("很好，质量不错", "terrible, broke at once", "soft and warm")


@dataclass(frozen=True)
class Probe:
    """One request.

    Attributes
    ----------
    kind : what it is one of, as gates name it
    least : items that the answer has at least
    """

    kind: str
    request: RecommendationRequest
    least: int = 0
    profile: UserProfile = EMPTY_PROFILE
    live: Live | None = field(default=None, repr=False)


class Shop:
    """What a snapshot has to ask about."""

    def __init__(self, snapshot: Snapshot, now_ms: int) -> None:
        self.snapshot, self.now_ms = snapshot, now_ms
        self.index = index_of(snapshot)
        self.encode: Encode | None = encode_with(snapshot)
        self.groups = np.asarray(snapshot.groups)
        self.for_sale = sellable(self.index, now_ms)
        self.n_groups = len(np.unique(self.groups[self.for_sale]))
        self.rows = self._about()
        self.ids = [snapshot.item_ids[row] for row in self.rows]
        self.documents = [snapshot.document(row) for row in self.rows]

    def _about(self) -> list[int]:
        rows = np.flatnonzero(self.for_sale)
        if not len(rows):
            rows = np.arange(self.snapshot.n_items)
        popular = rows[np.argsort(-np.asarray(self.snapshot.popularity)[rows], kind="stable")][: _ABOUT // 2]
        spread = rows[np.linspace(0, len(rows) - 1, min(len(rows), _ABOUT)).astype(np.int64)] if len(rows) else rows
        return list(dict.fromkeys([*popular.tolist(), *spread.tolist()]))[:_ABOUT]

    def without(self, rows: Sequence[int]) -> int:
        """Groups for sale, these items' left out."""
        return len(np.setdiff1d(self.groups[self.for_sale], self.groups[list(rows)]))

    def acts(self, n: int, first: int = 0, words: bool = False) -> list[Interaction]:
        """What somebody did with `n` of the items, the last one just now, and with `words` also wrote."""
        some = [self.ids[(first + k) % len(self.ids)] for k in range(n)]
        found = [
            Interaction(
                f"probe-{first}-{k}", "probe", _TYPES[k % len(_TYPES)], self.now_ms - (n - k) * _DAY_MS, item_id
            )
            for k, item_id in enumerate(some)
        ]
        if words:
            found += [
                Interaction(f"said-{k}", "probe", "review", self.now_ms - k * _DAY_MS, some[k % n], text=text)
                for k, text in enumerate(_WORDS)
            ]
            found.append(Interaction("sought", "probe", "search", self.now_ms - 1000, text=_WORDS[2]))
        return found


def probes(snapshot: Snapshot, now_ms: int) -> Iterator[Probe]:
    """The requests; none where the snapshot has no item."""
    shop = Shop(snapshot, now_ms)
    if shop.rows:
        for kind in (_unknown, _known, _session, _related, _searches, _rankings, _filtered, _arranged, _others):
            yield from kind(shop)


def _unknown(shop: Shop) -> Iterator[Probe]:
    def least(limit: int) -> int:
        return min(limit, shop.n_groups)

    yield Probe("unknown", RecommendationRequest(), least(10))
    yield Probe("unknown", RecommendationRequest(limit=100, exclude_seen="none"), least(100))
    yield Probe("unknown", RecommendationRequest(limit=20, diversity=0.3, explain=False), least(20))
    yield Probe("unknown", RecommendationRequest(limit=5, context={"device": "phone", "country": "DE"}), least(5))


def _known(shop: Shop) -> Iterator[Probe]:
    for number, n in enumerate(_HISTORIES):
        profile = profile_of(shop.acts(n, number, words=number > 5), shop.encode)
        seen = [row for row, item_id in zip(shop.rows, shop.ids, strict=True) if _has(profile, item_id)]
        yield Probe("known", RecommendationRequest(limit=20), min(20, shop.without(seen)), profile)
    stranger = profile_of([Interaction("probe", "probe", "view", shop.now_ms - 1, "no item has this id")])
    yield Probe("known", RecommendationRequest(), min(10, shop.n_groups), stranger)
    for request in (
        RecommendationRequest(exclude_seen="none", diversity=0.5, calibration=0.3, rotation=0.5),
        RecommendationRequest(exclude_seen="none", as_of_ms=shop.now_ms - 2 * _DAY_MS),
        RecommendationRequest(exclude_seen="purchased", counterfactual=True, limit=5),
    ):
        least = min(request.limit, shop.n_groups) if request.exclude_seen == "none" else 0
        yield Probe("known", request, least, profile_of(shop.acts(6, words=True), shop.encode))


def _has(profile: UserProfile, item_id: str) -> bool:
    return any(entry.item_id == item_id for entry in (*profile.interactions, *profile.strong))


def _session(shop: Shop) -> Iterator[Probe]:
    for n in (1, 2, 5):
        acts = tuple(shop.acts(n, n, words=n > 2))
        request = RecommendationRequest(interactions=acts, personalization="session", exclude_seen="none")
        yield Probe("session", request, min(10, shop.n_groups))


def _related(shop: Shop) -> Iterator[Probe]:
    for row, item_id in list(zip(shop.rows, shop.ids, strict=True))[:6]:
        request = RecommendationRequest(limit=5, relation="similar", items=(item_id,))
        yield Probe("similar", request, min(5, shop.without([row])))
    for item_id in shop.ids[:4]:
        yield Probe("together", RecommendationRequest(limit=5, relation="together", items=(item_id,)))


def _searches(shop: Shop) -> Iterator[Probe]:
    titles = [title for document in shop.documents if (title := str(document.get("title") or "").strip())]
    least = min(1, shop.n_groups)
    for title in titles[:5]:
        yield Probe("search", RecommendationRequest(query=title[:200]), least)
    for words in (*(title.split()[0] for title in titles[5:8]), shop.ids[0], "纯棉 四件套", "no such thing qxz"):
        yield Probe("search", RecommendationRequest(query=words[:200]))
    known = profile_of(shop.acts(4), shop.encode)
    yield Probe("search", RecommendationRequest(query=(titles or ["lamp"])[0][:200]), 0, known)


def _rankings(shop: Shop) -> Iterator[Probe]:
    given = (*shop.ids, "no item has this id")
    for n in (0, 1, 6):
        request = RecommendationRequest(limit=500, candidates=given, complete=True, exclude_seen="none")
        yield Probe("ranking", request, len(given), profile_of(shop.acts(n), shop.encode))
    chosen = RecommendationRequest(limit=500, candidates=tuple(shop.ids), exclude_seen="none")
    among = [row for row in shop.rows if shop.for_sale[row]]
    yield Probe("ranking", chosen, len(np.unique(shop.groups[among])))


def _filtered(shop: Shop) -> Iterator[Probe]:
    known = profile_of(shop.acts(3), shop.encode)
    expressions = ["price < 20 OR price >= 20", 'title CONTAINS "a" AND NOT purchased WITHIN 30d']
    for field_name, sign in (("brand", "="), ("categories", "CONTAINS")):
        value: Any = next((d[field_name] for d in shop.documents if d.get(field_name)), None)
        if value:
            escaped = str(value if isinstance(value, str) else value[0])[:200].replace("\\", "\\\\").replace('"', '\\"')
            expressions.append(f'{field_name} {sign} "{escaped}"')
    for text in expressions:
        yield Probe("filtered", RecommendationRequest(filter=expression(text)), 0, known)
    everything = RecommendationRequest(filter=expression("item_id EXISTS"))
    yield Probe("filtered", everything, min(10, shop.n_groups))


def _arranged(shop: Shop) -> Iterator[Probe]:
    cheap = expression("price < 20")
    request = RecommendationRequest(
        boosts=(Boost(cheap, 0.5),),
        promotions=(Promotion("cheap", cheap, 0.2),),
        pinned=(Pin(shop.ids[-1], 2),),
        exclude_items=(shop.ids[0],),
        exclude_seen="none",
    )
    yield Probe("arranged", request, 0, profile_of(shop.acts(3), shop.encode))
    yield Probe("arranged", RecommendationRequest(caps={"brand": 2}, exclude_seen="none"))


def _others(shop: Shop) -> Iterator[Probe]:
    bought = [
        Interaction(f"bought-{k}", "probe", "purchase", shop.now_ms - (40 - k) * _DAY_MS, item_id)
        for k, item_id in enumerate(shop.ids)
    ]
    yield Probe("buy_again", RecommendationRequest(relation="buy_again", exclude_seen="none"), 0, profile_of(bought))
    times = {item_id: len(shop.ids) - k for k, item_id in enumerate(shop.ids)}
    for name, window in list(WINDOWS.items())[:2]:
        live = Live({name: Demand(window, times, {k: float(v) for k, v in times.items()})})
        among = [row for row in shop.rows if shop.for_sale[row]]
        least = min(10, len(np.unique(shop.groups[among])))
        yield Probe("trending", RecommendationRequest(window=name), least, live=live)
    clicks = Live({"7d": Demand(WINDOWS["7d"], times, {}, times, {k: 10 * v for k, v in times.items()})})
    drawn = RecommendationRequest(exploration=0.5, recommendation_id="probe", exclude_seen="none")
    yield Probe("exploration", drawn, min(10, shop.n_groups), profile_of(shop.acts(3), shop.encode), clicks)
