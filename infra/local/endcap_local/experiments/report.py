"""The report of an experiment: each variant's numbers, whether to believe them, and which differences they show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from endcap.disclosure import may_tell
from endcap.errors import FieldError, InvalidInputError, NotFoundError
from endcap.experiments.assignment import Experiment
from endcap.experiments.config import KEY, read_experiments
from endcap.experiments.outcomes import VariantOutcome
from endcap.pseudonyms import PseudonymKeys
from endcap_local.experiments.archive import Archive, ReadLog, records
from endcap_local.experiments.comparing import (
    METRICS,
    MISMATCH_P,
    Difference,
    SampleRatio,
    always_valid,
    comparable,
    fixed_horizon,
    sample_ratio,
    unit_values,
)
from endcap_local.experiments.joining import Counting, Exposures, JoinLog, exposures_of, outcomes
from endcap_rebuild.data.people import People

DEFAULT_EFFECT: Final = 0.1

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ReportSettings:
    """How to report.

    Attributes
    ----------
    experiment : its name; may be None where the archive holds just one
    alpha : of each metric, shared evenly by the comparisons of the variants with the control
    effect : see `comparing.always_valid`
    metric : names the winner
    """

    experiment: str | None = None
    counting: Counting = field(default_factory=Counting)
    alpha: float = 0.05
    effect: float = DEFAULT_EFFECT
    metric: str = "conversion"
    control: str | None = None


def configured(archive: Archive, config: bytes | None) -> tuple[Experiment, ...]:
    """The experiments of a document, or of the archive's own; none where it has none.

    Raises
    ------
    InvalidInputError : the document is not usable
    """
    if config is None:
        try:
            with archive.open(KEY) as file:
                config = file.read()
        except NotFoundError:
            return ()
    return read_experiments(config)


def report(
    archive: Archive,
    experiments: Iterable[Experiment],
    settings: ReportSettings,
    progress: Progress,
    keys: PseudonymKeys | None = None,
) -> dict[str, Any]:
    """The report as a JSON object.

    What is about fewer than five shoppers is not told: `null` stands for it, and for what would give it away. Nor is
    revenue where goals are in several currencies, unless the settings name one of them.

    Parameters
    ----------
    keys : of the archive's pseudonyms; without them a shopper counts once for plain records and once for each key

    Raises
    ------
    InvalidInputError : a setting does not fit the data
    NotFoundError : no exposures of the experiment are there
    """
    by_name = {experiment.name: experiment for experiment in experiments}
    starts_ms = {experiment.name: experiment.start_ms for experiment in by_name.values() if experiment.start_ms}
    log, joined, people = ReadLog(), JoinLog(), People(keys)
    progress("reading exposures", 0, 0)
    shown = records(archive, "exposures", log, starts_ms.get(settings.experiment or ""))
    name, exposures = _chosen(exposures_of(shown, settings.experiment, starts_ms, people), settings)
    plan = by_name.get(name)
    progress("reading events", 0, 0)
    done = records(archive, "events", log, exposures.first_ms)
    found = outcomes(exposures, done, settings.counting, joined, people)
    order = _order(found, plan, settings)
    ratio = _ratio(found, order, plan)
    added_up = settings.counting.currency is not None or len(joined.currencies) < 2
    comparisons = _comparisons(found, order, settings, [one for one in METRICS if one != "revenue" or added_up])
    believed = ratio is None or not ratio.mismatch
    winner = _winner(comparisons, order, settings.metric) if believed else None
    return {
        "experiment": name,
        "configured": plan is not None,
        "from": _iso(exposures.first_ms),
        "to": _iso(exposures.last_ms),
        "settings": _told(settings) | {"control": order[0]},
        "read": asdict(log),
        "events": asdict(joined),
        "units": len(exposures.variants),
        "units_in_several_variants": sum(variant is None for variant in exposures.variants.values()),
        "not_served": dict(exposures.not_served),
        "variants": [_variant(variant, found[variant], plan, added_up=added_up) for variant in order],
        "sample_ratio": None if ratio is None else asdict(ratio) | {"mismatch": ratio.mismatch, "alarm": MISMATCH_P},
        "comparisons": comparisons,
        "winner": winner,
    }


def _chosen(found: Mapping[str, Exposures], settings: ReportSettings) -> tuple[str, Exposures]:
    if not found:
        what = f"experiment {settings.experiment}" if settings.experiment else "any experiment"
        raise NotFoundError(f"the archive has no exposures of {what}")
    if len(found) > 1:
        raise _invalid("experiment", f"must be one of {', '.join(sorted(found))}")
    return next(iter(found.items()))


def _order(found: Mapping[str, VariantOutcome], plan: Experiment | None, settings: ReportSettings) -> list[str]:
    """The variants, the control first: the one that is asked for, or the first of the configuration."""
    planned = [] if plan is None else [variant.name for variant in plan.variants]
    order = [name for name in planned if name in found] + sorted(set(found) - set(planned))
    if len(order) < 2:
        raise NotFoundError("fewer than two variants have shoppers, so there is nothing to compare")
    control = settings.control or order[0]
    if control not in found:
        raise _invalid("control", f"must be one of {', '.join(order)}")
    return [control, *(name for name in order if name != control)]


def _ratio(found: Mapping[str, VariantOutcome], order: Sequence[str], plan: Experiment | None) -> SampleRatio | None:
    """None where it is not known which shares were meant."""
    if plan is None:
        return None
    shares = {variant.name: variant.share for variant in plan.variants if variant.share > 0}
    if not set(order) <= set(shares):
        return None
    # Variants that nobody has seen are the clearest mismatch of all.
    return sample_ratio([len(found[name].lists) if name in found else 0 for name in shares], list(shares.values()))


def _variant(name: str, outcome: VariantOutcome, plan: Experiment | None, *, added_up: bool) -> dict[str, Any]:
    units, lists = len(outcome.lists), outcome.lists.sum()
    share = next((v.share for v in plan.variants if v.name == name), None) if plan else None
    told: dict[str, Any] = {
        "name": name,
        "share": share,
        "units": units,
        "lists": int(lists),
        "clicked_lists": int(outcome.clicked.sum()),
        "ctr": float(outcome.clicked.sum() / lists),
        "converted_units": int(outcome.converted.sum()),
        "conversion": float(outcome.converted.mean()),
        "revenue": float(outcome.revenue.sum()),
        "revenue_per_unit": float(outcome.revenue.mean()),
    }
    for metric, fields in _ABOUT.items():
        if not may_tell(_people(outcome, metric)) or (metric == "revenue" and not added_up):
            told |= dict.fromkeys(fields)
    return told


_ABOUT: Final[Mapping[str, tuple[str, ...]]] = {
    "units": ("units", "lists"),
    "ctr": ("clicked_lists", "ctr"),
    "conversion": ("converted_units", "conversion"),
    "revenue": ("revenue", "revenue_per_unit"),
}
"""What a metric's figures are called: all of them tell of the shoppers that it counts."""


