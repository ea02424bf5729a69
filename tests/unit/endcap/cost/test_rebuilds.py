"""Whether a rebuild fits one call of Lambda."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.cost.rebuilds import LambdaLimits, RebuildSize, lambda_seconds, needs_of, refusal
from tests.fakes.effort import tried

SMALL = RebuildSize(items=3_000, events=100_000, new_texts=3_000, files=500, stored_mb=30)
STANDARD = LambdaLimits(3_008)

sizes = st.builds(
    RebuildSize,
    items=st.integers(0, 2_000_000),
    events=st.integers(0, 100_000_000),
    new_texts=st.integers(0, 2_000_000),
    files=st.integers(0, 1_000_000),
    stored_mb=st.floats(0, 100_000),
)
limits = st.builds(LambdaLimits, memory_mb=st.integers(1_769, 10_240), storage_mb=st.integers(512, 10_240))


def test_small_shop_fits_the_function_that_every_account_can_have() -> None:
    assert refusal(needs_of(SMALL), STANDARD) == ""
    assert lambda_seconds(needs_of(SMALL), STANDARD) < 300


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"items": 100_000}, "time"),
        ({"events": 60_000_000}, "time"),
        ({"files": 200_000}, "time"),
        ({"new_texts": 600_000}, "time"),
        ({"stored_mb": 12_000.0}, "disk"),
    ],
)
def test_refusal_says_what_there_is_too_little_of(change: dict[str, float], word: str) -> None:
    why = refusal(needs_of(replace(SMALL, **change)), LambdaLimits(10_240))
    assert f" of {word}, " in why


def test_more_memory_takes_in_larger_shops() -> None:
    larger = RebuildSize(items=17_000, events=450_000)
    assert " of memory, " in refusal(needs_of(larger), STANDARD)
    assert refusal(needs_of(larger), LambdaLimits(5_000)) == ""


@tried(50)
@given(sizes, limits, st.integers(0, 100_000), st.integers(0, 1_000_000))
def test_nothing_that_is_added_makes_a_rebuild_fit(
    size: RebuildSize, limits: LambdaLimits, items: int, events: int
) -> None:
    if refusal(needs_of(size), limits):
        assert refusal(needs_of(replace(size, items=size.items + items)), limits)
        assert refusal(needs_of(replace(size, events=size.events + events)), limits)


@tried(50)
@given(sizes, limits)
def test_what_is_not_refused_ends_in_time_with_room_to_spare(size: RebuildSize, limits: LambdaLimits) -> None:
    needs = needs_of(size)
    if not refusal(needs, limits):
        assert lambda_seconds(needs, limits) <= 840
        assert needs.memory_mb <= 0.9 * limits.memory_mb
        assert needs.storage_mb <= 0.9 * limits.storage_mb
