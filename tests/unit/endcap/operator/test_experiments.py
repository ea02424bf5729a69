"""What operators' changes do to experiments, and which of them can't be meant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from endcap.experiments.assignment import Experiment, Variant
from endcap.operator.experiments import SKEW_MS, changes, mistakes

NOW_MS = 1_768_471_200_000
HOUR_MS = 3_600_000
CONTROL, VARIED = Variant("control", 0.5), Variant("varied", 0.5, {"text": 2.0})
RUNS = Experiment("runs", "runs", (CONTROL, VARIED))
PLANNED = replace(RUNS, name="planned", start_ms=NOW_MS + HOUR_MS)
OVER = replace(RUNS, name="over", end_ms=NOW_MS - HOUR_MS)
IDLE = replace(RUNS, name="idle", variants=(CONTROL, replace(CONTROL, name="twin")))


def done(*after: Experiment, before: tuple[Experiment, ...] = (RUNS, PLANNED, OVER)) -> list[tuple[str, str]]:
    return list(changes(before, after, NOW_MS))


def test_each_experiment_that_was_changed_is_named_with_what_was_done() -> None:
    stopped, begun = replace(RUNS, end_ms=NOW_MS), replace(PLANNED, start_ms=NOW_MS)
    later, new = replace(PLANNED, start_ms=NOW_MS + 2 * HOUR_MS), replace(RUNS, name="new")
    assert done(RUNS, PLANNED, OVER) == []
    assert done(stopped, PLANNED, OVER) == [("stop_experiment", "runs")]
    assert done(RUNS, begun, OVER) == [("start_experiment", "planned")]
    assert done(RUNS, later, OVER) == [("change_experiment", "planned")]
    assert done(RUNS, PLANNED, OVER, new) == [("start_experiment", "new")]
    assert done(RUNS, PLANNED, OVER, replace(PLANNED, name="new")) == [("create_experiment", "new")]
    assert done(stopped, begun) == [
        ("stop_experiment", "runs"),
        ("start_experiment", "planned"),
        ("delete_experiment", "over"),
    ]


def test_what_a_clock_that_is_a_little_ahead_stops_or_starts_is_stopped_or_started() -> None:
    ahead = NOW_MS + SKEW_MS // 2
    assert done(replace(RUNS, end_ms=ahead), PLANNED, OVER) == [("stop_experiment", "runs")]
    assert done(RUNS, replace(PLANNED, start_ms=ahead), OVER) == [("start_experiment", "planned")]


@pytest.mark.parametrize(
    ("scenario", "variants"),
    [
        (None, (CONTROL, Variant("b", 0.5))),
        (None, (VARIED, replace(VARIED, name="b"))),
        ("home", (CONTROL, Variant("b", 0.5, scenario="home"))),  # which is what the request names anyhow
        (None, (CONTROL, VARIED, Variant("b", 0.0))),
    ],
)
def test_variants_that_are_equal_in_all_that_they_change_are_a_mistake(
    scenario: str | None, variants: tuple[Variant, ...]
) -> None:
    idle = Experiment("idle", "idle", variants, scenario=scenario)
    (wrong,) = mistakes([RUNS], [RUNS, idle], NOW_MS)
    assert wrong["field"] == f"experiments.1.variants.{len(variants) - 1}"
    assert wrong["message"].startswith(f"{variants[0].name} and b are equal in all that they change")


@pytest.mark.parametrize(
    "other",
    [VARIED, Variant("b", 0.5, scenario="home"), Variant("b", 0.5, snapshot="v2"), Variant("b", 1, {"text": 0})],
)
def test_variants_that_change_anything_are_none(other: Variant) -> None:
    assert list(mistakes([], [replace(RUNS, variants=(CONTROL, other))], NOW_MS)) == []


def test_what_stands_already_can_be_left_and_stopped_and_not_begun() -> None:
    assert list(mistakes([IDLE], [IDLE, RUNS], NOW_MS)) == []
    assert list(mistakes([IDLE], [replace(IDLE, end_ms=NOW_MS)], NOW_MS)) == []
    planned = replace(IDLE, start_ms=NOW_MS + HOUR_MS)
    assert len(list(mistakes([planned], [replace(planned, start_ms=NOW_MS)], NOW_MS))) == 1
