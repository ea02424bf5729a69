"""What lists do to items, brands, sellers and groups of shoppers: the part `fairness` of an evaluation's report.

Every figure has a 95 % interval from the same draws of users. Several figures beside each other contradict each other
(arXiv 2405.18276); none of them is a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from endcap.arrays import F64, I32
from endcap.catalog.item import Item
from endcap_rebuild.data.event_table import EventTable
from endcap_rebuild.evaluation.groups import (
    MIN_USERS,
    ItemGroups,
    UserGroups,
    activity_groups,
    shares,
    user_members,
)
from endcap_rebuild.evaluation.questions import Questions
from endcap_rebuild.metrics.bootstrap import around, drawn_times, ratios
from endcap_rebuild.metrics.exposure import exposure_by_owner, gini, mean_of_lists, members_of_lists, miscalibration
from endcap_rebuild.metrics.ranks import Ranked, per_question

DRAWS: Final = 200
"""As many as the ends of a 95 % interval need to be told apart; a catalogue is sorted in each."""
QUALITY: Final = ("ndcg_at_10", "recall_at_10")
_DENSE: Final = 4_000_000
"""Numbers of one block of draws."""

_SHARE: Final = (0.0, 1.0)

Figure = dict[str, float]


class Served(Protocol):
    """One seed of an evaluation: its questions, what was known, and each model's lists."""

    @property
    def questions(self) -> Questions: ...

    @property
    def table(self) -> EventTable: ...

    @property
    def ranked(self) -> Mapping[str, Ranked]: ...


@dataclass(frozen=True)
class _Seed:
    """What is the same for all models of one seed.

    users : int (q,), place of each question's user among those of all seeds
    """

    served: Served
    users: NDArray[np.int64]
    n_users: int
    n_items: int
    categories: Any

    @cached_property
    def popularity(self) -> F64:
        """float64 (n,): share of the known users who have touched each item."""
        table = self.served.table
        pairs = np.unique(table.user.astype(np.int64) << 32 | table.item)
        touched = np.bincount(pairs & 0xFFFFFFFF, minlength=self.n_items)
        return np.asarray(touched / max(len(np.unique(table.user)), 1), dtype=np.float64)

    @cached_property
    def history(self) -> Any:
        """CSR float64 (q, items): how often each item stands in each history."""
        questions = self.served.questions
        lengths = questions.end - questions.first
        starts = np.append(0, np.cumsum(lengths))
        rows = np.arange(starts[-1]) + np.repeat(questions.first - starts[:-1], lengths)
        stands = (np.ones(len(rows)), questions.table.item[rows], starts)
        return sparse.csr_array(stands, shape=(len(lengths), self.n_items))

    @cached_property
    def history_popularity(self) -> F64:
        """float64 (q,): mean popularity of what stands in each history."""
        counts = np.diff(self.history.indptr)
        total = self.history @ self.popularity
        return np.asarray(np.divide(total, counts, out=np.full(len(counts), np.nan), where=counts > 0))

    def by_user(self, values: F64, chosen: NDArray[np.bool_] | None = None) -> tuple[F64, F64]:
        """Sum and count of a figure of questions for each user; questions without one are left out."""
        usable = np.isfinite(values) if chosen is None else np.isfinite(values) & chosen
        users = self.users[usable]
        sums, counts = (np.bincount(users, each, minlength=self.n_users) for each in (values[usable], None))
        return sums.astype(np.float64), counts.astype(np.float64)


def fairness_of(
    seeds: Sequence[Served], items: Sequence[Item], groups: Sequence[ItemGroups], users: UserGroups
) -> dict[str, Any]:
    """The part `fairness` of a report.

    Returns
    -------
    draws, catalogue (Gini of the known demand, share of items with any), user_groups (attributes used, and those
    passed over), and by model: exposure_gini, coverage, popularity_lift, popularity, history_popularity,
    miscalibration (None where nothing has categories), exposure (field -> groups), by_activity, by_user_group
    """
    names = sorted({name for served in seeds for name in _names(served)})
    place = {name: number for number, name in enumerate(names)}
    categories = _categories(items)
    parts = [
        _Seed(served, np.array([place[n] for n in _names(served)]), len(names), len(items), categories)
        for served in seeds
    ]
    times = drawn_times(len(names), DRAWS)
    members = {field: user_members(values, names) for field, values in users.values.items()}
    touched = [part.popularity > 0 for part in parts]
    demand = [np.bincount(part.served.table.item, minlength=len(items)) for part in parts]
    return {
        "draws": DRAWS,
        "catalogue": {
            "demand_gini": float(np.mean([gini(each) for each in demand])),
            "touched": float(np.mean([each.mean() for each in touched])),
        },
        "user_groups": {"attributes": list(members), "passed_over": list(users.passed_over)},
        "models": {name: _of_model(parts, name, groups, members, times) for name in seeds[0].ranked},
    }


