"""Which rows an event touches."""

from __future__ import annotations

from collections.abc import Callable

from endcap.events.interaction import Interaction
from endcap.profiles.identity import apply_events, delete_user
from endcap.profiles.profile import UserProfile
from tests.fakes.profile_store import MemoryProfiles


class Watched(MemoryProfiles):
    """Notes the keys that are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def update(self, user_id: str, change: Callable[[UserProfile], UserProfile]) -> tuple[UserProfile, UserProfile]:
        self.asked.append(user_id)
        return super().update(user_id, change)


def identify(device: str, at_ms: int) -> Interaction:
    return Interaction(f"i@{at_ms}", "ann", "identify", at_ms, anonymous_id=device)


def view(at_ms: int) -> Interaction:
    return Interaction(f"e@{at_ms}", "ann", "view", at_ms, f"item-{at_ms}")


def test_an_event_of_a_user_touches_no_device_that_was_theirs() -> None:
    store = Watched()
    apply_events([identify("phone", 10), identify("tablet", 20)], store)
    store.asked.clear()
    apply_events([view(30)], store)
    assert store.asked == ["ann"]
    # Nor does it after an erasure, which has reached them all.
    delete_user("ann", 15, store)
    assert "anon:phone" in store.asked
    store.asked.clear()
    apply_events([view(40)], store)
    assert store.asked == ["ann"]
