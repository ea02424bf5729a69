"""The claims of `endcap.profiles.profile`: a join-semilattice, whatever the order, the batches and the replays."""

from dataclasses import replace
from functools import reduce
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from endcap.events.interaction import Interaction
from endcap.profiles.codec import decode_profile, encode_profile
from endcap.profiles.entries import register
from endcap.profiles.links import Link
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, deleted, handed_over, merge, profile_of, within
from tests.fakes.effort import tried

KINDS = ["view", "purchase", "rating", "review", "search", "impression", "return", "quiz_done"]
TEXTS = st.sampled_from(
    ["很好", "broke after a day", "wireless headphones", "一般", "质量很好，物流太慢", "cheap but it smells"]
)


def encode(text: str) -> tuple[bytes, bytes]:
    return b"abcd", text.encode()[:8].ljust(8, b"\0")


# Few ids and times, so that equal ids, equal times and overfull sets all happen.
events = st.builds(
    Interaction,
    event_id=st.integers(0, 90).map(str),
    user_id=st.just("u"),
    event_type=st.sampled_from(KINDS),
    timestamp_ms=st.integers(0, 60),
    item_id=st.integers(0, 9).map(str),
    value=st.sampled_from([None, 0.5, 5.0, 3.3]),
    text=st.none() | TEXTS,
)
histories = st.lists(events, max_size=150)
statements = st.builds(
    lambda at, value: UserProfile(preferences=register({"size": value}, at)), st.integers(1, 60), st.sampled_from("SML")
)
deletions = st.integers(0, 60).map(lambda at: deleted(EMPTY_PROFILE, at))
links = st.builds(
    lambda at, user, anonymous: UserProfile(links=(Link(at, user, "" if user else anonymous),)),
    st.integers(0, 60),
    st.sampled_from(["", "known"]),
    st.sampled_from(["", "anon"]),
)


@st.composite
def handovers(draw: st.DrawFn, source: str = "anon:x") -> list[UserProfile]:
    """What an anonymous id hands to one user, each time by those of its identifies that it knows of by then."""
    owners = draw(st.dictionaries(st.integers(0, 20), st.sampled_from(["u", "another"]), max_size=6))
    kinds = draw(st.dictionaries(st.integers(0, 20), st.sampled_from(KINDS), max_size=8))
    did = profile_of(
        (Interaction(f"{source} {t}", source, kind, t, str(t % 3), text="words") for t, kind in kinds.items()), encode
    )
    parts = []
    for known in draw(st.lists(st.sets(st.sampled_from(sorted(owners))), max_size=3)) if owners else []:
        ends = sorted(known)
        for start_ms, end_ms in zip([-1, *ends], ends, strict=False):
            if owners[end_ms] == "u":
                link = Link(end_ms, "", source, start_ms)
                part = handed_over(within(did, start_ms, end_ms), source)
                parts.append(replace(part, links=(link,), is_user=True))
    return parts


def merged(*parts: st.SearchStrategy[UserProfile]) -> st.SearchStrategy[UserProfile]:
    return st.lists(st.one_of(*parts), min_size=1, max_size=5).map(lambda found: reduce(merge, found))


profiles = merged(histories.map(lambda h: profile_of(h, encode)), statements, deletions, links)
few = st.lists(events, max_size=4).map(lambda h: profile_of(h, encode))


@tried()
@given(profiles, profiles, profiles)
def test_merge_is_associative_commutative_and_idempotent(a, b, c):
    assert merge(a, merge(b, c)) == merge(merge(a, b), c)
    assert merge(a, b) == merge(b, a)
    assert merge(a, a) == a
    assert merge(a, EMPTY_PROFILE) == a


@tried(200)
@given(st.data(), handovers("anon:x"), handovers("anon:y"), few, deletions)
def test_so_it_is_where_what_was_handed_over_turns_out_to_be_anothers(data, x, y, own, deletion):
    """Where no set is full: what something pushed out does not come back when that is taken away again."""
    with patch("endcap.profiles.profile.MAX_TEXTS", 1000):
        parts = [*x, *y, own, deletion]
        for _ in range(3):
            some = data.draw(st.permutations(parts))
            cut = data.draw(st.integers(1, len(some)))
            halves = merge(*some[:cut]), reduce(merge, some[cut:], EMPTY_PROFILE)
            assert merge(*halves) == merge(*reversed(halves)) == merge(*parts)


@tried()
@given(st.one_of(profiles, handovers().map(lambda parts: merge(EMPTY_PROFILE, *parts))))
def test_bytes_give_back_the_profile(profile):
    assert decode_profile(encode_profile(profile)) == profile


@tried(200)
@given(st.data(), histories)
def test_batches_order_and_replays_do_not_matter(data, history):
    expected = encode_profile(profile_of(history, encode))
    replayed = data.draw(st.permutations(history + history[: len(history) // 2]))
    profile = EMPTY_PROFILE
    while replayed:
        size = data.draw(st.integers(1, len(replayed)))
        batch, replayed = replayed[:size], replayed[size:]
        profile = merge(profile, profile_of(batch, encode))
    assert encode_profile(profile) == expected


@tried()
@given(histories, st.integers(1, 60), st.integers(0, 150))
def test_deletion_commutes_with_events(history, at_ms, split):
    before, after = profile_of(history[:split], encode), profile_of(history[split:], encode)
    early = merge(deleted(before, at_ms), after)
    late = deleted(merge(before, after), at_ms)
    assert early == late
    assert all(e.timestamp_ms > at_ms for e in (*late.interactions, *late.strong, *late.texts, *late.impressions))
