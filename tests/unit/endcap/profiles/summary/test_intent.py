from __future__ import annotations

from itertools import permutations

import pytest

from endcap.catalog.item import Item
from endcap.events.interaction import Interaction
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, profile_of
from endcap.profiles.summary.intent import CART_MS, PAUSE_MS, CategoryCount, Done, Named, recent_intent

NOW_MS = 1_768_471_200_000
MINUTE_MS = 60_000
ITEMS = {
    item_id: Item(item_id, title, categories=categories)
    for item_id, title, categories in [
        ("cream", "Day cream", ("beauty", "moisturisers")),
        ("balm", "Rich balm", ("beauty", "moisturisers")),
        ("lamp", "Garden lamp", ("garden",)),
    ]
}


def history(*acts: tuple[str, str | None, float]) -> UserProfile:
    return profile_of(
        Interaction(
            f"{kind}-{n}",
            "u",
            kind,
            NOW_MS - round(minutes * MINUTE_MS),
            item_id,
            text="x" if item_id is None else None,
        )
        for n, (kind, item_id, minutes) in enumerate(acts)
    )


def test_nothing_done_is_no_intent() -> None:
    assert recent_intent(EMPTY_PROFILE, {}, NOW_MS) is None
    assert recent_intent(history(("impression", "cream", 1)), ITEMS, NOW_MS) is None


def test_the_latest_session_says_what_is_compared_and_what_followed_a_search() -> None:
    found = recent_intent(
        history(
            ("view", "lamp", 200),  # a session of its own
            ("view", "cream", 40),
            ("search", None, 20),
            ("view", "balm", 15),
            ("view", "cream", 2),
            ("add_to_cart", "cream", 1),
        ),
        ITEMS,
        NOW_MS,
    )
    assert found is not None
    assert (found.started, found.ended) == (NOW_MS - 40 * MINUTE_MS, NOW_MS - MINUTE_MS)
    assert found.categories == (
        CategoryCount("moisturisers", 2, (Named("cream", "Day cream"), Named("balm", "Rich balm"))),
    )
    assert found.looked_at == (Done("cream", "Day cream", "add_to_cart"), Done("balm", "Rich balm", "view"))
    assert found.in_cart == (Named("cream", "Day cream"),)
    assert (found.searches, found.chosen_after_search) == (1, Done("balm", "Rich balm", "view"))


def test_what_was_bought_unlooked_at_is_of_its_category_too() -> None:
    found = recent_intent(history(("view", "balm", 2), ("purchase", "cream", 1)), ITEMS, NOW_MS)
    assert found is not None
    (category,) = found.categories
    assert (category.items, [one.item_id for one in category.latest]) == (2, ["cream", "balm"])
    assert [one.item_id for one in found.looked_at] == ["balm"]


@pytest.mark.parametrize("ids", [*permutations("abc")])
def test_what_was_done_in_one_moment_was_done_in_the_order_in_which_one_does_it(ids: tuple[str, ...]) -> None:
    kinds = ("view", "add_to_cart", "purchase")
    acts = [Interaction(event_id, "u", kind, NOW_MS, "cream") for event_id, kind in zip(ids, kinds, strict=True)]
    found = recent_intent(profile_of(acts), ITEMS, NOW_MS)
    assert found is not None
    assert found.looked_at == (Done("cream", "Day cream", "add_to_cart"),)
    assert found.in_cart == ()


def test_a_pause_of_just_half_an_hour_goes_on() -> None:
    minutes = PAUSE_MS / MINUTE_MS
    one = recent_intent(history(("view", "lamp", minutes), ("view", "cream", 0)), ITEMS, NOW_MS)
    two = recent_intent(history(("view", "lamp", minutes + 0.1), ("view", "cream", 0)), ITEMS, NOW_MS)
    assert one is not None
    assert two is not None
    assert len(one.looked_at) == 2
    assert two.looked_at == (Done("cream", "Day cream", "view"),)


def test_what_was_bought_taken_out_or_left_for_a_month_is_no_longer_in_the_cart() -> None:
    days = CART_MS / MINUTE_MS
    found = recent_intent(
        history(
            ("add_to_cart", "cream", 50),
            ("purchase", "cream", 40),
            ("add_to_cart", "balm", 30),
            ("remove_from_cart", "balm", 20),
            ("add_to_cart", "balm", 10),
            ("add_to_cart", "lamp", days + 1),
            ("add_to_cart", "unknown", 5),
        ),
        ITEMS,
        NOW_MS,
    )
    assert found is not None
    assert found.in_cart == (Named("unknown", ""), Named("balm", "Rich balm"))


def test_a_search_alone_is_an_intent_of_which_nothing_followed() -> None:
    found = recent_intent(history(("search", None, 3)), ITEMS, NOW_MS)
    assert found is not None
    assert (found.searches, found.chosen_after_search, found.looked_at) == (1, None, ())
