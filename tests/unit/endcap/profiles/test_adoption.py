from dataclasses import replace

import pytest

from endcap.events.interaction import Interaction
from endcap.profiles.adoption import adopted, is_known_user
from endcap.profiles.entries import register
from endcap.profiles.links import Link
from endcap.profiles.profile import EMPTY_PROFILE, profile_of

DAY_MS = 86_400_000
NOW_MS = 100 * DAY_MS
OLD = replace(profile_of([Interaction("e", "cookie", "view", 90 * DAY_MS, "i")]), is_user=False)


def test_what_is_taken_over_says_where_it_lay():
    found = adopted(OLD, "cookie", NOW_MS, 30)
    assert found.interactions == OLD.interactions
    assert found.links == (Link(90 * DAY_MS, "", "cookie"),)


def test_who_it_turned_out_to_be_before_stays_known():
    linked = replace(OLD, links=(Link(89 * DAY_MS, user_id="ann"),))
    assert Link(89 * DAY_MS, user_id="ann") in adopted(linked, "cookie", NOW_MS, 30).links


@pytest.mark.parametrize(("days", "taken"), [(10, True), (9, False), (0, False)])
def test_it_ends_by_itself(days, taken):
    assert (adopted(OLD, "cookie", NOW_MS, days) is not None) == taken


@pytest.mark.parametrize(
    "more",
    [
        {"is_user": True},
        {"links": (Link(1, "", "phone"),)},
        {"links": (Link(1, "", "anon:phone"),)},
        {"attributes": register({}, 1)},
        {"preferences": register({"a": 1}, 1)},
        {"consent": register({"a": True}, 1)},
    ],
    ids=lambda more: next(iter(more)),
)
def test_nothing_is_taken_from_a_user(more):
    assert is_known_user(replace(OLD, **more))
    assert adopted(replace(OLD, **more), "cookie", NOW_MS, 30) is None


def test_nothing_is_taken_from_nobody():
    assert adopted(EMPTY_PROFILE, "cookie", NOW_MS, 30) is None
    assert adopted(replace(EMPTY_PROFILE, deleted_at_ms=NOW_MS), "cookie", NOW_MS, 30) is None
