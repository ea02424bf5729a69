"""What shoppers and their shop ask for during a soak, and which accepted events must be found afterwards."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from endcap.identifiers import anonymous_key

LISTS: Final = frozenset({"recommendations", "session", "search", "rankings", "similar"})
"""Kinds of requests that are answered with a list of items."""
TABLE_WRITES: Final = frozenset({"item", "erasure"})
"""Kinds that are answered only when DynamoDB has taken them: while it is away, all they can be is put off."""

_MIX: Final[Mapping[str, float]] = {
    "recommendations": 35,
    "session": 10,
    "search": 8,
    "rankings": 6,
    "similar": 6,
    "events": 30,
    "item": 5,
    "erasure": 0.2,
}
_EVENT_TYPES: Final[Mapping[str, float]] = {"view": 48, "click": 20, "add_to_cart": 16, "purchase": 13, "review": 3}
_ACTIVE: Final = 30
_VISIT_EVENTS, _MOST_EVENTS = 5, 20  # fewer than a profile keeps, so that none is pushed out of it
_OWN_ITEMS: Final = 50
_AGO_MS: Final = 1_000
"""What the several events of one call may take of the time that has passed."""


@dataclass(frozen=True, slots=True)
class Shopper:
    """Who first comes under an id that nobody knows, and then says who they are."""

    user_id: str
    visit_id: str

    @property
    def ids(self) -> tuple[str, str]:
        """Under which their events may be stored."""
        return self.user_id, anonymous_key(self.visit_id)


@dataclass(frozen=True, slots=True)
class SentEvent:
    """An event, and whose it is."""

    shopper: Shopper
    document: Mapping[str, Any]

    @property
    def event_id(self) -> str:
        """Its id."""
        return str(self.document["event_id"])


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `events` are those that its body holds, in order; `erases` whom it asks to forget."""

    kind: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    events: Sequence[SentEvent] = ()
    erases: Shopper | None = None


@dataclass(slots=True)
class _Running:
    shopper: Shopper
    sent: int = 0
    identified: bool = False


