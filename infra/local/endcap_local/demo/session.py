"""The shopper's session that the demo plays: five scenes over HTTP, told from the answers alone.

1. a shopper nobody knows sees what is popular, and from another country what is popular there
2. she views one thing, puts another into her cart, buys a third: the answer becomes hers
3. the shop adds an item: she gets it, a shopper with another taste does not
4. she searches by meaning
5. she complains about what she bought: things like it fall
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote
from uuid import uuid4

from endcap_local.demo.dressing import CURRENCY
from endcap_local.demo.story import Story
from endcap_local.http_client import HttpClient, HttpError

SHOPPER: Final = "ada"
OTHER_SHOPPER: Final = "ben"
# What the two are after; which items that means is found by searching the catalogue.
INTEREST: Final = "cake tins and baking cases"
OTHER_INTEREST: Final = "lights for the christmas tree"
DEEDS: Final = ("view", "add_to_cart", "purchase")
NEW_ITEM_ID: Final = "new-cake-tins"
NEW_ITEM: Final = {
    "title": "Set of 3 Cake Tins Jubilee",
    "price": 5.95,
    "currency": CURRENCY,
    "categories": ["Kitchen", "Baking"],
}
ABROAD: Final = ("DE", "Germany")
QUESTION: Final = "a present for a gardener"
WISH: Final = "a present for a gardener under £5, no plastic"
COMPLAINT: Final = "Terrible quality. It was broken when it arrived and I am very disappointed."

SHOWN: Final = 5
ALL: Final = 500  # the longest list that one answer holds
WAIT_S: Final = 60.0
POLL_S: Final = 0.02

Item = Mapping[str, Any]
Seen = TypeVar("Seen")


class Session:
    """Plays the scenes in order.

    Parameters
    ----------
    api : where the stack answers
    story : where it is told
    """

    def __init__(self, api: HttpClient, story: Story) -> None:
        self._api, self._story = api, story
        self._bought: Item = {}

    def play(self) -> None:
        """All five scenes.

        Raises
        ------
        HttpError : the stack refuses a request, or still fails it after `WAIT_S`
        TimeoutError : an expected change does not come
        """
        self.unknown_shopper()
        self.first_events()
        self.new_item()
        self.search()
        self.complaint()

    def unknown_shopper(self) -> None:
        """Nobody knows the shopper, so the answer is what is popular, here or where she says she is."""
        self._story.scene(f"{_name(SHOPPER)} comes in, and the shop knows nothing about her")
        here = self._recommended(SHOPPER, SHOWN)
        self._story.items(here, reasons=True)
        code, country = ABROAD
        there = list(self._answer(SHOPPER, SHOWN, **{"context.country": code})["items"])
        new = sum(_find(here, item["item_id"]) is None for item in there)
        self._story.told(f"From {country}, which a request may say, {new} of {len(there)} would be others.")
        # What the country says of each first; that it is popular everywhere was just told.
        by_country = [{**item, "reasons": sorted(item["reasons"], key=_not_of_a_context)} for item in there]
        self._story.items(by_country, reasons=True)

    def first_events(self) -> None:
        """Three events, and the answer before and after."""
        found = self._found(INTEREST)
        self._bought = found[-1]
        self._story.scene(f"{_name(SHOPPER)} has found three things under “{INTEREST}”")
        for kind, item in zip(DEEDS, found, strict=True):
            self._story.said(f"{kind:<12} {item['title']}")
        before = {item["item_id"] for item in self._recommended(SHOPPER, SHOWN)}
        took_s = self._act(SHOPPER, zip(DEEDS, found, strict=True))
        after = self._recommended(SHOPPER, SHOWN)
        new = sum(item["item_id"] not in before for item in after)
        self._story.told(
            f"{took_s * 1000:.0f} ms after POST /events the answer knows of it: {new} of {len(after)} items are new."
        )
        self._story.items(after, reasons=True)

    def new_item(self) -> None:
        """An item that no one ever touched reaches the shopper it suits."""
        self._story.scene("The shop adds an item that nobody has seen yet")
        self._story.said(f"{NEW_ITEM['title']}  £{NEW_ITEM['price']:.2f}")
        self._act(OTHER_SHOPPER, zip(DEEDS, self._found(OTHER_INTEREST), strict=True))
        started = time.perf_counter()
        self._sent(lambda: self._api.put(f"/items/{NEW_ITEM_ID}", NEW_ITEM))
        try:
            item: Item | None = self._wait(lambda: _explained(self._recommended(SHOPPER, ALL), NEW_ITEM_ID))
        except TimeoutError:  # an untrained encoder sees no likeness
            item = _find(self._recommended(SHOPPER, ALL), NEW_ITEM_ID)
        took_s = time.perf_counter() - started
        self._story.told(f"{took_s:.1f} s after PUT /items it is {_place(item)} for {_name(SHOPPER)}.")
        if item:
            # Why for her; that it is new would be a reason for anybody.
            own = [reason for reason in item["reasons"] if reason["evidence"]]
            self._story.items([{**item, "reasons": own}], reasons=True)
        other = _find(self._recommended(OTHER_SHOPPER, ALL), NEW_ITEM_ID)
        self._story.told(f"For {_name(OTHER_SHOPPER)}, who chose {OTHER_INTEREST}, it is {_place(other)}.")

    def search(self) -> None:
        """Items by what they are good for, not only by the words in their titles."""
        self._story.scene(f"{_name(SHOPPER)} searches for “{QUESTION}”")
        items = self._search(QUESTION, SHOWN)["items"]
        self._story.items(items)
        words = [word for word in QUESTION.split() if len(word) > 2]
        unlike = sum(not any(word in item["title"].lower() for word in words) for item in items)
        self._story.told(f"{unlike} of {len(items)} titles have none of these words in them.")
        self._story.said(f"“{WISH}”")
        found = self._search(WISH, SHOWN, understand="true")
        meanings = "; ".join(f"{one['text']} → {one['meaning']}" for one in found["understood"]["words"])
        self._story.told(f"Understood: {meanings}.")
        self._story.items(found["items"])

    def complaint(self) -> None:
        """A bad review of what was bought lowers what stood there because of it."""
        self._story.scene(f"{_name(SHOPPER)} reviews “{self._bought['title']}”, which she bought")
        self._story.said(COMPLAINT)
        before = self._recommended(SHOPPER, ALL)
        because = [item for item in before if _leads_to(self._bought["item_id"], item)][:SHOWN]
        took_s = self._act(SHOPPER, [("review", self._bought)], text=COMPLAINT)
        after = self._recommended(SHOPPER, ALL)
        now = [_find(after, item["item_id"]) for item in because]
        fallen = sum(new is None or new["rank"] > old["rank"] for old, new in zip(because, now, strict=True))
        self._story.told(
            f"{took_s * 1000:.0f} ms later {fallen} of {len(because)} items that stood high because of it have fallen. "
            "Where each stands:"
        )
        for old, new in zip(because, now, strict=True):
            self._story.line(f"{old['title']}: {_place(old)}, now {_place(new)}")

    def _found(self, interest: str) -> list[Item]:
        return list(self._search(interest, len(DEEDS))["items"])

    def _search(self, query: str, limit: int, **more: str) -> Any:
        return self._whole("/search", q=query, limit=limit, fields="title,price", **more)

    def _recommended(self, user: str, limit: int) -> list[Item]:
        return list(self._answer(user, limit)["items"])

    def _answer(self, user: str, limit: int, **more: str) -> Any:
        return self._whole(f"/users/{quote(user)}/recommendations", limit=limit, fields="title,price", **more)

    def _act(self, user: str, deeds: Any, **more: str) -> float:
        """Send (kind, item) pairs as events; seconds until the shopper's answers know of them."""
        known = self._answer(user, SHOWN)["profile_version"]
        rows = [
            {"event_id": uuid4().hex, "user_id": user, "event_type": kind, "item_id": item["item_id"], **more}
            for kind, item in deeds
        ]
        started = time.perf_counter()
        self._sent(lambda: self._api.post("/events", {"events": rows}))
        self._wait(lambda: self._answer(user, SHOWN)["profile_version"] != known or None)
        return time.perf_counter() - started

    def _whole(self, path: str, **parameters: str | int) -> Any:
        """An answer that lacks nothing: on a busy machine a read may come too late for one."""

        def look() -> Any:
            answer = self._api.get(path, **parameters)
            return None if "degraded" in answer else answer

        return self._wait(look)

    def _sent(self, call: Callable[[], object]) -> None:
        """Write what may be written twice: a busy machine may fail a call, or answer it too late."""

        def look() -> bool:
            call()
            return True

        self._wait(look)

    def _wait(self, look: Callable[[], Seen | None]) -> Seen:
        deadline = time.monotonic() + WAIT_S
        while True:
            trouble: Exception = TimeoutError(f"an expected change of the answer did not come within {WAIT_S:g} s")
            try:
                if (seen := look()) is not None:
                    return seen
            except HttpError as exc:
                if exc.status is not None and exc.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
                trouble = exc
            if time.monotonic() > deadline:
                raise trouble
            time.sleep(POLL_S)