def _of_model(
    parts: Sequence[_Seed],
    name: str,
    groups: Sequence[ItemGroups],
    members: Mapping[str, Sequence[tuple[str, NDArray[np.bool_]]]],
    times: F64,
) -> dict[str, Any]:
    measured = [per_question(part.served.ranked[name]) for part in parts]
    return {
        **_evenness(parts, name, times),
        **_popularity(parts, name, times),
        "miscalibration": _calibration(parts, name, times),
        "exposure": {each.field: _by_item_group(parts, name, each, times) for each in groups},
        "by_activity": _by_activity(parts, measured, times),
        "by_user_group": {field: _by_user_group(parts, measured, who, times) for field, who in members.items()},
    }


def _names(served: Served) -> list[str]:
    questions = served.questions
    return [questions.table.user_ids[user] for user in questions.users.tolist()]


def _categories(items: Sequence[Item]) -> Any:
    """CSR float64 (items, categories): each item divided among its categories."""
    number: dict[str, int] = {}
    own = [[number.setdefault(name, len(number)) for name in dict.fromkeys(item.categories)] for item in items]
    lengths = np.array([len(each) for each in own])
    data = np.repeat(1 / np.maximum(lengths, 1), lengths)
    indices = np.array([row for each in own for row in each], dtype=np.int64)
    return sparse.csr_array((data, indices, np.append(0, np.cumsum(lengths))), shape=(len(items), len(number)))


def _lists(part: _Seed, name: str) -> I32:
    return part.served.ranked[name].lists


def _evenness(parts: Sequence[_Seed], name: str, times: F64) -> dict[str, Figure]:
    found: dict[str, list[tuple[float, F64]]] = {"exposure_gini": [], "coverage": []}
    for part in parts:
        given = exposure_by_owner(_lists(part, name), part.users, part.n_users, part.n_items)
        given = given[:, np.flatnonzero(np.bincount(given.indices, minlength=part.n_items))]
        drawn = [_even(times[rows] @ given, part.n_items) for rows in _blocks(given.shape[1])]
        of_all = _even(np.asarray(given.sum(axis=0))[None, :], part.n_items)
        for place, figure in enumerate(found.values()):
            figure.append((float(of_all[place][0]), np.concatenate([each[place] for each in drawn])))
    return {figure: _mean_around(values) for figure, values in found.items()}


def _even(exposure: F64, n_items: int) -> tuple[F64, F64]:
    """Gini and coverage of each row: float64 (draws,) each."""
    return gini(exposure, n_items), np.count_nonzero(exposure, axis=1) / n_items