class Traffic:
    """Requests by chance, the same for the same seed and clock; to be asked by one thread at a time.

    Parameters
    ----------
    item_ids : of the catalogue
    now_ms : milliseconds since 1970
    """

    def __init__(self, item_ids: Sequence[str], words: Sequence[str], now_ms: Callable[[], int], seed: int = 0) -> None:
        self._items, self._words, self._now_ms = item_ids, words, now_ms
        self._chance = random.Random(seed)  # nosec B311 # the same load each time
        self._last_ms = self._shoppers = self._events = 0
        self._active = [self._newcomer() for _ in range(_ACTIVE)]
        self._past: list[Shopper] = []
        self._makers: dict[str, Callable[[], Call]] = {
            "recommendations": self._recommendations,
            "session": self._session,
            "search": self._search,
            "rankings": self._rankings,
            "similar": self._similar,
            "events": self._send_events,
            "item": self._item,
            "erasure": self._erasure,
        }

    def next(self) -> Call:
        """The next request."""
        (kind,) = self._chance.choices(list(_MIX), list(_MIX.values()))
        return self._makers[kind]()

    def _newcomer(self) -> _Running:
        self._shoppers += 1
        return _Running(Shopper(f"shopper-{self._shoppers}", f"visit-{self._shoppers}"))

    def _somebody(self) -> str:
        running = self._chance.choice(self._active)
        user_id, visit = running.shopper.ids
        return user_id if running.identified else visit

    def _some_items(self, n: int) -> list[str]:
        return self._chance.sample(self._items, min(n, len(self._items)))

    def _recommendations(self) -> Call:
        query = {"limit": "20", "explain": "true"}
        if self._chance.random() < 0.2:
            query["filter"] = "price < 20 AND NOT purchased WITHIN 30d"
        return Call("recommendations", "GET", f"/users/{quote(self._somebody())}/recommendations", query)

    def _session(self) -> Call:
        acts = [{"event_type": "view", "item_id": item, "timestamp": self._moment()} for item in self._some_items(3)]
        return Call("session", "POST", "/recommendations", body={"interactions": acts, "limit": 10})

    def _search(self) -> Call:
        return Call("search", "GET", "/search", {"q": " ".join(self._chance.sample(self._words, 2)), "limit": "10"})

    def _rankings(self) -> Call:
        return Call(
            "rankings", "POST", f"/users/{quote(self._somebody())}/rankings", body={"item_ids": self._some_items(20)}
        )

    def _similar(self) -> Call:
        return Call("similar", "GET", f"/items/{quote(self._some_items(1)[0], safe='')}/similar", {"limit": "10"})

    def _item(self) -> Call:
        number = self._chance.randrange(_OWN_ITEMS)
        title = f"{self._words[number % len(self._words)]} {number}"
        body = {"title": title, "price": self._chance.randrange(1, 100), "available": self._chance.random() < 0.9}
        return Call("item", "PUT", f"/items/soak-{number}", body=body)

    def _erasure(self) -> Call:
        if not self._past:
            return self._send_events()
        shopper = self._past.pop(self._chance.randrange(len(self._past)))
        return Call("erasure", "DELETE", f"/users/{shopper.user_id}", erases=shopper)

    def _send_events(self) -> Call:
        place = self._chance.randrange(len(self._active))
        running = self._active[place]
        events = [self._event(running) for _ in range(self._chance.randint(1, 3))]
        if not running.identified and running.sent >= _VISIT_EVENTS:
            events.append(self._identify(running))
        if running.sent >= _MOST_EVENTS:
            self._past.append(running.shopper)
            self._active[place] = self._newcomer()
        return Call("events", "POST", "/events", body={"events": [e.document for e in events]}, events=events)

    def _event(self, running: _Running) -> SentEvent:
        running.sent += 1
        shopper = running.shopper
        own: dict[str, Any] = {
            **({"user_id": shopper.user_id} if running.identified else {"anonymous_id": shopper.visit_id}),
            "event_type": self._chance.choices(list(_EVENT_TYPES), list(_EVENT_TYPES.values()))[0],
            "item_id": self._chance.choice(self._items),
        }
        if own["event_type"] == "review":  # its text needs the snapshot's encoder
            own |= {"value": self._chance.randint(1, 5), "text": f"good {self._chance.choice(self._words)}"}
        return SentEvent(shopper, own | self._stamp())

    def _identify(self, running: _Running) -> SentEvent:
        running.identified, shopper = True, running.shopper
        own = {"user_id": shopper.user_id, "event_type": "identify", "anonymous_id": shopper.visit_id}
        return SentEvent(shopper, own | self._stamp())

    def _stamp(self) -> dict[str, Any]:
        self._events += 1
        return {"event_id": f"soak-{self._events}", "timestamp": self._moment()}

    def _moment(self) -> int:
        """Just now, but never twice the same: by type, item and time an event is found again in a profile.

        Never later than now either: an event from ahead of the stack's clock would get the time when it came.
        """
        self._last_ms = max(self._last_ms + 1, self._now_ms() - _AGO_MS)
        return self._last_ms


def accepted_events(call: Call, answer: Mapping[str, Any]) -> list[SentEvent]:
    """The events of a call that its answer of 202 does not refuse."""
    refused = {rejected["index"] for rejected in answer.get("rejected", ())}
    return [event for index, event in enumerate(call.events) if index not in refused]


def is_in_profile(event: SentEvent, exports: Iterable[Mapping[str, Any]]) -> bool:
    """Whether what was exported of its shopper, under each of their ids, shows an event."""
    document = event.document
    if document["event_type"] == "identify":
        return any(link["anonymous_id"] == document["anonymous_id"] for part in exports for link in part["links"])
    wanted = tuple(document[name] for name in ("event_type", "item_id", "timestamp"))
    return any(
        (entry["event_type"], entry["item_id"], entry["timestamp"]) == wanted
        for part in exports
        for kind in ("interactions", "strong_interactions")
        for entry in part[kind]
    )