def things_to_try(url: str) -> list[str]:
    """Commands that work against the running stack after the session."""
    viewed = {"event_type": "view", "item_id": NEW_ITEM_ID}
    asked = json.dumps({"interactions": [viewed], "limit": 3, "fields": ["title"]})
    return [
        f"curl '{url}/users/{SHOPPER}/recommendations?limit=3&fields=title,price'",
        f"curl '{url}/users/{SHOPPER}/profile'",
        f"curl '{url}/search?q={quote('somewhere to keep my keys')}&limit=3&fields=title'",
        f"curl '{url}/users/nobody-yet/recommendations?context.country=FR&limit=3&fields=title'",
        f"curl '{url}/items/{NEW_ITEM_ID}'",
        f"curl '{url}/recommendations' -H 'content-type: application/json' -d '{asked}'",
    ]


def _name(user: str) -> str:
    return user.capitalize()


def _find(items: Sequence[Item], item_id: str) -> Item | None:
    return next((item for item in items if item["item_id"] == item_id), None)


def _not_of_a_context(reason: Mapping[str, Any]) -> bool:
    return bool(reason["kind"] != "context")


def _place(item: Item | None) -> str:
    return f"number {item['rank']}" if item else f"not among the first {ALL}"


def _explained(items: Sequence[Item], item_id: str) -> Item | None:
    """The item, once it is there for something that the shopper did (before that its text is not embedded yet)."""
    item = _find(items, item_id)
    return item if item and any(reason["evidence"] for reason in item["reasons"]) else None


def _leads_to(item_id: str, item: Item) -> bool:
    """Whether what was done with one item is what speaks most for another."""
    first = next(iter(item["reasons"]), None)
    return bool(first and first["weight"] > 0 and first["evidence"] and first["evidence"][0].get("item_id") == item_id)
