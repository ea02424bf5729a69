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


@pytest.mark.parametrize("value", [-1.0, -0.5, 0.0, 127.0, 127.5, 128.0, 2.0**32 - 1, 2.0**32])
def test_a_value_of_any_form_comes_back(value: float) -> None:
    profile = profile_of([Interaction("e", "ann", "rating", 5, "i", value=value)])
    assert [e.value for e in decode_profile(encode_profile(profile)).interactions] == [value]
