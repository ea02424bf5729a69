import pytest

from endcap.interactions import Interaction
from endcap.profile_codec import ProfileFormatError, decode_profile, encode_profile
from endcap.profiles import (
    EMPTY_PROFILE,
    MAX_IMPRESSIONS,
    MAX_INTERACTIONS,
    MAX_STRONG,
    MAX_TEXTS,
    UserProfile,
    merge,
    profile_of,
    register,
)

DAY_MS = 86_400_000
ATTRIBUTE_NAMES_AND_NUMBERS = len("user_id") + len("profile") + len("version") + len("ttl") + 2 * 8
USER_ID = "u" * 12


def row_bytes(profile: UserProfile) -> int:
    return len(encode_profile(profile)) + ATTRIBUTE_NAMES_AND_NUMBERS + len(USER_ID)


def event(n: int, event_type: str = "view", **fields) -> Interaction:
    at_ms = 1_700_000_000_000 + n * DAY_MS // 3 + n * 7919
    return Interaction(f"event-{n}-{event_type}", USER_ID, event_type, at_ms, f"item{n:08d}", **fields)


def test_row_with_64_interactions_of_12_character_ids_fits_2_kb():
    profile = profile_of(event(n) for n in range(100))
    assert len(profile.interactions) == MAX_INTERACTIONS
    assert row_bytes(profile) <= 2048


@pytest.mark.parametrize("d_text", [128, 256])
def test_row_with_every_set_full_fits_4_kb_and_four_bytes_per_further_dimension(d_text):
    def encode(text):
        return b"tagg", bytes(range(d_text % 251)) + bytes(d_text - d_text % 251)

    views = [event(n) for n in range(1000, 1000 + MAX_INTERACTIONS)]
    purchases = [event(n, "purchase", value=19.99) for n in range(MAX_STRONG)]
    searches = [event(n, "search", text=f"words {n}") for n in range(10)]
    impressions = [event(n, "impression") for n in range(50)]
    profile = profile_of([*views, *purchases, *searches, *impressions], encode)
    profile = merge(
        profile,
        UserProfile(
            preferences=register({"categories": ["kitchen", "garden"], "size": "M"}, 1_700_000_000_000),
            consent=register({"personalization": True}, 1_700_000_000_000),
        ),
    )
    assert len(profile.interactions) == MAX_INTERACTIONS
    assert len(profile.strong) == MAX_STRONG
    assert not set(profile.interactions) & set(profile.strong)
    assert len(profile.texts) == MAX_TEXTS
    assert len(profile.impressions) == MAX_IMPRESSIONS
    assert row_bytes(profile) <= 4096 + 4 * (d_text - 128)


def test_an_entry_in_both_sets_is_stored_once():
    one = len(encode_profile(profile_of([event(1, "view")]))) - len(encode_profile(EMPTY_PROFILE))
    both = len(encode_profile(profile_of([event(1, "purchase")]))) - len(encode_profile(EMPTY_PROFILE))
    assert both == one


@pytest.mark.parametrize("value", [None, 0.5, 4.0, 127.5, 74215.0, 19.99, -3.0, 1e300])
def test_values_come_back_exactly(value):
    profile = profile_of([event(1, "purchase", value=value)])
    assert decode_profile(encode_profile(profile)).interactions[0].grade == value


def test_custom_kinds_are_stored_by_name():
    profile = profile_of([event(1, "quiz_done")])
    assert decode_profile(encode_profile(profile)).interactions[0].event_type == "quiz_done"


@pytest.mark.parametrize("cut", [0, 1, 5, 20, -1])
def test_damaged_bytes_are_refused(cut):
    data = encode_profile(profile_of([event(n, "purchase") for n in range(3)]))
    with pytest.raises(ProfileFormatError):
        decode_profile(data[:cut])
    with pytest.raises(ProfileFormatError):
        decode_profile(data + b"\0")
    with pytest.raises(ProfileFormatError):
        decode_profile(b"\x63" + data[1:])
