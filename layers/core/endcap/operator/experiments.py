"""Experiments as operators edit them: what one change does to them, and what is surely a mistake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

from endcap.errors import FieldError
from endcap.experiments.assignment import Experiment, Variant

SKEW_MS: Final = 60_000
"""Between the clocks of whoever starts or stops one and of the server: what begins or ends within it does so now."""


def changes(before: Sequence[Experiment], after: Sequence[Experiment], now_ms: int) -> Iterator[tuple[str, str]]:
    """What becomes of each experiment, as (what, name), in the order of `after`, those that are gone last.

    Whether one is running counts for more than what else was changed of it.
    """
    known, kept, at_ms = {one.name: one for one in before}, {one.name for one in after}, now_ms + SKEW_MS
    for one in after:
        was = known.get(one.name)
        if was == one:
            continue
        ran, runs = was is not None and was.running(at_ms), one.running(at_ms)
        if ran != runs:
            yield ("start_experiment" if runs else "stop_experiment"), one.name
        else:
            yield ("change_experiment" if was is not None else "create_experiment"), one.name
    for one in before:
        if one.name not in kept:
            yield "delete_experiment", one.name


def mistakes(before: Sequence[Experiment], after: Sequence[Experiment], now_ms: int) -> Iterator[FieldError]:
    """What of the experiments that are new or changed, and not over, can't be meant.

    What stands already is left alone, so that it can be stopped and others can be changed.
    """
    known = {one.name: one for one in before}
    for k, one in enumerate(after):
        if one == known.get(one.name) or one.over(now_ms + SKEW_MS):
            continue
        for n, (first, second) in _alike(one):
            yield FieldError(
                field=f"experiments.{k}.variants.{n}",
                message=f"{first.name} and {second.name} are equal in all that they change: nothing is compared",
            )


def _alike(experiment: Experiment) -> Iterator[tuple[int, tuple[Variant, Variant]]]:
    for (_, first), (n, second) in combinations(enumerate(experiment.variants), 2):
        if _effect(experiment, first) == _effect(experiment, second):
            yield n, (first, second)


def _effect(experiment: Experiment, variant: Variant) -> tuple[object, ...]:
    """All that a variant changes; the scenario that the request names anyhow changes nothing."""
    scenario = variant.scenario if variant.scenario != experiment.scenario else None
    return dict(variant.weights), scenario, variant.snapshot
