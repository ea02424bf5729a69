"""Interactions as columns: order, repeats, and what an event says for or against an item."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from endcap.events.grades import grade_factor
from endcap.events.interaction import Interaction
from endcap.events.types import EVENT_TYPES
from endcap.profiles.entries import Entry
from endcap.profiles.profile import profile_of
from endcap.profiles.settled import settled as settled_entries
from endcap.ranking.features import mean_grade
from endcap_rebuild.data.clock import clock_usable
from endcap_rebuild.data.event_table import EventTable, event_table, settled
from endcap_rebuild.data.reading import ReadReport
from endcap_rebuild.data.row_weights import positive_strength
from tests.fakes.toy_shop import table_of

ITEMS = {"a": 0, "b": 1, "c": 2}


def event(number: int, kind: str = "view", item: str | None = "a", user: str = "u", **more: object) -> Interaction:
    fields = {"event_id": f"e{number}", "user_id": user, "event_type": kind, "timestamp_ms": number, "item_id": item}
    return Interaction(**{**fields, **more})  # type: ignore[arg-type]


def table(events: list[Interaction], seed: int = 0) -> tuple[EventTable, ReadReport]:
    report = ReadReport()
    return event_table(events, ITEMS, report, seed), report


def columns(t: EventTable) -> list[tuple[object, ...]]:
    return list(
        zip(t.user.tolist(), t.item.tolist(), t.time_ms.tolist(), t.key.tolist(), t.session.tolist(), strict=True)
    )


def test_rows_are_sorted_by_user_and_time() -> None:
    t, _ = table([event(3, user="v"), event(2), event(1, item="b")])
    assert [t.user_ids[u] for u in t.user] == ["u", "u", "v"]
    assert t.time_ms.tolist() == [1, 2, 3]
    assert t.user_bounds().tolist() == [0, 2, 3]


def test_order_of_the_file_changes_nothing() -> None:
    events = [event(k % 7, event_id=f"e{k}", item="abc"[k % 3], session_id=f"s{k % 5}") for k in range(60)]
    shuffled = events.copy()
    random.Random(1).shuffle(shuffled)
    assert columns(table(events)[0]) == columns(table(shuffled)[0])


def test_events_of_one_time_are_shuffled_by_the_seed() -> None:
    events = [event(5, event_id=f"e{k}", item="abc"[k % 3]) for k in range(40)]
    assert columns(table(events, seed=0)[0]) != columns(table(events, seed=1)[0])


def test_repeated_events_are_dropped_and_the_latest_kept() -> None:
    t, report = table([event(1), event(1, timestamp_ms=9), event(1), event(1, user="v")])
    assert t.time_ms.tolist() == [9, 1]
    assert report.duplicate_events == 2


def test_events_of_unknown_items_are_left_out_and_counted() -> None:
    t, report = table([event(1), event(2, item="zzz")])
    assert len(t) == 1
    assert report.unknown_item_events == 1


@pytest.mark.parametrize("kind", ["search", "tag", "impression", "identify"])
def test_kinds_that_are_no_step_of_a_history_are_left_out(kind: str) -> None:
    assert len(table([event(1, kind)])[0]) == 0


@pytest.mark.parametrize("kind", ["return", "dislike", "remove_from_cart"])
def test_kinds_that_speak_against_an_item_do_not_count_as_positive(kind: str) -> None:
    t, _ = table([event(1, kind)])
    assert t.strength.tolist() == pytest.approx([EVENT_TYPES[kind].weight])
    assert positive_strength(t).tolist() == [0]


def test_grade_counts_around_the_users_own_mean() -> None:
    grades = [5.0, 5.0, 1.0]
    t, _ = table([event(k, "rating", value=value) for k, value in enumerate(grades)])
    entries = [Entry(k, b"", "rating", "a", value) for k, value in enumerate(grades)]
    expected = [grade_factor(value, mean_grade(entries)) for value in grades]
    assert t.strength.tolist() == pytest.approx(expected)
    assert t.strength[2] < 0 < t.strength[0]


def test_review_without_grade_counts_by_its_tone() -> None:
    t, _ = table([event(1, "review", text="I love it, wonderful"), event(2, "review", text="terrible, it broke")])
    assert t.strength[0] > 0 > t.strength[1]


def test_review_with_neither_text_nor_grade_is_a_plain_positive() -> None:
    t, _ = table([event(1, "review")])
    assert t.strength.tolist() == [EVENT_TYPES["review"].weight]


def test_no_events_make_an_empty_table() -> None:
    t, _ = table([])
    assert len(t) == 0
    assert t.user_bounds().tolist() == [0]


@pytest.mark.parametrize(
    ("times_s", "usable"),
    [
        ([], False),
        ([1_700_000_000], False),
        ([1_700_000_000] * 50, False),
        (list(range(1, 1000)), False),
        (list(range(1_700_000_000, 1_700_000_500)), False),
        ([1_700_000_000, 1_700_090_000], True),
        ([0, 1_700_000_000, 1_700_090_000, 1_700_190_000], True),
        ([0, 0, 0, 1_700_000_000, 1_700_090_000], False),
        ([1_023_840_000, 1_406_073_600], True),
    ],
)
def test_clock_rule(times_s: list[int], usable: bool) -> None:
    assert clock_usable(np.array(times_s, dtype=np.int64) * 1000) is usable


def test_hand_made_table_keeps_days() -> None:
    t = table_of([("u", 0, "view", -1.5)], 1)
    assert math.isclose((1_750_000_000_000 - int(t.time_ms[0])) / 86_400_000, 1.5)


def did(user: str, kind: str, item: str | None, at_ms: int, order: str | None = None) -> Interaction:
    return Interaction(f"{user} {kind} {item} {at_ms}", user, kind, at_ms, item, order_id=order)


def left(events: list[Interaction], cutoff_ms: int = 1 << 40, **more: object) -> list[tuple[str, str]]:
    known = {"a": 0, "b": 1, "parent": 0}
    found = settled(event_table(events, known, ReadReport(), **more), cutoff_ms)  # type: ignore[arg-type]
    return sorted((found.user_ids[u], found.event_types[t]) for u, t in zip(found.user, found.event_type, strict=True))


def test_what_was_given_back_is_left_out_of_what_is_learned_from_then_on() -> None:
    events = [did("u", "view", "a", 1), did("u", "purchase", "a", 2), did("v", "purchase", "a", 2)]
    events.append(did("u", "return", "a", 9))
    assert left(events) == [("u", "return"), ("v", "purchase")]
    assert left(events, cutoff_ms=8) == [("u", "purchase"), ("u", "return"), ("u", "view"), ("v", "purchase")]


def test_a_refund_that_names_its_order_alone_takes_the_order() -> None:
    events = [did("u", "purchase", item, 2, "T") for item in "ab"]
    assert left([*events, did("u", "return", None, 9, "T"), did("w", "return", None, 9, "T")]) == []
    assert len(left([*events, did("v", "return", None, 9, "T")])) == 2


def test_variants_and_their_parent_are_given_back_as_one_thing() -> None:
    events = [did("u", "purchase", "b", 2), did("u", "return", "parent", 9)]
    assert left(events) == [("u", "purchase"), ("u", "return")]
    assert left(events, groups=["parent", "parent"]) == [("u", "return")]


def test_the_table_and_the_profile_take_back_the_same() -> None:
    kinds = ["view", "add_to_cart", "remove_from_cart", "purchase", "return"]
    chance = random.Random(7)
    for _ in range(40):
        events = [
            did("u", chance.choice(kinds), chance.choice("ab"), chance.randrange(99), chance.choice([None, "S", "T"]))
            for _ in range(chance.randrange(1, 25))
        ]
        events = list({e.event_id: e for e in events}.values())
        profile = profile_of(events)
        assert left(events) == sorted(("u", e.event_type) for e in settled_entries(profile.interactions))
