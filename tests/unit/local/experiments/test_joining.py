"""Exposures and events joined: what counts, for whom, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap_local.experiments.joining import CLOCK_SLACK_MS, Counting, JoinLog, exposures_of, outcomes

NOW_MS = 1_760_000_000_000
HOUR_MS = 3_600_000


def shown(key: str, unit: str, variant: str = "a", at_ms: int = NOW_MS, **more: Any) -> dict[str, Any]:
    items = [{"item_id": item, "rank": k, "propensity": 1.0} for k, item in enumerate(("i1", "i2"), 1)]
    record = {"recommendation_id": key, "user_id": unit, "unit": unit, "timestamp": at_ms, "items": items}
    return record | {"experiment": "blend", "variant": variant} | more


def event(key: str | None, kind: str = "click", at_ms: int = NOW_MS + 1000, **more: Any) -> dict[str, Any]:
    base = {"event_id": f"{kind}-{key}", "user_id": "ann", "event_type": kind, "item_id": "i1", "timestamp": at_ms}
    return base | ({"recommendation_id": key} if key else {}) | more


def joined(
    exposures: Sequence[dict[str, Any]], events: Sequence[dict[str, Any]], counting: Counting | None = None
) -> tuple[dict[str, tuple[list[float], ...]], JoinLog]:
    """Per variant: lists, clicked lists, converted and revenue of each shopper."""
    log = JoinLog()
    found = outcomes(exposures_of(exposures)["blend"], events, counting or Counting(), log)
    told = {
        name: tuple(values.tolist() for values in (one.lists, one.clicked, one.converted, one.revenue))
        for name, one in found.items()
    }
    return told, log


def test_events_count_for_the_shopper_whose_list_they_came_from() -> None:
    exposures = [shown("r1", "ann"), shown("r2", "ann"), shown("r3", "bob", "b")]
    events = [
        event("r1"),
        event("r1", "view"),  # the list is clicked once, however often
        event("r2", "purchase", value=12.5),
        event("r2", "purchase", event_id="p2", value=7.5, item_id="i2"),
        event("r3", "select_item", user_id="bob"),  # GA4's name of a click
        event("r3", "add_to_cart", user_id="bob"),
        event("elsewhere"),
        event(None, "purchase"),
    ]
    found, log = joined(exposures, events)
    assert found == {"a": ([2.0], [1.0], [1.0], [20.0]), "b": ([1.0], [1.0], [0.0], [0.0])}
    assert log == JoinLog(joined=5)


def test_an_event_counts_once_and_only_for_a_shown_item_in_its_time() -> None:
    late = event("r1", "purchase", NOW_MS + HOUR_MS + 1, event_id="late", value=1)
    early = event("r1", "purchase", NOW_MS - CLOCK_SLACK_MS - 1, event_id="early", value=1)
    just = event("r1", "purchase", NOW_MS + HOUR_MS, event_id="just", value=1)
    slow_clock = event("r1", "purchase", NOW_MS - CLOCK_SLACK_MS, event_id="slow", value=1)
    other = event("r1", "purchase", event_id="other", item_id="i9", value=1)
    timeless = event("r1", "purchase", event_id="timeless", value=1) | {"timestamp": "whenever"}
    somebody = event("r1", "purchase", event_id="just", user_id="eve", value=1)  # ids are of one user
    counting = Counting(within_ms=HOUR_MS)
    found, log = joined(
        [shown("r1", "ann")], [late, early, just, just, slow_clock, other, timeless, somebody], counting
    )
    assert found["a"][3] == [3.0]
    assert log == JoinLog(joined=3, repeated=1, other_item=1, out_of_time=3)


def test_a_list_counts_once_and_one_without_experiment_or_of_another_not_at_all() -> None:
    plain = shown("r9", "ann")
    del plain["experiment"]
    damaged: list[dict[str, Any]] = [{"experiment": "blend"}, shown("r8", "ann", timestamp="soon"), shown("r7", "ann")]
    damaged[2]["items"] = ["i1", None]
    found, _ = joined([shown("r1", "ann"), shown("r1", "ann"), plain, *damaged], [event("r1")])
    assert found == {"a": ([2.0], [1.0], [0.0], [0.0])}
    assert set(exposures_of([shown("r1", "ann"), shown("r2", "ann", experiment="other")])) == {"blend", "other"}
    assert set(exposures_of([shown("r1", "ann"), shown("r2", "ann", experiment="other")], "other")) == {"other"}
    assert exposures_of([shown("r1", "ann")], starts_ms={"blend": NOW_MS + 1})["blend"].lists == {}


def test_shoppers_of_several_variants_are_left_out_and_lists_without_their_variant_stay_in() -> None:
    exposures = [shown("r1", "ann"), shown("r2", "ann", "b"), shown("r3", "bob", not_served="failed")]
    found, _ = joined(exposures, [])
    assert found == {"a": ([1.0], [0.0], [0.0], [0.0])}
    assert exposures_of(exposures)["blend"].not_served == {"failed": 1}
    assert exposures_of(exposures)["blend"].variants == {"ann": None, "bob": "a"}


def test_by_user_whatever_they_bought_after_the_first_list_counts() -> None:
    exposures = [shown("r2", "ann", at_ms=NOW_MS + HOUR_MS), shown("r1", "ann")]
    events = [
        event(None, "purchase", NOW_MS + 1, item_id="i9", event_id="p1", value=5),
        event(None, "purchase", NOW_MS - HOUR_MS, item_id="i9", event_id="p0", value=5),
        event(None, "purchase", NOW_MS + 1, user_id="eve"),
        event(None, "click"),
        event("r2", at_ms=NOW_MS + HOUR_MS),
    ]
    found, log = joined(exposures, events, Counting(attribution="user"))
    assert found == {"a": ([2.0], [1.0], [1.0], [5.0])}
    assert log == JoinLog(joined=2, out_of_time=1)


def test_what_clicks_and_goals_are_can_be_chosen() -> None:
    counting = Counting(frozenset({"like"}), frozenset({"add_to_cart"}))
    found, _ = joined([shown("r1", "ann")], [event("r1", "click"), event("r1", "add_to_cart", value=True)], counting)
    assert found == {"a": ([1.0], [0.0], [1.0], [0.0])}


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.sampled_from(["click", "purchase"])), max_size=30))
def test_order_and_repetition_change_nothing(drawn: list[tuple[int, int, str]]) -> None:
    exposures = [shown(f"r{k}", f"u{k % 3}", "ab"[k % 3 % 2]) for k in range(6)]
    events = [event(f"r{k}", kind, event_id=f"{n}{kind}", value=n) for k, n, kind in drawn]
    # Of two lists that claim one event the first counts, so that each event here belongs to one list.
    unique = list({item["event_id"]: item for item in events}.values())
    shuffled = unique * 2
    Random(1).shuffle(shuffled)
    expected, _ = joined(exposures, unique)
    found, log = joined(exposures[::-1] * 2, shuffled)
    for name, values in expected.items():
        assert sorted(zip(*found[name], strict=True)) == sorted(zip(*values, strict=True))
    assert log.repeated == len(unique)


@pytest.mark.parametrize("record", [{}, {"user_id": None, "event_type": "click", "recommendation_id": ["r1"]}])
def test_lines_that_are_no_events_are_passed_over(record: dict[str, Any]) -> None:
    assert joined([shown("r1", "ann")], [record])[0] == {"a": ([1.0], [0.0], [0.0], [0.0])}
