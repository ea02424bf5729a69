from dataclasses import replace

import pytest

from endcap.events.interaction import Interaction
from endcap.profiles.codec import (
    FORMAT,
    FORMAT_OF_IDENTITIES,
    ProfileFormatError,
    decode_profile,
    encode_profile,
)
from endcap.profiles.entries import MAX_ASPECTS, Entry, Impression, TextSignal, pack_aspects, register
from endcap.profiles.links import MAX_LINKS, MAX_SPANS, Link
from endcap.profiles.profile import (
    EMPTY_PROFILE,
    MAX_IMPRESSIONS,
    MAX_INTERACTIONS,
    MAX_STRONG,
    MAX_TEXTS,
    UserProfile,
    deletion,
    handed_over,
    merge,
    profile_of,
)
from endcap.text.sentiment.aspects import ASPECTS

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


def test_row_full_of_reviews_fits_the_same_limit():
    def encode(text):
        return b"tagg", bytes(128)

    text = "质量好，价格贵，物流快，客服差，尺码偏小，很舒服，颜色漂亮，有异味"
    views = [event(n) for n in range(1000, 1000 + MAX_INTERACTIONS)]
    reviews = [event(n, "review", text=text) for n in range(MAX_STRONG)]
    impressions = [event(n, "impression") for n in range(50)]
    for newest in (views, []):
        profile = profile_of([*newest, *reviews, *impressions], encode)
        assert {len(e.aspects) for e in profile.strong} == {MAX_ASPECTS}
        assert row_bytes(profile) <= 4096


# Written by the version before reviews had aspects: a purchase of 19.99, and two reviews, one without a grade.
OLD_ROW = bytes.fromhex(
    "010003c0eaa1ffbc311b05cef7fc13066974656d2d333d0ad7a370fd3340a08d060708ac0f09c0066974656d2d3207a08d060b088b5cc4df066974"
    "656d2d310802a0dd9bffbc3108ac0f09c0066974656d2d32070000000000a08d06088b5cc4df066974656d2d313200000000000000000000000000"
)


def test_a_row_from_before_aspects_is_read_and_kept_as_it_is():
    profile = decode_profile(OLD_ROW)
    assert [(e.event_type, e.grade, e.tone) for e in profile.interactions] == [
        ("purchase", 19.99, None),
        ("review", None, 0.07),
        ("review", 4.0, None),
    ]
    assert not any(e.judged for e in profile.interactions)
    assert encode_profile(profile) == OLD_ROW


def test_a_version_without_aspects_can_tell_what_it_would_misread():
    plain, judged = (
        replace(profile_of([event(1, "review", text=text)]), is_user=False) for text in ("很好", "质量很好")
    )
    assert encode_profile(plain)[0] == OLD_ROW[0]
    assert encode_profile(judged)[0] != OLD_ROW[0]


def test_a_review_delivered_again_brings_its_aspects_to_an_old_row():
    def review(n, value):
        return Interaction(
            f"e{n}", "u", "review", 1_700_000_000_000 + (n - 1) * 100_000, f"item-{n}", value, "质量很好，物流太慢"
        )

    old, again = decode_profile(OLD_ROW), profile_of([review(1, 4.0), review(2, None)])
    both = merge(old, again)
    assert len(both.interactions) == len(old.interactions)
    assert [set(e.judged) for e in both.interactions] == [set(), {"quality", "delivery"}, {"quality", "delivery"}]
    assert merge(again, old) == merge(both, old) == both


def test_aspects_come_back_in_steps_of_a_seventh():
    profile = profile_of(
        [event(1, "review", value=4.0, text="quality is excellent, shipping was terrible, nice price")]
    )
    (entry,) = decode_profile(encode_profile(profile)).interactions
    assert entry.judged == {"quality": 1.0, "delivery": -1.0, "price": pytest.approx(4 / 7)}


def test_only_the_clearest_aspects_are_kept():
    tones = {name: (k + 1) / len(ASPECTS) for k, name in enumerate(ASPECTS)}
    assert [ASPECTS[b >> 4] for b in pack_aspects(tones)] == list(ASPECTS[-6:])
    assert MAX_ASPECTS == 6


def test_aspects_of_a_later_version_are_left_out():
    later = bytes([len(ASPECTS) - 1 << 4 | 14, len(ASPECTS) << 4 | 14])
    assert Entry(1, b"\1" * 4, "review", "pan", aspects=later).judged == {ASPECTS[-1]: 1.0}


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
    with pytest.raises(ProfileFormatError, match=r"^profile format 63 is none that"):
        decode_profile(b"\x63" + data[1:])
    with pytest.raises(ProfileFormatError, match=r"^profile format none is none that"):
        decode_profile(b"")


