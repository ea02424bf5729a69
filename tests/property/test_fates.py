"""Batches against services that fail by chance: what is acknowledged is kept, and in the end all of it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from endcap.batch import Deadline
from endcap.events.types import EVENT_TYPES
from endcap.profiles import apply
from endcap.profiles.ingest import ingest
from endcap.profiles.profile import UserProfile
from endcap.profiles.record import Record
from tests.fakes.effort import tried
from tests.fakes.odd_errors import ALL, FOR_NOW
from tests.fakes.profile_store import MemoryProfiles

NOW_MS = 1_768_471_200_000
USERS = ("ann", "bob", "cid", "dee")

events = st.one_of(
    st.builds(
        lambda user_id, n: {"user_id": user_id, "event_type": "view", "item_id": f"i{n}"},
        st.sampled_from(USERS),
        st.integers(0, 30),
    ),
    st.builds(
        lambda user_id, n: {"user_id": user_id, "event_type": "search", "text": f"words {n}"},
        st.sampled_from(USERS),
        st.integers(0, 3),
    ),
    st.builds(
        lambda user_id, n: {"user_id": user_id, "event_type": "identify", "anonymous_id": f"cookie-{n}"},
        st.sampled_from(USERS),
        st.integers(0, 2),
    ),
    st.just({"user_id": "poison", "event_type": "no such"}),
)
bodies = st.one_of(events, st.builds(lambda some: {"events": some}, st.lists(events, max_size=4)))
mishaps = st.lists(
    st.none() | st.none() | st.sampled_from(ALL) | st.sampled_from(FOR_NOW) | st.integers(1, 40), max_size=60
)
"""What happens at each call: nothing, something is raised, or seconds go by."""


class Services:
    """Everything that records flow through; each call has its mishap, as long as there are some."""

    def __init__(self, script: Iterator[Any]) -> None:
        self._script = script
        self.store, self.archived, self.aside = MemoryProfiles(), set[str](), list[str]()
        self.left_ms = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self.left_ms)

    def _mishap(self) -> None:
        match next(self._script, None):
            case Exception() as exc:
                raise exc
            case int() as seconds:
                self.left_ms -= seconds * 1000

    def update(self, user_id: str, change: Callable[[UserProfile], UserProfile]) -> tuple[UserProfile, UserProfile]:
        self._mishap()
        return self.store.update(user_id, change)

    def encode(self, text: str) -> tuple[bytes, bytes]:
        self._mishap()
        return b"tagg", text.encode().ljust(8)[:8]

    def put(self, *arguments: Any) -> str:
        """Of the archive, which is given documents, and of quarantine, which is given a source and a payload first."""
        self._mishap()
        if len(arguments) == 1:
            self.archived |= {document["event_id"] for document in arguments[0]}
        else:
            self.aside.append(arguments[1])
        return "key"

    def keeps(self, event: Mapping[str, Any]) -> bool:
        """Whether an event is archived and in its profile, or lies in quarantine."""
        if any(event["event_id"] in payload for payload in self.aside):
            return True
        profile = self.store.get(event["user_id"])
        match event["event_type"]:
            case "view":
                kept = any(entry.item_id == event["item_id"] for entry in profile.interactions)
            case "search":
                kept = bool(profile.texts)
            case _:
                kept = bool(profile.links)
        return kept and event["event_id"] in self.archived


def told(body: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    return body.get("events", [body])  # type: ignore[no-any-return]


@tried(300)
@given(st.lists(bodies, min_size=1, max_size=10), mishaps)
def test_whatever_services_do_nothing_is_acknowledged_that_is_not_kept(
    batch: list[dict[str, Any]], script: list[Any]
) -> None:
    # One drawn value may stand in several places, and each is an event of its own.
    batch = json.loads(json.dumps(batch))
    for number, event in enumerate(event for body in batch for event in told(body)):
        event["event_id"] = f"event-{number}-"
    services = Services(iter(script))
    waiting = {f"r{n}": Record(f"r{n}", json.dumps(body).encode(), NOW_MS) for n, body in enumerate(batch)}
    with patch.object(apply, "WRITERS", 1):
        for _ in range(len(script) + 2):
            if not waiting:
                break
            services.left_ms, deadline = 60_000, Deadline()
            with deadline.within(services):
                outcome = ingest(
                    list(waiting.values()), "sqs", EVENT_TYPES, services, services, services, services.encode, deadline
                )
            assert set(outcome.failed) <= set(waiting)
            for record_id in set(waiting) - set(outcome.failed):
                for event in told(batch[int(record_id[1:])]):
                    assert services.keeps(event), (record_id, event)
                del waiting[record_id]
    assert not waiting
