"""What has come in lately, as it is read from the archive."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from endcap.aws.tail import MAX_OBJECTS, MAX_SMALL_OBJECTS, Tail

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
NOW_MS = int(NOON.timestamp() * 1000)
LIMIT = 100


class Archive:
    """A bucket of events, an object a minute."""

    def __init__(self, *objects: list[dict[str, Any]]) -> None:
        times = [NOON - timedelta(minutes=len(objects) - n) for n in range(len(objects))]
        self._objects = {f"events/{at:%Y/%m/%d/%H-%M}": (at, events) for at, events in zip(times, objects, strict=True)}
        self.read = 0

    def get_paginator(self, _: str) -> SimpleNamespace:
        return SimpleNamespace(paginate=self._paginate)

    def _paginate(self, Prefix: str, StartAfter: str = "", **_: object) -> Iterator[dict[str, Any]]:
        keys = [key for key in sorted(self._objects) if key.startswith(Prefix) and key > StartAfter]
        yield {"Contents": [{"Key": key, "LastModified": self._objects[key][0]} for key in keys]}

    def get_object(self, Key: str, **_: object) -> dict[str, Any]:
        self.read += 1
        at, events = self._objects[Key]
        return {"LastModified": at, "Body": io.BytesIO("\n".join(map(json.dumps, events)).encode())}


def event(event_id: str, user_id: str = "ann", **more: Any) -> dict[str, Any]:
    return {"event_id": event_id, "event_type": "view", "user_id": user_id, **more}


def latest(archive: Archive) -> list[tuple[str, int]]:
    """Ids of events, and how many minutes ago they came in."""
    seen, _ = Tail(archive, "bucket").since(None, NOW_MS, LIMIT)
    return [(one.event["event_id"], (NOW_MS - one.at_ms) // 60_000) for one in seen]


def test_an_event_that_is_sent_again_came_in_when_it_came_first() -> None:
    again = event("order/1", timestamp=NOW_MS)
    between = [[event(f"e{n}")] for n in range(MAX_OBJECTS)]
    found = latest(Archive([event("order/1")], *between, [again, event("order/1", "bob")]))
    assert found[0] == ("order/1", MAX_OBJECTS + 2)
    assert found[-1] == ("order/1", 1)  # the other person's
    assert len(found) == MAX_OBJECTS + 2


def test_events_without_an_id_are_each_one() -> None:
    assert len(Tail(Archive([{"event_type": "view"}] * 2), "bucket").since(None, NOW_MS, LIMIT)[0]) == 2


def test_more_objects_are_read_only_where_they_hold_little() -> None:
    busy = Archive(*[[event(f"{n}/{k}") for k in range(LIMIT)] for n in range(MAX_OBJECTS * 2)])
    latest(busy)
    assert busy.read == MAX_OBJECTS
    quiet = Archive(*[[event(str(n))] for n in range(MAX_SMALL_OBJECTS * 2)])
    assert latest(quiet)[-1] == (str(MAX_SMALL_OBJECTS * 2 - 1), 1)
    assert quiet.read == MAX_SMALL_OBJECTS


def test_the_next_answer_goes_on_where_the_last_one_ended() -> None:
    archive = Archive([event("a")], [event("b")])
    _, cursor = Tail(archive, "bucket").since(None, NOW_MS, LIMIT)
    assert Tail(archive, "bucket").since(cursor, NOW_MS, LIMIT)[0] == []