def _blocks(width: int) -> list[slice]:
    size = max(1, _DENSE // max(width, 1))
    return [slice(start, start + size) for start in range(0, DRAWS, size)]


def _mean_around(values: Sequence[tuple[float, F64]]) -> Figure:
    """The mean over seeds, for which the same users are drawn."""
    value, drawn = np.mean([value for value, _ in values]), np.mean([drawn for _, drawn in values], axis=0)
    return around(float(value), drawn, _SHARE)


Sums = Callable[[_Seed], tuple[F64, F64]]


def _ratio(parts: Sequence[_Seed], sums: Sums, times: F64, less: float = 0.0) -> Figure | None:
    """A figure that is a sum over users divided by another, over all seeds together; None where that is nothing."""
    return _ratio_of([sums(part) for part in parts], times, less)


def _ratio_of(
    pairs: Sequence[tuple[F64, F64]], times: F64, less: float = 0.0, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> Figure | None:
    total, weight = (np.sum([pair[k] for pair in pairs], axis=0)[:, None] for k in (0, 1))
    value, drawn = ratios(total, weight, times)
    return around(float(value[0]) - less, drawn[:, 0] - less, bounds) if np.isfinite(value[0]) else None


def _popularity(parts: Sequence[_Seed], name: str, times: F64) -> dict[str, Any]:
    """How popular the items shown are, beside those of the histories that the lists are for."""

    def both(part: _Seed) -> tuple[F64, F64]:
        shown = mean_of_lists(_lists(part, name), part.popularity)
        known = part.history_popularity
        usable = np.isfinite(shown) & np.isfinite(known)
        return part.by_user(shown, usable)[0], part.by_user(known, usable)[0]

    def shown(part: _Seed) -> tuple[F64, F64]:
        return part.by_user(mean_of_lists(_lists(part, name), part.popularity))

    return {
        "popularity_lift": _ratio(parts, both, times, less=1.0),
        "popularity": _ratio(parts, shown, times),
        "history_popularity": _ratio(parts, lambda part: part.by_user(part.history_popularity), times),
    }


def _calibration(parts: Sequence[_Seed], name: str, times: F64) -> Figure | None:
    def diverging(part: _Seed) -> tuple[F64, F64]:
        shown = members_of_lists(_lists(part, name), part.n_items)
        return part.by_user(miscalibration(part.history, shown, part.categories))

    return _ratio(parts, diverging, times) if parts[0].categories.shape[1] else None


def _by_item_group(parts: Sequence[_Seed], name: str, groups: ItemGroups, times: F64) -> list[dict[str, Any]]:
    """Each group's share of the exposure, beside its shares of the catalogue and of what was chosen next."""
    n_groups = len(groups.names)
    member = sparse.csr_array(
        (np.ones(len(groups.of_item)), (np.arange(len(groups.of_item)), groups.of_item)),
        shape=(len(groups.of_item), n_groups),
    )
    given = np.zeros((parts[0].n_users, n_groups))
    chosen = np.zeros(n_groups)
    for part in parts:
        exposure = exposure_by_owner(_lists(part, name), part.users, part.n_users, part.n_items)
        given += (exposure @ member).todense()
        chosen += np.bincount(groups.of_item[part.served.questions.items], minlength=n_groups)
    every = np.repeat(given.sum(axis=1)[:, None], n_groups, axis=1)
    value, drawn = ratios(given, every, times)
    of_catalogue, of_choices = shares(groups.sizes.astype(np.float64)), shares(chosen)
    return [
        {
            "group": group,
            "items": int(groups.sizes[k]),
            "catalogue_share": float(of_catalogue[k]),
            "chosen_share": float(of_choices[k]),
            "exposure_share": around(float(value[k]), drawn[:, k], _SHARE),
            "exposure_to_catalogue": float(value[k] / of_catalogue[k]) if of_catalogue[k] else None,
        }
        for k, group in enumerate(groups.names)
    ]


Rows = Sequence[NDArray[np.bool_]]
"""For each seed, bool (q,): some of its questions."""
Measured = Sequence[Mapping[str, F64]]
"""For each seed, the figures of each question."""


def _by_activity(parts: Sequence[_Seed], measured: Measured, times: F64) -> list[dict[str, Any]]:
    """Quality for thirds of the questions, by how long their histories are; the thirds are those of all seeds."""
    lengths = [part.served.questions.end - part.served.questions.first for part in parts]
    ends = np.cumsum([len(own) for own in lengths])[:-1]
    return [
        {"events": label, **_quality(parts, measured, times, np.split(chosen, ends))}
        for label, chosen in activity_groups(np.concatenate(lengths))
    ]


def _by_user_group(
    parts: Sequence[_Seed], measured: Measured, members: Sequence[tuple[str, NDArray[np.bool_]]], times: F64
) -> list[dict[str, Any]]:
    """Quality for each value of an attribute; values of fewer than `MIN_USERS` users who were asked are left out."""
    found = [
        {"group": value, **_quality(parts, measured, times, [who[part.users] for part in parts])}
        for value, who in members
    ]
    return [row for row in found if row["users"] >= MIN_USERS]


def _quality(parts: Sequence[_Seed], measured: Measured, times: F64, rows: Rows) -> dict[str, Any]:
    asked = np.unique(np.concatenate([part.users[own] for part, own in zip(parts, rows, strict=True)]))
    found: dict[str, Any] = {"questions": int(sum(own.sum() for own in rows)), "users": len(asked)}
    for figure in QUALITY:
        each = zip(parts, measured, rows, strict=True)
        found[figure] = _ratio_of(
            [part.by_user(values[figure], own) for part, values, own in each], times, bounds=_SHARE
        )
    return found