def _people(outcome: VariantOutcome, metric: str) -> int:
    """How many shoppers a figure of a variant is about: those that it counts, not those that it is a share of."""
    if metric == "units":
        return len(outcome.lists)
    of_metric = {"ctr": outcome.clicked, "conversion": outcome.converted, "revenue": outcome.revenue}[metric]
    return int(np.count_nonzero(of_metric))


def _comparisons(
    found: Mapping[str, VariantOutcome], order: Sequence[str], settings: ReportSettings, metrics: Sequence[str]
) -> list[dict[str, Any]]:
    """Every variant beside the control in every metric; tests are None where there is too little to test."""
    alpha = settings.alpha / (len(order) - 1)
    compared = []
    for metric in metrics:
        values = {name: unit_values(found[name], metric) for name in order}
        if metric == "revenue" and not any(revenue.any() for revenue in values.values()):
            continue
        control = values[order[0]]
        for name in order[1:]:
            if not all(may_tell(_people(found[one], metric)) for one in (order[0], name)):
                compared.append(dict.fromkeys(("difference", *_TESTED)) | {"metric": metric, "variant": name})
                continue
            difference = float(values[name].mean() - control.mean())
            enough = comparable(control, values[name])
            fixed = fixed_horizon(control, values[name], metric, alpha) if enough else None
            always = always_valid(control, values[name], alpha, settings.effect) if enough else None
            compared.append(
                {
                    "metric": metric,
                    "variant": name,
                    "difference": difference,
                    "relative": difference / control.mean() if control.mean() else None,
                    "fixed_horizon": None if fixed is None else _test(fixed),
                    "always_valid": None if always is None else _test(always),
                }
            )
    return compared


_TESTED: Final = ("relative", "fixed_horizon", "always_valid")


def _winner(comparisons: Sequence[Mapping[str, Any]], order: Sequence[str], metric: str) -> str | None:
    """The best of the variants that are shown to beat the control; the control, where all are shown to be worse."""
    tested = [c for c in comparisons if c["metric"] == metric and c["always_valid"] is not None]
    better = [c for c in tested if c["always_valid"]["low"] is not None and c["always_valid"]["low"] > 0]
    if better:
        return str(max(better, key=lambda c: float(c["difference"]))["variant"])
    worse = [c for c in tested if c["always_valid"]["high"] is not None and c["always_valid"]["high"] < 0]
    return order[0] if len(worse) == len(order) - 1 else None


def _test(found: Difference) -> dict[str, float | None]:
    """JSON knows no infinity: an interval without bounds has none."""
    bounded = abs(found.low) != float("inf")
    low, high = (found.low, found.high) if bounded else (None, None)
    return {"p_value": found.p_value, "low": low, "high": high}


def _told(settings: ReportSettings) -> dict[str, Any]:
    counting = settings.counting
    return {
        "clicks": sorted(counting.clicks),
        "goals": sorted(counting.goals),
        "within_s": counting.within_ms / 1000,
        "attribution": counting.attribution,
        "currency": counting.currency,
        "alpha": settings.alpha,
        "effect": settings.effect,
        "metric": settings.metric,
    }


def _iso(ms: int | None) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


def _invalid(name: str, message: str) -> InvalidInputError:
    return InvalidInputError([FieldError(field=name, message=message)])
