"""Posts, which are about no item, as words of a shopper."""

from __future__ import annotations

import pytest

from endcap.events.interaction import Interaction
from endcap.profiles.codec import decode_profile, encode_profile
from endcap.profiles.profile import DISLIKED, UserProfile, profile_of


def posted(text: str, item_id: str | None = None) -> UserProfile:
    return profile_of([Interaction("e", "u", "post", 1_000, item_id, text=text)], lambda _: (b"tag!", b"\x01" * 8))


@pytest.mark.parametrize("text", ["we need lanterns for the garden party", "周末去露营,缺一顶帐篷"])
def test_a_post_says_what_somebody_is_after(text: str) -> None:
    (signal,) = posted(text).texts
    assert (signal.event_type, signal.item_id, signal.polarity) == ("post", "", 1.0)
    assert posted(text).interactions == ()


@pytest.mark.parametrize("text", ["I hate plastic toys, they are terrible and broke", "塑料玩具质量太差了,非常失望"])
def test_or_what_they_do_not_like(text: str) -> None:
    (signal,) = posted(text).texts
    assert signal.polarity <= DISLIKED


def test_of_an_item_it_is_a_step_of_the_history_too() -> None:
    found = posted("look what we made of it", "lantern")
    assert [(entry.event_type, entry.item_id) for entry in found.interactions] == [("post", "lantern")]
    assert decode_profile(encode_profile(found)) == found
