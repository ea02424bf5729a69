"""Statements and refusals at their borders: sizes, moments, and what a refusal keeps."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from endcap.errors import FieldError, InvalidRequestError
from endcap.events.interaction import Interaction
from endcap.profiles.attributes import stated
from endcap.profiles.consent import emptied, refusal, refuses
from endcap.profiles.entries import NEVER_SET, register
from endcap.profiles.identity import apply_events
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, profile_of
from tests.fakes.profile_store import MemoryProfiles

NOW_MS = 1_768_471_200_000
REFUSED, AGREED = ({"consent": {"personalization": said}} for said in (False, True))


def taken(body: Any) -> bool:
    try:
        stated(body, NOW_MS)
    except InvalidRequestError:
        return False
    return True


@pytest.mark.parametrize(
    ("passes", "beyond"),
    [
        ({"attributes": {"a": "x" * 256}}, {"attributes": {"a": "x" * 257}}),
        ({"attributes": {"n" * 64: 1}}, {"attributes": {"n" * 65: 1}}),
        ({"attributes": {"a": ["x"] * 50}}, {"attributes": {"a": ["x"] * 51}}),
        ({"attributes": {"a": ["x" * 256]}}, {"attributes": {"a": ["x" * 257]}}),
        *(
            ({field: {f"n{k}": True for k in range(50)}}, {field: {f"n{k}": True for k in range(51)}})
            for field in ("attributes", "preferences", "consent")
        ),
        ({"consent": {"n" * 64: True}}, {"consent": {"n" * 65: True}}),
        ({"attributes": {}, "timestamp": NOW_MS + 300_000}, {"attributes": {}, "timestamp": NOW_MS + 300_001}),
        ({"attributes": {}, "timestamp": 0}, {"attributes": {}, "timestamp": -1}),
    ],
)
def test_limits_are_within(passes: Any, beyond: Any) -> None:
    assert taken(passes)
    assert not taken(beyond)


@pytest.mark.parametrize("name", ["attributes", "preferences"])
def test_a_field_may_take_two_kilobytes_of_json(name: str) -> None:
    def of_size(size: int) -> dict[str, Any]:
        said = {f"n{k}": "用" * 80 for k in range(8)} | {"x": ""}
        said["x"] = "y" * (size - len(json.dumps(said, ensure_ascii=False).encode()))
        assert len(json.dumps(said, ensure_ascii=False).encode()) == size
        return {name: said}

    assert taken(of_size(2048))
    with pytest.raises(InvalidRequestError, match=f"{name} may take at most 2048 bytes"):
        stated(of_size(2049), NOW_MS)


def test_fields_are_judged_by_themselves_and_nothing_is_no_statement() -> None:
    said = stated({"attributes": {}, "consent": {"mail": True}, "timestamp": NOW_MS - 5}, NOW_MS).said
    assert said == replace(
        EMPTY_PROFILE, attributes=register({}, NOW_MS - 5), consent=register({"mail": True}, NOW_MS - 5)
    )
    assert stated({"preferences": {"a": "b"}}, NOW_MS).said.preferences == register({"a": "b"}, NOW_MS)
    with pytest.raises(InvalidRequestError, match="nothing is stated"):
        stated({"timestamp": NOW_MS}, NOW_MS)


def test_a_moment_of_before_counts_and_one_ahead_is_now() -> None:
    for given, kept in ((0, 0), (NOW_MS - 1, NOW_MS - 1), (NOW_MS, NOW_MS), (NOW_MS + 9, NOW_MS), (None, NOW_MS)):
        said = stated({"attributes": {}, "timestamp": given}, NOW_MS).said
        assert said.attributes.timestamp_ms == kept


def test_every_preference_that_ranks_nothing_is_told() -> None:
    warnings: list[FieldError] = []
    body = {"preferences": {"categories": True, "brands": 7, "brand": "Acme", "zzz": 1}}
    assert stated(body, NOW_MS, warnings).said.preferences.value == body["preferences"]
    assert warnings == [
        {
            "field": f"preferences.{name}",
            "message": f"is kept, and ranks nothing{why}",
        }
        for name, why in (
            ("categories", ": it has to be a list of names"),
            ("brands", ": it has to be a list of names"),
            ("brand", "; did you mean brands?"),
            ("zzz", ": categories and brands do"),
        )
    ]
    assert stated({"preferences": {"categories": ["a"], "brands": ["b"]}}, NOW_MS, warnings)
    assert len(warnings) == 4
    stated({"attributes": {"zzz": 1}}, NOW_MS, warnings)
    assert len(warnings) == 4
    assert stated(body, NOW_MS)  # where nobody asked


@pytest.mark.parametrize(
    ("consent", "refused"),
    [
        ({"personalization": False}, True),
        ({"personalization": True}, False),
        ({"personalization": 0}, False),
        ({"personalization": None}, False),
        ({"mail": False}, False),
        (None, False),
        ([], False),
        ("personalization", False),
    ],
)
def test_only_a_plain_no_is_a_refusal(consent: Any, refused: bool) -> None:
    assert refuses(UserProfile(consent=register(consent, 5))) is refused


def test_a_refusal_is_one_and_says_nothing_else() -> None:
    assert refusal(5) == register({"personalization": False}, 5)
    assert refuses(UserProfile(consent=refusal(5)))


def test_who_refuses_keeps_the_consent_and_the_memory_of_erasures_alone() -> None:
    full = replace(
        profile_of([Interaction("e", "ann", "purchase", 5, "i", text="good", value=5.0)]),
        attributes=register({"age": 31}, 1),
        preferences=register({"size": "M"}, 2),
        consent=refusal(3),
        deleted_at_ms=4,
        erased_at_ms=4,
        is_user=True,
    )
    kept = emptied(full)
    changed = {field.name for field in fields(full) if getattr(full, field.name) != getattr(kept, field.name)}
    assert changed >= {"interactions", "attributes", "preferences"}
    assert kept == UserProfile(links=full.links, consent=refusal(3), deleted_at_ms=4, erased_at_ms=4, is_user=True)
    assert kept.attributes == kept.preferences == NEVER_SET


class Shop:
    def __init__(self) -> None:
        self.store = MemoryProfiles()

    def sees(self, user_id: str, *at_ms: int) -> None:
        apply_events([Interaction(f"{user_id} {at}", user_id, "view", at, "i") for at in at_ms], self.store)

    def says(self, user_id: str, body: Any, at_ms: int) -> tuple[str, ...]:
        return stated(body, at_ms).state(user_id, self.store)[1]

    def times(self, user_id: str) -> list[int]:
        return sorted(entry.timestamp_ms for entry in self.store.get(user_id).interactions)


def test_what_happens_in_the_moment_of_a_consent_is_known_and_a_moment_before_is_not() -> None:
    shop = Shop()
    shop.says("ann", REFUSED, NOW_MS)
    shop.says("ann", AGREED, NOW_MS + 10)
    shop.sees("ann", NOW_MS - 1, NOW_MS, NOW_MS + 8, NOW_MS + 9, NOW_MS + 10, NOW_MS + 11)
    assert shop.times("ann") == [NOW_MS + 10, NOW_MS + 11]


def test_a_refusal_erases_up_to_the_moment_before_it() -> None:
    shop = Shop()
    shop.sees("ann", NOW_MS - 2, NOW_MS - 1)
    shop.says("ann", REFUSED, NOW_MS)
    assert shop.store.get("ann").deleted_at_ms == NOW_MS - 1
    shop.says("ann", AGREED, NOW_MS + 1)
    assert shop.store.get("ann").deleted_at_ms == NOW_MS
    assert shop.times("ann") == []


@pytest.mark.parametrize(("before_ms", "goes"), [(1, True), (0, False)])
def test_devices_that_were_handed_over_before_a_refusal_are_reached(before_ms: int, goes: bool) -> None:
    shop = Shop()
    shop.sees("anon:cookie", NOW_MS - 5)
    apply_events([Interaction("l", "ann", "identify", NOW_MS - before_ms, anonymous_id="cookie")], shop.store)
    shop.says("ann", REFUSED, NOW_MS)
    assert shop.times("anon:cookie") == ([] if goes else [NOW_MS - 5])
    assert shop.times("ann") == []


def test_a_second_refusal_changes_the_time_of_the_first_and_nothing_else() -> None:
    shop = Shop()
    shop.says("ann", REFUSED, NOW_MS)
    before = shop.store.get("ann")
    assert shop.says("ann", {"attributes": {"a": 1}, "preferences": {"b": 2}, **REFUSED}, NOW_MS + 9) == (
        "attributes",
        "preferences",
    )
    assert shop.store.get("ann") == replace(before, consent=refusal(NOW_MS + 9))


def test_who_refuses_nothing_has_nothing_left_out() -> None:
    shop = Shop()
    assert shop.says("ann", {"attributes": {"a": 1}, "preferences": {"b": 2}}, NOW_MS) == ()
    assert shop.says("bob", {**REFUSED, "attributes": {"a": 1}}, NOW_MS) == ("attributes",)
    assert shop.says("cat", REFUSED, NOW_MS) == ()


def test_far_more_devices_than_one_refusal_reaches_are_left_for_later() -> None:
    shop, asked = Shop(), list[tuple[str, int]]()
    for n in range(60):
        shop.sees(f"anon:device-{n}", NOW_MS - 9)
        apply_events([Interaction(f"l{n}", "ann", "identify", NOW_MS - 5, anonymous_id=f"device-{n}")], shop.store)
    stated(REFUSED, NOW_MS).state("ann", shop.store, lambda *later: asked.append(later))
    assert asked == [("ann", NOW_MS - 1)]
    assert refuses(shop.store.get("ann"))
    assert shop.times("ann") == []