STORED = bytes.fromhex(
    "02000da0968082bd310100097175697a5f646f6e65397767e303693939a0cdbe02010d09c5ad7803693132e0d403010c13a37e890369"
    "3131e0d403010bc996ee0303693130e0d403010a0b227dd2026939c0a9072708f3e2e40002693715020c24e0d4030b07f33422b90269"
    "3609e0d403030643700797026935e0d403030544977712026934e0d4030104cef7fc13026933e0d4030103ac0f09c0026932e0d40301"
    "028b5cc4df026931e0d40301015c88e7a202693003a0c7ccffbc31104b33e17b0369313564746167670400010203a0d11909c33352e3"
    "0064746167670400010203e0d40308f3e2e4000269371574616767040001020301e09dc5ffbc31deecac0b00000000000000"
)
"""A profile with an event of every type, as it was stored before the types became rows."""


def test_bytes_that_were_stored_before_keep_their_meaning():
    profile = decode_profile(STORED)
    assert [(entry.event_type, entry.item_id) for entry in profile.interactions] == [
        ("quiz_done", "i99"),
        ("share", "i12"),
        ("wishlist", "i11"),
        ("dislike", "i10"),
        ("like", "i9"),
        ("review", "i7"),
        ("rating", "i6"),
        ("return", "i5"),
        ("purchase", "i4"),
        ("remove_from_cart", "i3"),
        ("add_to_cart", "i2"),
        ("click", "i1"),
        ("view", "i0"),
    ]
    assert [entry.event_type for entry in profile.strong] == ["review", "rating", "return", "purchase"]
    assert [text.event_type for text in profile.texts] == ["tag", "search", "review"]
    assert len(profile.impressions) == 1
    assert encode_profile(profile) == STORED


OF_IDENTITIES = bytes.fromhex(
    "0303fbcf95ffbc3102038ad095ffbc310008616e6f6e3a6107020008616e6f6e3a620006000100030389d095ffbc314b0501010101036d7567"
    "080004010102020202046c616d70026708030303030370616ee7011e010187d095ffbc310209040404040064746167670201020288d095ffbc"
    "310105050505020006060606000080d095ffbc310c7b2273697a65223a224d227d0000"
)
OF_ORDERS = bytes.fromhex(
    "0403fbcf95ffbc3102038ad095ffbc310008616e6f6e3a6107020008616e6f6e3a620006000100030389d095ffbc31cb0501010101036d7567"
    "08000707070704010102020202046c616d70026708030303030370616ee7011e010187d095ffbc310209040404040064746167670201020288"
    "d095ffbc310105050505020006060606000080d095ffbc310c7b2273697a65223a224d227d0000"
)
"""What two devices handed to a user, as tables hold it; without and with the order of the purchase."""


@pytest.mark.parametrize(("stored", "order"), [(OF_IDENTITIES, b""), (OF_ORDERS, b"\7" * 4)])
def test_bytes_of_what_devices_handed_over_keep_their_meaning(stored, order):
    at_ms = 1_700_000_000_000
    mug = Entry(at_ms + 9, b"\1" * 4, "purchase", "mug", 4.0, source="anon:a", order=order)
    lamp = Entry(at_ms + 5, b"\2" * 4, "view", "lamp")
    pan = Entry(at_ms + 3, b"\3" * 4, "review", "pan", polarity=-0.25, aspects=b"\x1e", source="anon:b")
    profile = UserProfile(
        interactions=(mug, lamp, pan),
        strong=(mug, pan),
        texts=(TextSignal(at_ms + 7, b"\4" * 4, "search", "", 1.0, b"\1\2", b"tagg", "anon:b"),),
        impressions=(Impression(at_ms + 8, b"\5" * 4, "anon:a"), Impression(at_ms + 6, b"\6" * 4)),
        preferences=register({"size": "M"}, at_ms),
        links=(
            Link(at_ms + 10, "", "anon:a", at_ms + 4),
            Link(at_ms + 8, "", "anon:b"),
            Link(at_ms + 2, "", "anon:a", at_ms),
        ),
        deleted_at_ms=at_ms - 5,
        erased_at_ms=at_ms - 7,
        is_user=True,
    )
    assert decode_profile(stored) == profile
    assert encode_profile(profile) == stored


def test_what_anonymous_ids_handed_over_takes_a_byte_an_entry_and_their_key_once():
    views = [event(n) for n in range(MAX_INTERACTIONS)]
    key = "anon:" + "c" * 36
    handed = handed_over(profile_of(views), key)
    plain, links = profile_of(views), (Link(views[-1].timestamp_ms, "", key), Link(views[0].timestamp_ms, "", key, 5))
    profile = merge(handed, UserProfile(links=links, is_user=True))
    assert {e.source for e in profile.interactions} == {key}
    assert decode_profile(encode_profile(profile)) == profile
    extra = len(encode_profile(profile)) - len(encode_profile(plain))
    assert extra <= MAX_INTERACTIONS + len(key) + 30


