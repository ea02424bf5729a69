import base64
import json
from itertools import permutations

import pytest

from endcap.catalog.item import Item
from endcap.events.interaction import Interaction
from endcap.events.types import EVENT_TYPES, event_types
from endcap.profiles.entries import register
from endcap.profiles.links import Link
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, deleted, merge, profile_of
from endcap.profiles.summary.describe import MAX_ITEMS, counts, describe, export, item_weights

NOW_MS = 1_768_471_200_000
DAY_MS = 86_400_000


def event(kind, item_id="a", age_days=0.0, **fields):
    at_ms = NOW_MS - round(age_days * DAY_MS)
    return Interaction(f"{kind} {item_id} {age_days}", "u", kind, at_ms, item_id, **fields)


def weights(*events, kinds=EVENT_TYPES):
    return item_weights(profile_of(events), NOW_MS, kinds)


def test_a_weight_halves_with_each_half_life_of_its_kind():
    kinds = event_types({"view": {"weight": 0.4, "half_life_days": 10}})
    assert weights(event("view", age_days=20), kinds=kinds) == {"a": pytest.approx(0.4 / 2 / 2)}


def test_weights_of_one_item_add_up_with_their_signs():
    kinds = event_types({"like": 1.0, "return": -0.25})
    assert weights(event("like"), event("return"), kinds=kinds) == {"a": pytest.approx(1.0 - 0.25)}


@pytest.mark.parametrize(("grade", "share"), [(5, 1.0), (4, 0.5), (3, 0.0), (2, -0.5), (1, -1.0)])
def test_a_grade_counts_around_the_middle(grade, share):
    kinds = event_types({"rating": 0.8, "review": 0.8})
    assert weights(event("rating", value=grade), kinds=kinds) == {"a": pytest.approx(0.8 * share)}
    assert weights(event("review", value=grade, text="awful"), kinds=kinds) == {"a": pytest.approx(0.8 * share)}


def test_a_review_without_a_grade_counts_as_its_words_do():
    assert weights(event("review", text="很差"))["a"] < 0 < weights(event("review", text="很好"))["a"]
    assert weights(event("review")) == {"a": pytest.approx(EVENT_TYPES["review"].weight)}


def test_a_purchase_that_is_in_two_sets_counts_once():
    assert weights(event("purchase")) == {"a": pytest.approx(EVENT_TYPES["purchase"].weight)}


def test_kinds_that_are_no_longer_configured_count_nothing():
    assert weights(event("quiz_done")) == {}


def test_the_strongest_interest_comes_first_whatever_its_sign():
    kinds = event_types({"like": 0.5, "dislike": -1.0, "view": 0.1})
    found = weights(event("like", "b"), event("view", "c"), event("dislike", "a"), kinds=kinds)
    assert list(found) == ["a", "b", "c"]


def test_a_profile_in_words_names_items_categories_and_brands():
    profile = merge(
        profile_of([event("purchase", "lamp", age_days=1), event("view", "gone"), event("search", text="lamps")]),
        UserProfile(preferences=register({"size": "M"}, NOW_MS), consent=register({"mail": True}, NOW_MS)),
    )
    items = {"lamp": Item("lamp", "Garden lamp", categories=("home", "garden"), brand="Acme")}
    strength = item_weights(profile, NOW_MS, EVENT_TYPES)
    told = describe(profile, items, strength, NOW_MS, EVENT_TYPES)
    assert told["interests"]["categories"] == [{"name": "garden", "weight": round(strength["lamp"], 4)}]
    assert told["interests"]["brands"] == [{"name": "Acme", "weight": round(strength["lamp"], 4)}]
    assert [(entry["item_id"], entry["title"]) for entry in told["items"]] == [("lamp", "Garden lamp"), ("gone", "")]
    assert [(entry["event_type"], entry["age_s"]) for entry in told["recent"]] == [("view", 0), ("purchase", 86_400)]
    assert told["counts"]["texts"] == 1
    assert (told["preferences"], told["consent"]) == ({"size": "M"}, {"mail": True})


def test_a_long_history_is_told_briefly():
    profile = profile_of([event("view", f"item-{n}", age_days=n) for n in range(MAX_ITEMS + 5)])
    told = describe(profile, {}, item_weights(profile, NOW_MS, EVENT_TYPES), NOW_MS, EVENT_TYPES)
    assert len(told["items"]) == len(told["recent"]) == MAX_ITEMS


def test_an_export_holds_everything_that_is_stored():
    vector = bytes(range(8))
    profile = merge(
        profile_of(
            [event("rating", value=4.5), event("search", text="lamp"), event("impression"), event("review", text="差")],
            lambda text: (b"tagg", vector),
        ),
        UserProfile(
            attributes=register({"age": 31}, NOW_MS), links=(Link(NOW_MS, anonymous_id="cookie"),), deleted_at_ms=5
        ),
    )
    exported = json.loads(json.dumps(export(profile)))
    assert {entry["event_type"] for entry in exported["interactions"]} == {"rating", "review"}
    assert [entry.get("value") for entry in exported["strong_interactions"] if "value" in entry] == [4.5]
    assert all(base64.b64decode(text["vector_int8"]) == vector for text in exported["texts"])
    assert {text["encoder"] for text in exported["texts"]} == {b"tagg".hex()}
    assert exported["impressions"] == [{"item_sha256_prefix": "ca978112", "timestamp": NOW_MS}]  # sha256 of "a"
    assert exported["attributes"] == {"age": 31}
    assert exported["links"] == [{"user_id": "", "anonymous_id": "cookie", "timestamp": NOW_MS}]
    assert exported["deleted_at"] == 0.005


def test_an_export_of_nothing_is_empty():
    assert export(EMPTY_PROFILE)["deleted_at"] is None
    assert not any(counts(EMPTY_PROFILE).values())


def test_counts_after_a_deletion_are_zero():
    profile = profile_of([event("purchase"), event("impression"), event("search", text="lamp")])
    assert all(counts(profile)[name] for name in ("interactions", "strong_interactions", "texts", "impressions"))
    assert not any(counts(deleted(profile, NOW_MS)).values())


@pytest.mark.parametrize("ids", [*permutations("abcd")])
def test_a_timeline_has_what_was_done_in_one_moment_in_its_natural_order(ids):
    kinds = ("view", "add_to_cart", "purchase", "review")
    acts = [Interaction(event_id, "u", kind, NOW_MS, "mug") for event_id, kind in zip(ids, kinds, strict=True)]
    acts.append(Interaction("z", "u", "view", NOW_MS + 1, "mug"))
    told = describe(profile_of(acts), {}, {}, NOW_MS, EVENT_TYPES)
    assert [one["event_type"] for one in told["recent"]] == ["view", "review", "purchase", "add_to_cart", "view"]
