"""Profiles whose bytes say just one thing of a kind."""

from __future__ import annotations

import pytest

from endcap.events.interaction import Interaction
from endcap.profiles.codec import decode_profile, encode_profile
from endcap.profiles.links import Link
from endcap.profiles.profile import UserProfile, handed_over, merge, profile_of

SOURCE = "anon:a"


@pytest.mark.parametrize("event_type", ["view", "purchase", "search", "impression"])
@pytest.mark.parametrize("is_user", [False, True])
def test_whatever_part_alone_was_handed_over_keeps_its_source(event_type: str, is_user: bool) -> None:
    did = profile_of([Interaction("e", "", event_type, 5, None if event_type == "search" else "i", text="lamp")])
    profile = merge(
        handed_over(did, SOURCE), UserProfile(links=(Link(10, anonymous_id=SOURCE, start_ms=2),), is_user=is_user)
    )
    found = decode_profile(encode_profile(profile))
    assert found == profile
    parts = (*found.interactions, *found.strong, *found.texts, *found.impressions)
    assert {part.source for part in parts} == {SOURCE}