def test_a_full_row_with_devices_stays_far_below_the_hard_cap():
    sources = [f"anon:{n:0128d}" for n in range(MAX_LINKS)]
    at_ms = 1_700_000_000_000
    links = tuple(
        Link(at_ms + 1000 * n + m, "", source, at_ms + 1000 * n + m - 1)
        for m, source in enumerate(sources)
        for n in range(MAX_SPANS)
    )
    profile = merge(profile_of(event(n) for n in range(100)), UserProfile(links=links))
    assert len(profile.links) == MAX_LINKS * MAX_SPANS
    assert decode_profile(encode_profile(profile)) == profile
    assert row_bytes(profile) <= 6 * 1024


def test_what_of_a_deletion_is_still_to_be_done_is_kept():
    link = Link(5, "", "anon:cookie")
    asked_for = merge(UserProfile(links=(link,)), UserProfile(deleted_at_ms=9))
    assert decode_profile(encode_profile(asked_for)) == asked_for
    assert asked_for.links == (link,)
    assert merge(asked_for, deletion(9)).links == ()


@pytest.mark.parametrize("n_bytes", [1, 126, 127, 128, 129, 200, 512])
def test_item_ids_of_any_length_are_read_back(n_bytes):
    profile = profile_of([replace(event(1), item_id="i" * n_bytes), event(2)])
    assert decode_profile(encode_profile(profile)) == profile


def test_what_is_said_outright_has_one_spelling():
    assert register({"size": "M", "颜色": "红"}, 1) == register({"颜色": "红", "size": "M"}, 1)
    assert register({"size": "M", "颜色": "红"}, 1).content == '{"size":"M","颜色":"红"}'.encode()


@pytest.mark.parametrize(
    ("value", "n_more"),
    [(126.5, 0), (127.0, 0), (127.5, 7), (128.0, 1), (-0.5, 7), (2.0**32 - 1, 4), (2.0**32, 7), (2.0**31 + 0.5, 7)],
)
def test_halves_up_to_127_take_a_byte_and_whole_numbers_below_2_to_the_32_as_few_as_they_need(value, n_more):
    profiles = [profile_of([event(1, "rating", value=one)]) for one in (3.5, value)]
    assert [decode_profile(encode_profile(one)) for one in profiles] == profiles
    short, other = (len(encode_profile(one)) for one in profiles)
    assert other - short == n_more


def test_a_profile_keeps_as_much_as_the_page_about_privacy_says():
    assert (MAX_INTERACTIONS, MAX_STRONG, MAX_TEXTS, MAX_IMPRESSIONS) == (64, 32, 4, 32)


@pytest.mark.parametrize("start_ms", [-1, 0, 1])
def test_where_an_interval_begins_is_read_back(start_ms):
    profile = UserProfile(links=(Link(5, anonymous_id="anon:a", start_ms=start_ms),))
    assert decode_profile(encode_profile(profile)) == profile


def test_a_purchase_that_newer_views_have_pushed_out_is_strong_and_no_interaction():
    profile = profile_of([event(0, "purchase"), *(event(n) for n in range(1, MAX_INTERACTIONS + 1))])
    assert set(profile.strong) - set(profile.interactions)
    assert decode_profile(encode_profile(profile)) == profile


@pytest.mark.parametrize("name", ["attributes", "preferences", "consent"])
def test_what_was_said_outright_is_refused_where_it_is_damaged(name):
    data = encode_profile(UserProfile(**{name: register({"size": "M"}, 5)}))
    assert data.count(b'"M"}') == 1
    with pytest.raises(ProfileFormatError):
        decode_profile(data.replace(b'"M"}', b'"M"]'))


def test_links_without_a_beginning_are_read_by_versions_of_before():
    links = (Link(5, user_id="ann"),)
    assert encode_profile(UserProfile(links=links))[0] == FORMAT
    assert encode_profile(UserProfile(links=(replace(links[0], start_ms=0),)))[0] == FORMAT_OF_IDENTITIES


@pytest.mark.parametrize("event_type", ["view", "search", "impression"])
def test_a_source_is_named_only_where_there_are_some(event_type):
    events = [event(n, event_type, text="lamp") for n in (0, 1)]
    plain = [replace(profile_of(events[:count]), is_user=False) for count in (1, 2)]
    of_users = [replace(one, is_user=True) for one in plain]
    one, two = (len(encode_profile(profile)) for profile in plain)
    assert two > one
    assert len(encode_profile(of_users[1])) - len(encode_profile(of_users[0])) == two - one
