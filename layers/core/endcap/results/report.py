"""An experiment so far, from the book of results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from endcap.arrays import F64
from endcap.disclosure import may_tell
from endcap.experiments.outcomes import (
    METRICS,
    MISMATCH_P,
    VariantOutcome,
    always_valid,
    comparable,
    sample_ratio_p,
    unit_values,
)
from endcap.results.book import Book, Unit
from endcap.results.intervals import CONFIDENCE, Z, share
from endcap.results.money import added, told_money

EFFECT: Final = 0.1
"""The relative difference at which intervals are narrowest."""


def report(
    book: Book, experiment: str, order: Sequence[str], shares: Mapping[str, float], as_of_ms: int | None
) -> dict[str, Any]:
    """What has come of the variants, in the order of the experiment, the control first.

    What fewer than five shoppers did is not told: None stands for it. Nor are sums over several currencies.

    Parameters
    ----------
    order : variants as they are configured; others that are recorded come behind
    shares : as configured, of those that are
    """
    units = [unit for (name, _), unit in book.units.items() if name == experiment and unit.variant]
    names = [*order, *sorted({unit.variant for unit in units} - set(order))]
    of = {name: [unit for unit in units if unit.variant == name] for name in names}
    found = {name: _outcome(some) for name, some in of.items()}
    paid = told_money(added(unit.cents for unit in units))
    metrics = [metric for metric in METRICS if metric != "revenue" or paid["revenue"] is not None]
    times = [unit.last_ms for unit in units]
    return {
        "experiment": experiment,
        "control": names[0] if names else "",
        "from_ms": None,
        "to_ms": max(times, default=None),
        "as_of": as_of_ms or 0,
        "confidence": CONFIDENCE,
        "currencies": [one["currency"] for one in paid["revenues"]],
        "variants": [_variant(name, found[name], metrics, of[name], shares.get(name)) for name in names],
        "sample_ratio": _ratio(found, shares),
        "differences": _differences(found, names, metrics),
        "over_time": _over_time(book, experiment, found),
    }


def _outcome(units: Iterable[Unit]) -> VariantOutcome:
    rows = [(unit.lists, unit.clicked, unit.purchases > 0, sum(unit.cents.values()) / 100) for unit in units]
    columns = np.asarray(rows, dtype=np.float64).reshape(-1, 4).T
    return VariantOutcome(*columns)


def _variant(
    name: str, outcome: VariantOutcome, metrics: Sequence[str], units: Sequence[Unit], configured: float | None
) -> dict[str, Any]:
    n, told = len(outcome.lists), {one: one in metrics and may_tell(_people(outcome, one)) for one in METRICS}
    found: dict[str, Any] = {
        "name": name,
        "shoppers": n if may_tell(n) else None,
        "lists": int(outcome.lists.sum()) if may_tell(n) else None,
        "ctr": _within_shares(_mean(unit_values(outcome, "ctr"))) if n and told["ctr"] else None,
        "conversion": share(int(outcome.converted.sum()), n) if told["conversion"] else None,
        "revenue": round(float(outcome.revenue.sum()), 2) if told["revenue"] else None,
        "revenues": _revenues(units),
        "revenue_per_shopper": _mean(outcome.revenue) if n and told["revenue"] else None,
    }
    return found | ({} if configured is None else {"share": configured})


def _revenues(units: Sequence[Unit]) -> list[dict[str, Any]]:
    """What was paid in each currency, where enough shoppers have."""
    paying = Counter(currency for unit in units for currency, cents in unit.cents.items() if cents)
    found = added(unit.cents for unit in units)
    revenues: list[dict[str, Any]] = told_money({c: found[c] for c, n in paying.items() if may_tell(n)})["revenues"]
    return revenues


def _people(outcome: VariantOutcome, metric: str) -> int:
    """How many shoppers a figure is about: those that it counts, not those that it is a share of."""
    of_metric = {"ctr": outcome.clicked, "conversion": outcome.converted, "revenue": outcome.revenue}[metric]
    return int(np.count_nonzero(of_metric))


def _mean(values: F64) -> dict[str, float]:
    mean = float(values.mean())
    half = Z * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return {"value": mean, "low": mean - half, "high": mean + half}


def _within_shares(mean: dict[str, float]) -> dict[str, float]:
    """A mean that is a share, whose interval may reach beyond what a share can be."""
    return {name: min(1.0, max(0.0, value)) for name, value in mean.items()}


def _ratio(found: Mapping[str, VariantOutcome], shares: Mapping[str, float]) -> dict[str, Any] | None:
    named = [name for name in found if shares.get(name, 0.0) > 0]
    seen = [len(found[name].lists) for name in named]
    if len(named) < 2 or not sum(seen):
        return None
    p_value = sample_ratio_p(seen, [shares[name] for name in named])
    return {"p_value": p_value, "mismatch": p_value < MISMATCH_P}


def _differences(
    found: Mapping[str, VariantOutcome], names: Sequence[str], metrics: Sequence[str]
) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    for metric in metrics:
        for name in names[1:]:
            pair = [found[names[0]], found[name]]
            if not all(len(one.lists) and may_tell(_people(one, metric)) for one in pair):
                continue
            control, values = (unit_values(one, metric) for one in pair)
            tested = None
            if comparable(control, values):
                tested = always_valid(control, values, 1 - CONFIDENCE, EFFECT)
            told.append(
                {
                    "metric": metric,
                    "variant": name,
                    "difference": float(values.mean() - control.mean()),
                    "low": None if tested is None else _finite(tested.low),
                    "high": None if tested is None else _finite(tested.high),
                    "p_value": None if tested is None else tested.p_value,
                }
            )
    return told


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _over_time(book: Book, experiment: str, found: Mapping[str, VariantOutcome]) -> list[dict[str, Any]]:
    """Day by day, where lists are known and not whose: nothing of what is not told of a variant as a whole."""
    of_days: dict[tuple[str, str], list[int]] = {}
    names = {name for name, outcome in found.items() if may_tell(len(outcome.lists))}
    told = {(name, metric): may_tell(_people(found[name], metric)) for name in names for metric in METRICS}
    for cell, figures in book.cells.items():
        of, _, variant = cell.variant.partition("/")
        if of == experiment and variant in names:
            sums = of_days.setdefault((cell.day, variant), [0, 0, 0])
            for k, value in enumerate((figures.lists, figures.clicked, figures.converted)):
                sums[k] += value
    return [
        {
            "day": day,
            "variant": variant,
            "lists": lists,
            # As many lists at least as there must be people: fewer are of fewer.
            "ctr": share(clicked, lists) if told[variant, "ctr"] and may_tell(clicked) else None,
            "conversion": share(converted, lists) if told[variant, "conversion"] and may_tell(converted) else None,
        }
        for (day, variant), (lists, clicked, converted) in sorted(of_days.items())
    ]
