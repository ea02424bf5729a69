"""Exposures and events joined: what each shopper of an experiment was shown, and what came of it.

The unit of analysis is the unit of assignment, the shopper: lists of one shopper are not independent of each other, and
a test that took them so would find differences where there are none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from sys import intern
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from endcap.events.types import ALIASES
from endcap.experiments.outcomes import VariantOutcome
from endcap.results.money import currency_of
from endcap.validation import timestamp_ms
from endcap_rebuild.data.people import People, unit_of, user_of

Attribution = Literal["recommendation", "user"]

CLOCK_SLACK_MS: Final = 5 * 60_000
"""Clients' clocks may be behind ours by this much, so an event may seem to come before the list it came from."""


@dataclass(frozen=True, slots=True)
class Counting:
    """What counts, and how long.

    Attributes
    ----------
    clicks, goals : event types; a shopper who opened the page of a shown item has clicked
    within_ms : how long after a list an event still counts for it
    attribution : goals count by the list's id on the event, or whatever the shopper reached after the first list
    currency : whose amounts make up the revenue; None for whatever goals name, as long as it is one
    """

    clicks: frozenset[str] = frozenset({"click", "view"})
    goals: frozenset[str] = frozenset({"purchase"})
    within_ms: int = 7 * 86_400_000
    attribution: Attribution = "recommendation"
    currency: str | None = None


class Shown(NamedTuple):
    """A list that a shopper got: the shopper, when, and the items."""

    unit: str
    at_ms: int
    item_ids: tuple[str, ...]


@dataclass
class Exposures:
    """The lists of one experiment.

    Attributes
    ----------
    lists : recommendation id -> what was shown
    variants : shopper -> variant; None for one who got several, which happens when shares or the salt have changed
    not_served : reason -> lists that were made as if there were no experiment
    """

    lists: dict[str, Shown] = field(default_factory=dict)
    variants: dict[str, str | None] = field(default_factory=dict)
    not_served: Counter[str] = field(default_factory=Counter)
    first_ms: int | None = None
    last_ms: int | None = None


@dataclass
class JoinLog:
    """What became of events that carry the id of a list or name a shopper of the experiment.

    Attributes
    ----------
    joined : counted
    repeated : the same event (user and event id) once more
    other_item : about an item that its list did not show
    out_of_time : before the list, or later than the window
    currencies : currency of goals -> how many of them have an amount in it; "" for those that name none
    """

    joined: int = 0
    repeated: int = 0
    other_item: int = 0
    out_of_time: int = 0
    currencies: dict[str, int] = field(default_factory=dict, compare=False)


def exposures_of(
    records: Iterable[Mapping[str, Any]],
    experiment: str | None = None,
    starts_ms: Mapping[str, int] = MappingProxyType({}),
    people: People | None = None,
) -> dict[str, Exposures]:
    """The lists of each experiment (or of one) since its start; a list that is recorded twice counts once.

    Parameters
    ----------
    people : by whose names shoppers are told
    """
    people = people or People()
    found: dict[str, Exposures] = {}
    for record in records:
        name, variant, key = (record.get(k) for k in ("experiment", "variant", "recommendation_id"))
        unit, at_ms = unit_of(record, people), record.get("at_ms", record.get("timestamp"))
        if not (isinstance(name, str) and isinstance(variant, str) and isinstance(unit, str) and isinstance(key, str)):
            continue
        if experiment not in (None, name) or not isinstance(at_ms, int):
            continue
        one = found.setdefault(name, Exposures())
        if key in one.lists or at_ms < starts_ms.get(name, 0):
            continue
        unit = intern(unit)
        one.lists[key] = Shown(unit, at_ms, _item_ids(record.get("items")))
        before = one.variants.setdefault(unit, variant)
        if before != variant:
            one.variants[unit] = None
        if reason := record.get("not_served"):
            one.not_served[str(reason)] += 1
        one.first_ms = at_ms if one.first_ms is None else min(one.first_ms, at_ms)
        one.last_ms = at_ms if one.last_ms is None else max(one.last_ms, at_ms)
    return found


