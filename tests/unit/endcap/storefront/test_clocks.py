"""Times by clocks that are off."""

from __future__ import annotations

import pytest

from endcap.errors import InvalidRequestError
from endcap.storefront.clocks import TRUSTED_MS, clock_error_ms, put_right

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


@pytest.mark.parametrize("off_ms", [HOUR_MS, -HOUR_MS, 400 * 24 * HOUR_MS, TRUSTED_MS])
def test_an_event_of_a_minute_ago_is_of_a_minute_ago_whatever_the_clock_says(off_ms: int) -> None:
    ahead_ms = clock_error_ms({"sent_at": NOW_MS + off_ms}, NOW_MS)
    event = put_right({"timestamp": NOW_MS + off_ms - 60_000}, ahead_ms, NOW_MS)
    assert event == {"timestamp": NOW_MS - 60_000}


def test_a_clock_that_is_about_right_is_left_alone() -> None:
    assert clock_error_ms({"sent_at": NOW_MS - 59_000}, NOW_MS) == 0
    assert clock_error_ms({}, NOW_MS) == clock_error_ms({"sent_at": None}, NOW_MS) == 0


def test_nothing_happened_after_it_arrived() -> None:
    assert put_right({"timestamp": NOW_MS + HOUR_MS}, 0, NOW_MS) == {"timestamp": NOW_MS}


def test_what_is_no_time_is_left_to_be_refused() -> None:
    for event in ({}, {"timestamp": "soon"}, {"timestamp": None}):
        assert put_right(event, HOUR_MS, NOW_MS) == event
    with pytest.raises(InvalidRequestError):
        clock_error_ms({"sent_at": "soon"}, NOW_MS)
