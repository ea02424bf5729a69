"""Reports of soaks that were made up, so that each finding is known beforehand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from endcap_local.bench.soak.load import Answer
from endcap_local.bench.soak.report import Found, Observed, Swapped, missing, report
from endcap_local.bench.soak.schedule import Schedule
from endcap_local.bench.soak.tables import soak_tables
from endcap_local.bench.soak.traffic import SentEvent, Shopper
from endcap_local.bench.soak.watch import Strain
from endcap_local.lambda_runtime.processes import Restart

SCHEDULE = Schedule.of(600, faults=True)
ANN, BOB = Shopper("ann", "visit-1"), Shopper("bob", "visit-2")


def view(shopper: Shopper, event_id: str, at_ms: int) -> SentEvent:
    own = {"event_id": event_id, "user_id": shopper.user_id, "event_type": "view", "item_id": "mug", "timestamp": at_ms}
    return SentEvent(shopper, own)


def stored(*moments_ms: int) -> dict[str, Any]:
    entries = [{"event_type": "view", "item_id": "mug", "timestamp": at_ms} for at_ms in moments_ms]
    return {"interactions": entries, "strong_interactions": [], "links": []}


ACCEPTED = {e.event_id: e for e in (view(ANN, "a1", 1), view(ANN, "a2", 2), view(BOB, "b1", 3))}
ANSWERS = [
    Answer("recommendations", k / 24, k / 24, k / 24 + 0.05, 200, snapshot=f"v{(k > 3_000) + (k > 12_000)}")
    for k in range(14_400)
]
SWAPS = [Swapped("promote", "v1", 36, 100.0), Swapped("flip", "v2", 72, 400.0)]
MEMORY = {"recommend-1": [(float(k), 80 + (k > 300) * 0.5) for k in range(600)]}
GOOD = Observed(ANSWERS, ACCEPTED, set(), SWAPS, [], 0.0, MEMORY, {"s3": {"pass": 3}}, Strain(0.1, 0.4, 3.0))
FOUND = Found(
    {"a1", "a2", "b1"}, {"ann": stored(1), "anon:visit-1": stored(2), "bob": stored(3)}, {"dead": 0}, 0, 2.0, 0
)


def missed(observed: Observed = GOOD, found: Found = FOUND) -> set[str]:
    return {name for name, goal in report(SCHEDULE, observed, found)["goals"].items() if not goal["met"]}


def test_a_soak_without_a_flaw_meets_every_goal() -> None:
    whole = report(SCHEDULE, GOOD, FOUND)
    assert missed() == set()
    assert whole["events"]["lost"] == 0
    assert whole["requests_per_s"] == pytest.approx(24)
    assert whole["by_kind"]["recommendations"]["statuses"] == {"200": 14_400}
    assert {row["phase"] for row in whole["lists"]["phases"]} == {"healthy", *(f.name for f in SCHEDULE.faults)}


class TestLost:
    @pytest.mark.parametrize("lost", sorted(ACCEPTED))
    def test_what_is_not_in_the_archive(self, lost: str) -> None:
        found = replace(FOUND, archived=set(FOUND.archived) - {lost})
        assert missing(ACCEPTED, set(), found.archived, found.exports) == ([lost], [])
        assert missed(found=found) == {"lost"}

    @pytest.mark.parametrize(("user_id", "lost"), [("ann", "a1"), ("anon:visit-1", "a2"), ("bob", "b1")])
    def test_what_is_not_in_the_profile(self, user_id: str, lost: str) -> None:
        for exports in ({**FOUND.exports, user_id: stored()}, {k: v for k, v in FOUND.exports.items() if k != user_id}):
            assert missing(ACCEPTED, set(), FOUND.archived, exports) == ([], [lost])
            assert missed(found=replace(FOUND, exports=exports)) == {"lost"}

    def test_what_is_in_neither_counts_once(self) -> None:
        events = report(SCHEDULE, GOOD, replace(FOUND, archived={"a1", "a2"}, exports={"ann": stored(1, 2)}))["events"]
        assert (events["missing_from_archive"], events["missing_from_profile"], events["lost"]) == (1, 1, 1)
        assert events["lost_first"] == ["b1"]

    def test_nothing_of_whom_was_asked_to_be_forgotten(self) -> None:
        found = replace(FOUND, archived=set(), exports={})
        assert missing(ACCEPTED, {ANN, BOB}, found.archived, found.exports) == ([], [])
        events = report(SCHEDULE, replace(GOOD, erased={BOB}), FOUND)["events"]
        assert (events["excused_by_erasure"], events["lost"]) == (1, 0)


@pytest.mark.parametrize(
    ("change", "goal"),
    [
        ({"waiting": {"dead": 1}}, "dead_letters"),
        ({"quarantined": 1}, "dead_letters"),
        ({"drained_s": None}, "drained"),
        ({"refused_for_good": 1}, "writes_refused_for_good"),
    ],
)
def test_what_is_left_over_misses_a_goal(change: dict[str, Any], goal: str) -> None:
    assert missed(found=replace(FOUND, **change)) == {goal}


def with_one(answer: Answer) -> Observed:
    return replace(GOOD, answers=[*ANSWERS, answer])


class TestErrors:
    @pytest.mark.parametrize("status", [0, 500, 503])
    def test_a_failed_answer_is_one_in_the_phase_it_was_sent_in(self, status: int) -> None:
        observed = with_one(Answer("events", 89.9, 95, 96, status))
        assert missed(observed) == {"errors"}
        (row,) = report(SCHEDULE, observed, FOUND)["errors"]
        assert row == {"kind": "events", "phase": "s3 hang", "status": status, "n": 1, "first_s": 95, "last_s": 95}

    def test_a_refused_request_is_the_harness_own_fault(self) -> None:
        assert missed(with_one(Answer("events", 1, 1, 1, 400))) == {"client_errors"}

    def test_a_write_that_is_put_off_while_dynamodb_fails_is_none(self) -> None:
        observed = with_one(Answer("item", 299, 299, 301, 503, put_off=True))
        assert missed(observed) == set()
        assert report(SCHEDULE, observed, FOUND)["put_off_writes"]["answers"] == 1

    @pytest.mark.parametrize("at_s", [1.0, 100.0, 400.0])
    def test_a_write_that_is_put_off_while_dynamodb_is_well_is_one(self, at_s: float) -> None:
        assert missed(with_one(Answer("item", at_s, at_s, at_s + 1, 503, put_off=True))) == {"errors"}


class TestLists:
    def test_one_phase_with_slow_lists_misses_the_goal(self) -> None:
        slow = [replace(a, done_s=a.done_s + 1) if 300 <= a.sent_s < 301 else a for a in ANSWERS]
        observed = replace(GOOD, answers=slow)
        assert missed(observed) == {"lists_worst_p99_ms"}
        lists = report(SCHEDULE, observed, FOUND)["lists"]
        assert lists["all"]["p99_ms"] < 100 < 1_000 < lists["worst_p99_ms"]
        assert {(row["phase"], row["ms"]) for row in lists["slowest"]} == {("dynamodb hang", 1_050)}

    def test_what_was_answered_too_late_is_no_part_of_the_rate(self) -> None:
        late = [replace(a, done_s=a.done_s + 120) for a in ANSWERS]
        assert "requests_per_s" in missed(replace(GOOD, answers=late))

    def test_reasons_for_poorer_lists_are_counted_by_phase(self) -> None:
        poor = Answer("search", 301, 301, 301.1, 200, degraded="profile_unavailable")
        rows = {row["phase"]: row["degraded"] for row in report(SCHEDULE, with_one(poor), FOUND)["lists"]["phases"]}
        assert rows["dynamodb hang"] == {"profile_unavailable": 1}
        assert rows["healthy"] == {}

    def test_no_list_at_all_meets_nothing(self) -> None:
        events = [replace(a, kind="events") for a in ANSWERS]
        assert "lists_worst_p99_ms" in missed(replace(GOOD, answers=events))


class TestSwaps:
    def test_a_swap_tells_when_it_was_first_served(self) -> None:
        swaps = report(SCHEDULE, GOOD, FOUND)["swaps"]
        assert [swap["first_served_after_s"] for swap in swaps] == pytest.approx([25.09, 100.09], abs=0.05)

    @pytest.mark.parametrize(
        "swap", [Swapped("promote", "v9", 36, 40.0), Swapped("promote", "v1", 36, error="refused")]
    )
    def test_a_swap_that_failed_or_was_never_served_misses_the_goal(self, swap: Swapped) -> None:
        assert missed(replace(GOOD, swaps=[*SWAPS, swap])) == {"swaps_not_served"}


def test_a_restart_is_told_with_its_reason_and_its_phase() -> None:
    observed = replace(GOOD, began_s=1_000.0, restarts=[Restart("recommend", "recommend-1", 1_100.0, "no answer")])
    assert missed(observed) == {"restarts"}
    (row,) = report(SCHEDULE, observed, FOUND)["restarts"]
    assert (row["at_s"], row["phase"], row["reason"]) == (100.0, "s3 hang", "no answer")


class TestMemory:
    def test_a_leak_misses_the_goal_whatever_came_before_the_warm_up(self) -> None:
        leak = {"recommend-1": [(float(k), 80 + k * 0.02) for k in range(600)]}
        assert missed(replace(GOOD, memory=leak)) == {"memory_growth_share"}
        warming = {"recommend-1": [(float(k), min(k, 100) + 80.0) for k in range(600)]}
        assert missed(replace(GOOD, memory=warming)) == set()

    def test_a_step_is_no_slope(self) -> None:
        step = {"recommend-1": [(float(k), 80.0 + 30 * (k > 500)) for k in range(600)]}
        (row,) = report(SCHEDULE, replace(GOOD, memory=step), FOUND)["memory"]
        assert row["growth_share"] == pytest.approx(0)
        assert (row["warm_mib"], row["end_mib"]) == (80, 110)

    def test_an_environment_that_came_later_warms_up_later(self) -> None:
        late = {"recommend-2": [(float(k), min(k - 300, 100) + 3.0) for k in range(300, 600)]}
        assert missed(replace(GOOD, memory=late)) == set()
        assert missed(replace(GOOD, memory={"recommend-2": late["recommend-2"][:140]})) == {"memory_growth_share"}

    def test_what_was_never_measured_meets_no_goal(self) -> None:
        assert missed(replace(GOOD, memory={})) == {"memory_growth_share"}


def test_tables_name_every_goal_and_whatever_went_wrong() -> None:
    observed = replace(
        with_one(Answer("events", 95, 95, 96, 500)), restarts=[Restart("recommend", "recommend-1", 100.0, "no answer")]
    )
    text = " ".join(
        cell
        for heading, rows in soak_tables(report(SCHEDULE, observed, FOUND))
        for row in (heading, *rows)
        for cell in row
    )
    for part in (
        "lists worst p99 ms",
        "missed",
        "events, s3 hang",
        "recommend-1",
        "no answer",
        "dynamodb throttle",
        "after 25.09 s",
    ):
        assert part in text
