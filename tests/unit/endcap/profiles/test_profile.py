"""What of a shopper's words a profile has encoded, and what it says of them; the first moment counts as any other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from endcap.events.interaction import Interaction
from endcap.events.types import POST
from endcap.profiles import profile as profiles
from endcap.profiles.codec import decode_profile, encode_profile
from endcap.profiles.profile import EMPTY_PROFILE, MAX_TEXTS, new_events, profile_of

AT_MS = 1_750_000_000_000


def said(event_type: str, text: str, value: float | None = None) -> Interaction:
    return Interaction(f"{event_type} {text}", "ada", event_type, AT_MS, "bedding", value=value, text=text)


def encoded(*events: Interaction) -> list[str]:
    asked: list[str] = []

    def encode(text: str) -> tuple[bytes, bytes]:
        asked.append(text)
        return b"tagg", b"\1" * 4

    assert len(profile_of(events, encode).texts) == len(asked)
    return asked


@pytest.mark.parametrize("reviews", [("很好", "一般", "很好！"), ("Great!", "so so", "Not bad, fast delivery")])
def test_reviews_that_only_judge_are_no_interests(reviews: tuple[str, ...]) -> None:
    assert encoded(*(said("review", text) for text in reviews)) == []


def test_of_a_review_the_part_about_the_thing_is_encoded() -> None:
    assert encoded(said("review", "Great lamp, fast delivery", 5.0)) == ["lamp,"]
    assert encoded(said("review", "四件套很好，物流快")) == ["四件套 ，"]


def test_praise_pushes_out_no_search() -> None:
    search, *praise = said("search", "garden lamp"), *(said("review", text) for text in ("好", "很好", "不错", "Nice!"))
    later = [replace(event, timestamp_ms=AT_MS + k) for k, event in enumerate(praise, 1)]
    assert len(later) >= MAX_TEXTS
    assert encoded(search, *later) == ["garden lamp"]


def test_its_tone_is_read_from_all_of_it() -> None:
    (signal,) = profile_of([said("review", "terrible lamp")]).texts
    assert signal.polarity < 0


def test_searches_are_encoded_as_they_are() -> None:
    assert encoded(said("search", "good cheap lamp")) == ["good cheap lamp"]


@pytest.mark.parametrize(
    ("event", "polarity"),
    [
        (said("search", "garden lamp"), 1.0),
        (said("search", "terrible lamp"), 1.0),  # is looked for, whatever it is called
        (said("review", "Great lamp, fast delivery", 5.0), 1.0),
        (said("review", "Great lamp", 2.0), -0.5),  # the grade says more than the words
        (said("review", "Great lamp", 9.0), 1.0),  # of whatever scale
        (said("review", "Great lamp", -9.0), -1.0),
        (said("review", "The lamp is wonderful"), 1.0),
        (said("review", "the lamp broke, terrible"), -1.0),
        (said("review", "The lamp is fine but a bit slow and the shade is ugly"), -0.46),
        (said(POST, "the lamp is wonderful"), 1.0),
        (said(POST, "a lamp"), 1.0),  # to write about it is to care
        (said(POST, "the lamp broke, terrible"), -1.0),
    ],
)
def test_words_count_for_or_against_their_thing(event: Interaction, polarity: float) -> None:
    (signal,) = profile_of([event], lambda _: (b"tagg", b"\1" * 4)).texts
    assert signal.polarity == polarity


@pytest.mark.parametrize(
    ("event", "tone"),
    [
        (said("review", "The lamp is wonderful"), 1.0),
        (said("review", "the lamp broke, terrible"), -1.0),
        (said("review", "The lamp is fine but a bit slow and the shade is ugly"), -0.46),
        (said("review", "The lamp is wonderful", 2.0), None),  # has a grade
        (said("review", ""), None),
        (said("purchase", "The lamp is wonderful"), None),
    ],
)
def test_a_review_without_a_grade_has_the_tone_of_its_words(event: Interaction, tone: float | None) -> None:
    (entry,) = profile_of([event]).interactions
    assert (entry.tone, entry.grade) == (tone, event.value)


@pytest.mark.parametrize(("tone", "polarity"), [(-0.29, 1.0), (-0.3, -0.3), (-0.31, -0.31)])
def test_a_post_counts_against_its_thing_from_a_clear_dislike_on(
    monkeypatch: pytest.MonkeyPatch, tone: float, polarity: float
) -> None:
    monkeypatch.setattr(profiles, "review_polarity", lambda _: tone)
    (signal,) = profile_of([said(POST, "a lamp")]).texts
    assert signal.polarity == polarity


def test_words_that_nobody_could_encode_are_kept_without_a_vector() -> None:
    profile = profile_of([said("search", "garden lamp")])
    assert [(signal.tag, signal.vector) for signal in profile.texts] == [(b"\0" * 4, b"")]
    assert decode_profile(encode_profile(profile)) == profile


@pytest.mark.parametrize("at_ms", [0, 1])
def test_what_is_done_at_the_first_moment_is_taken_in_and_new(at_ms: int) -> None:
    events = [
        replace(event, timestamp_ms=at_ms)
        for event in (said("view", ""), said("impression", ""), said("search", "garden lamp"))
    ]
    profile = profile_of(events)
    assert (len(profile.interactions), len(profile.impressions), len(profile.texts)) == (1, 1, 1)
    assert new_events(events, EMPTY_PROFILE, profile) == events
    assert new_events(events, profile, profile) == []
