"""Experiments: which shopper gets which variant of the ranking.

Who gets what follows from a salted hash of the shopper's id and nothing else: it needs no storage, is the same
everywhere at once, and is independent between experiments of different salts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final, Literal, get_args

from endcap.recommend.request import RecommendationRequest

Surface = Literal["recommendations", "rankings", "search", "similar", "together"]
SURFACES: Final[tuple[str, ...]] = get_args(Surface)
"""Kinds of list: what a shopper may like, given items in order, a search, what goes with given items."""

SHARE_DIGITS: Final = 9  # sums of decimal shares are off by less than that


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to rank, and the share of shoppers that get it.

    Attributes
    ----------
    weights : term -> weight, over what the scenario and the snapshot say
    scenario : named defaults, in place of the request's own scenario
    snapshot : version to rank with, in place of the current one
    """

    name: str
    share: float
    weights: Mapping[str, float] = field(default_factory=dict)
    scenario: str | None = None
    snapshot: str | None = None


@dataclass(frozen=True, slots=True)
class Experiment:
    """Variants that are compared with each other; the first one is the control.

    Attributes
    ----------
    salt : of the hash; the same salt gives the same assignment
    surfaces : kinds of list that take part
    scenario : only requests that name this scenario take part
    start_ms, end_ms : when it runs, the end excluded; None for no bound
    """

    name: str
    salt: str
    variants: tuple[Variant, ...]
    surfaces: frozenset[str] = frozenset(SURFACES)
    scenario: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None

    def over(self, now_ms: int) -> bool:
        """Whether it has ended."""
        return self.end_ms is not None and now_ms >= self.end_ms

    def running(self, now_ms: int) -> bool:
        """Whether it runs at this moment."""
        return not self.over(now_ms) and (self.start_ms is None or now_ms >= self.start_ms)

    def takes(self, surface: str, scenario: str | None) -> bool:
        """Whether requests of this kind take part.

        A variant that names a scenario replaces the request's, so an experiment with such a variant takes the requests
        that name its own `scenario`, or, where it has none, those that name none: what a request says stays said.
        """
        if surface not in self.surfaces:
            return False
        if self.scenario is None and scenario is not None:
            return not any(variant.scenario for variant in self.variants)
        return self.scenario in (None, scenario)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A shopper's variant in one list.

    Attributes
    ----------
    unit : the id that was hashed: the user's, or the session's where there is no user
    not_served : why the list was made as if there were no experiment; None where the variant made it
    """

    experiment: str
    variant: Variant
    unit: str
    not_served: str | None = None


def unit_of(user_id: str | None, session_id: str | None, request: RecommendationRequest) -> str | None:
    """The id that a request is assigned by: user, session, or what the newest event of the running session says."""
    if user_id or session_id:
        return user_id or session_id
    newest_first = sorted(request.interactions, key=lambda event: event.timestamp_ms, reverse=True)
    return next((i for event in newest_first if (i := event.anonymous_id or event.session_id)), None)


def surface_of(request: RecommendationRequest) -> str | None:
    """The kind of list that a request asks for; None for one that takes part in no experiment.

    An answer as of a moment is for analysis, and what is in demand has no variants.
    """
    if request.as_of_ms is not None or request.window is not None:
        return None
    if request.candidates is not None:
        return "rankings"
    if request.query is not None and request.query.strip():
        return "search"
    return request.relation or "recommendations"


def fraction_of(salt: str, unit: str) -> float:
    """Where a shopper stands among all, 0 <= x < 1: evenly spread, and independent between salts."""
    digest = hashlib.sha256(f"{salt}\0{unit}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) / 2**53


def variant_of(experiment: Experiment, unit: str) -> Variant | None:
    """The variant that a shopper gets; None for the share that sees no experiment.

    Variants take up the line from 0 to 1 in their order, so that nobody changes where the last share grows, or where a
    variant is added behind.
    """
    place = fraction_of(experiment.salt, unit)
    ends = accumulate(variant.share for variant in experiment.variants)
    for variant, end in zip(experiment.variants, ends, strict=True):
        if place < round(end, SHARE_DIGITS):
            return variant
    return None


def assigned(
    experiments: Iterable[Experiment], unit: str | None, surface: str | None, scenario: str | None, now_ms: int
) -> Assignment | None:
    """The first running experiment that takes the request and has a variant for the shopper; None for none.

    Later experiments see the shoppers whom earlier ones leave out. As salts make that choice independent of theirs,
    their variants stay comparable.
    """
    if unit is None or surface is None:
        return None
    for experiment in experiments:
        if experiment.running(now_ms) and experiment.takes(surface, scenario):
            variant = variant_of(experiment, unit)
            if variant is not None:
                return Assignment(experiment.name, variant, unit)
    return None


def other_snapshot(experiments: Iterable[Experiment], now_ms: int) -> str | None:
    """The snapshot that experiments which are not over rank with beside the current one."""
    versions = (v.snapshot for e in experiments if not e.over(now_ms) for v in e.variants)
    return next((version for version in versions if version), None)


def running(experiments: Iterable[Experiment], now_ms: int) -> list[dict[str, Any]]:
    """The running experiments as JSON objects, for people who want to know how they are ranked for."""
    return [
        {
            "name": experiment.name,
            "surfaces": [surface for surface in SURFACES if surface in experiment.surfaces],
            "variants": [{"name": variant.name, "share": variant.share} for variant in experiment.variants],
        }
        | ({"scenario": experiment.scenario} if experiment.scenario else {})
        | ({"start": experiment.start_ms} if experiment.start_ms is not None else {})
        | ({"end": experiment.end_ms} if experiment.end_ms is not None else {})
        for experiment in experiments
        if experiment.running(now_ms)
    ]
