"""Events of a batch applied to profiles: several users at a time, and each event to its own fate."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from endcap.batch import WRITERS, Breaker, Deadline, Verdict, each_alone
from endcap.events.interaction import Interaction
from endcap.events.types import IDENTIFY
from endcap.identifiers import anonymous_key
from endcap.profiles.identity import ProfileStore, Took, apply_events
from endcap.profiles.profile import Encode, UserProfile


def apply_apart(
    events: Sequence[Interaction],
    store: ProfileStore,
    encode: Encode,
    took: Took,
    deadline: Deadline,
    unwanted: Callable[[Interaction], None] | None = None,
) -> list[Verdict]:
    """Fold `events` into the profiles that they concern, as far as the time goes.

    Users that no event ties to each other are written side by side. Applying an event again changes nothing, so what
    fails unforeseen is tried in ever smaller parts, until only its own event fails.

    Parameters
    ----------
    took, unwanted : see `apply_events`; called from several threads

    Returns
    -------
    event by event why it could not be applied, None where it was
    """
    guarded, encoder = _GuardedStore(store, deadline), _OneAtATime(encode, deadline)
    verdicts: list[Verdict] = [None] * len(events)

    def together(part: Sequence[Interaction]) -> list[Verdict]:
        failed = apply_events(part, guarded, encoder, took, unwanted)
        return [next((failed[name] for name in concerned(event) if name in failed), None) for event in part]

    def settle(group: list[int]) -> None:
        for index, verdict in zip(group, each_alone([events[i] for i in group], together), strict=True):
            verdicts[index] = verdict

    groups = _groups(events)
    if len(groups) < 2:
        for group in groups:
            settle(group)
    else:
        list(_writers(WRITERS).map(settle, groups))
    return verdicts


@cache
def _writers(count: int) -> ThreadPoolExecutor:
    """Kept from batch to batch: starting threads costs more than most batches."""
    return ThreadPoolExecutor(count, thread_name_prefix="profiles")


def concerned(event: Interaction) -> tuple[str, ...]:
    """The profiles that an event changes."""
    if event.event_type == IDENTIFY and event.anonymous_id:
        return event.user_id, anonymous_key(event.anonymous_id)
    return (event.user_id,)


def _groups(events: Sequence[Interaction]) -> list[list[int]]:
    """Indices of events by the profiles that tie them together, in the order in which each group begins."""
    leader: dict[str, str] = {}

    def led_by(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for event in events:
        first, *others = concerned(event)
        for other in others:
            leader[led_by(other)] = led_by(first)
    groups: dict[str, list[int]] = {}
    for index, event in enumerate(events):
        groups.setdefault(led_by(concerned(event)[0]), []).append(index)
    return list(groups.values())


class _GuardedStore:
    """A store that is not asked when it is too late, or has stopped answering."""

    def __init__(self, store: ProfileStore, deadline: Deadline) -> None:
        self._store, self._deadline, self._breaker = store, deadline, Breaker("profiles")

    def update(self, user_id: str, change: Callable[[UserProfile], UserProfile]) -> tuple[UserProfile, UserProfile]:
        """See `ProfileStore`."""
        self._deadline.check()
        with self._breaker.watch():
            return self._store.update(user_id, change)


class _OneAtATime:
    """Encodes each text once, one after the other: one processor gains nothing by doing it side by side."""

    def __init__(self, encode: Encode, deadline: Deadline) -> None:
        # One failure is enough: what fails for now is the loading of the encoder, which can take many seconds.
        self._encode, self._deadline, self._breaker = encode, deadline, Breaker("text encoder", most=1)
        self._known: dict[str, tuple[bytes, bytes]] = {}
        self._lock = threading.Lock()

    def __call__(self, text: str) -> tuple[bytes, bytes]:
        with self._lock:
            if text not in self._known:
                self._deadline.check()
                with self._breaker.watch():
                    self._known[text] = self._encode(text)
            return self._known[text]