def outcomes(
    exposures: Exposures,
    events: Iterable[Mapping[str, Any]],
    counting: Counting,
    log: JoinLog,
    people: People | None = None,
) -> dict[str, VariantOutcome]:
    """What came of the lists of each variant; shoppers who got several variants are left out.

    Parameters
    ----------
    events : interactions as they are archived
    log : is told what was not counted
    people : by whose names shoppers are told, those of the exposures too
    """
    people = people or People()
    clicked: set[str] = set()
    revenue: dict[str, float] = {}
    counted: set[tuple[str, str]] = set()
    first_list = _first_lists(exposures) if counting.attribution == "user" else {}
    for event in events:
        kind = ALIASES.get(str(event.get("event_type")), str(event.get("event_type")))
        is_goal, is_click = kind in counting.goals, kind in counting.clicks
        if not (is_goal or is_click):
            continue
        shown = exposures.lists.get(str(event.get("recommendation_id")))
        user = user_of(event, people)
        after_first = first_list.get(user) if is_goal else None
        source = after_first or shown
        if source is None:
            continue
        identity = (user, str(event.get("event_id")))
        if identity in counted:
            log.repeated += 1
        elif after_first is None and event.get("item_id") not in source.item_ids:
            log.other_item += 1
        elif not -CLOCK_SLACK_MS <= _time_of(event) - source.at_ms <= counting.within_ms:
            log.out_of_time += 1
        else:
            counted.add(identity)
            log.joined += 1
            if is_goal:
                revenue[source.unit] = revenue.get(source.unit, 0.0) + _paid(event, counting, log)
            elif shown is not None:
                clicked.add(str(event["recommendation_id"]))
    return _by_variant(exposures, clicked, revenue)


def _by_variant(exposures: Exposures, clicked: set[str], revenue: Mapping[str, float]) -> dict[str, VariantOutcome]:
    lists, clicks = Counter[str](), Counter[str]()
    for key, shown in exposures.lists.items():
        lists[shown.unit] += 1
        clicks[shown.unit] += key in clicked
    members: dict[str, list[str]] = {}
    for unit, variant in exposures.variants.items():
        if variant is not None:
            members.setdefault(variant, []).append(unit)
    return {
        variant: VariantOutcome(
            lists=np.asarray([lists[unit] for unit in units], dtype=np.float64),
            clicked=np.asarray([clicks[unit] for unit in units], dtype=np.float64),
            converted=np.asarray([unit in revenue for unit in units], dtype=np.float64),
            revenue=np.asarray([revenue.get(unit, 0.0) for unit in units], dtype=np.float64),
        )
        for variant, units in members.items()
    }


def _first_lists(exposures: Exposures) -> dict[str, Shown]:
    first: dict[str, Shown] = {}
    for shown in exposures.lists.values():
        if shown.unit not in first or shown.at_ms < first[shown.unit].at_ms:
            first[shown.unit] = shown
    return first


def _item_ids(items: object) -> tuple[str, ...]:
    places = items if isinstance(items, list) else ()
    return tuple(intern(str(place.get("item_id"))) for place in places if isinstance(place, dict))


def _time_of(event: Mapping[str, Any]) -> float:
    try:
        return timestamp_ms(event.get("timestamp"))
    except ValueError:
        return float("-inf")


def _paid(event: Mapping[str, Any], counting: Counting, log: JoinLog) -> float:
    """The amount of a goal, 0 where it is in another currency than is asked for."""
    value, currency = _value_of(event), currency_of(event.get("properties"))
    if value:
        log.currencies[currency] = log.currencies.get(currency, 0) + 1
    return value if counting.currency in (None, currency) else 0.0


def _value_of(event: Mapping[str, Any]) -> float:
    value = event.get("value")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
