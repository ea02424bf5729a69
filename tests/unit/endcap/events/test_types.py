import pytest

from endcap.encoders.user import CUSTOM_AGAINST, CUSTOM_FOR, REVIEW_TEXT
from endcap.events.types import (
    ALIASES,
    ENDS_CART,
    EVENT_TYPES,
    GA4,
    GRADED,
    LOOKED,
    N_CODES,
    NOT_IN_HISTORY,
    PERSONALIZE,
    SEGMENT,
    SPECIAL_CODES,
    STRONG,
    TEXTUAL,
    event_types,
    step_of,
)

DAY_S = 86_400


def test_every_type_has_a_byte_of_its_own_and_none_that_means_something_else():
    codes = [*(row.code for row in EVENT_TYPES.values()), *SPECIAL_CODES]
    assert len(set(codes)) == len(codes)
    assert all(1 <= code <= 127 for code in codes)
    assert max(codes) + 1 == N_CODES


def test_the_special_kinds_of_the_user_encoder_keep_their_codes():
    assert (CUSTOM_FOR, CUSTOM_AGAINST, REVIEW_TEXT) == (17, 18, 19)


@pytest.mark.parametrize("field", ["past", "aliases", "ga4", "segment", "personalize"])
def test_a_name_stands_for_one_type(field):
    names = [name for row in EVENT_TYPES.values() for name in getattr(row, field)]
    assert len(set(names)) == len(names)


def test_groups_are_what_they_were():
    assert {"purchase", "return", "rating", "review"} == STRONG
    assert {"rating", "review"} == GRADED
    assert {"review", "search", "tag", "post"} == TEXTUAL
    assert {"search", "tag", "impression", "identify"} == NOT_IN_HISTORY
    assert {"view", "click", "add_to_cart", "wishlist", "share", "like"} == LOOKED
    assert {"purchase", "remove_from_cart", "return"} == ENDS_CART


def test_names_of_other_formats_are_what_they_were():
    assert ALIASES == {
        "view_item": "view",
        "select_item": "click",
        "add_to_wishlist": "wishlist",
        "begin_checkout": "add_to_cart",
        "refund": "return",
        "view_item_list": "impression",
        "view_search_results": "search",
        "comment": "review",
    }
    assert (len(GA4), len(SEGMENT)) == (16, 15)
    assert PERSONALIZE == {"watch": "view", "detail_page_view": "view", "start_checkout": "add_to_cart"}


def test_stored_bytes_never_change_their_meaning():
    assert {kind.code: name for name, kind in EVENT_TYPES.items()} == {
        1: "view",
        2: "click",
        3: "add_to_cart",
        4: "remove_from_cart",
        5: "purchase",
        6: "return",
        7: "rating",
        8: "review",
        9: "search",
        10: "like",
        11: "dislike",
        12: "wishlist",
        13: "share",
        14: "impression",
        15: "identify",
        16: "tag",
        20: "post",
    }


def test_aliases_and_groups_name_known_kinds():
    assert set(ALIASES.values()) | GRADED | STRONG | TEXTUAL <= set(EVENT_TYPES)
    assert not set(ALIASES) & set(EVENT_TYPES)


def test_what_is_disliked_or_undone_counts_against():
    assert {name for name, kind in EVENT_TYPES.items() if kind.weight < 0} == {"dislike", "remove_from_cart", "return"}


def test_a_weight_of_the_storefront_replaces_ours_and_keeps_the_rest():
    kinds = event_types({"view": 0.05})
    assert kinds["view"].weight == 0.05
    assert kinds["view"].half_life_s == EVENT_TYPES["view"].half_life_s
    assert kinds["view"].code == EVENT_TYPES["view"].code
    assert kinds["click"] == EVENT_TYPES["click"]


def test_a_kind_of_the_storefront_needs_an_item_and_is_stored_by_name():
    kind = event_types({"quiz_done": {"weight": -0.2, "half_life_days": 3}})["quiz_done"]
    assert (kind.weight, kind.half_life_s, kind.needs, kind.code) == (-0.2, 3 * DAY_S, ("item_id",), 0)


@pytest.mark.parametrize(
    "overrides",
    [
        {"view": "much"},
        {"view": {}},
        {"view": {"half_life_days": 3}},
        {"view": {"weight": 1, "colour": "red"}},
        {"view": {"weight": 1, "half_life_days": 0}},
        {"view": {"weight": 1, "half_life_days": -1}},
        {"view": {"weight": 1, "half_life_days": float("nan")}},
        {"view": {"weight": 1, "half_life_days": float("inf")}},
        {"view": float("nan")},
        {"view": float("-inf")},
        {"": 1},
    ],
)
def test_unusable_weights_are_refused(overrides):
    with pytest.raises(ValueError):
        event_types(overrides)


def test_the_built_in_kinds_stay_as_they_are():
    event_types({"view": 9.0})
    assert EVENT_TYPES["view"].weight != 9.0
    with pytest.raises(TypeError):
        EVENT_TYPES["view"] = EVENT_TYPES["click"]


def test_things_are_done_from_a_look_to_what_is_said_of_them() -> None:
    done = ["view", "add_to_cart", "remove_from_cart", "purchase", "return", "review"]
    assert [step_of(name) for name in done] == list(range(len(done)))
    assert step_of("click") == step_of("watched_video") == step_of("view")
